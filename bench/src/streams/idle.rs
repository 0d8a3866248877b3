//! What partitions cost that nobody uses, and how long a start takes behind them and a long log.

use std::fmt;
use std::time::{Duration, Instant};

use coilgun_protocol::model::{AckLevel, Ticket};
use coilgun_protocol::native::{ClientFrame, StreamNamed, StreamRequest, encode_frame};

use super::appending::{Appends, await_description};
use crate::clients::raw::RawConnection;
use crate::error::BenchError;
use crate::interrupt::Interrupt;
use crate::matrix::MatrixSettings;
use crate::peers::process::resident_bytes;
use crate::peers::servers::{BrokerSource, Server, start_broker};

/// Partitions of one stream.
const PARTITIONS_PER_STREAM: u32 = 1000;
/// What the long log is made of: a hundred records of a KiB at once.
const LONG: Appends = Appends {
    name: "long",
    partitions: 1,
    batch: 100,
    payload_bytes: 1024,
    in_flight: 5,
    level: AckLevel::Durable,
    shards: 1,
};

/// One record of 100 bytes for each partition.
const IDLE: Appends = Appends {
    name: "idle",
    partitions: PARTITIONS_PER_STREAM,
    batch: 1,
    payload_bytes: 100,
    in_flight: PARTITIONS_PER_STREAM as usize,
    level: AckLevel::Durable,
    shards: 1,
};

/// What was found.
#[derive(Clone, Debug)]
pub struct IdleReport {
    /// Partitions, each with one record.
    pub partitions: u32,
    /// Memory in use for each of them, in bytes.
    pub bytes_per_partition: f64,
    /// How long it took to make them and to append a record to each.
    pub made_in: Duration,
    /// Bytes of payload in the log.
    pub log_bytes: u64,
    /// How long a start takes after a kill, until it answers about a stream.
    pub started_in: Duration,
    /// Memory in use after that, in bytes.
    pub resident_bytes: u64,
}

/// Makes partitions, fills a log, kills the broker, and starts it again.
///
/// # Errors
/// If anything goes wrong, or somebody asks for the end.
pub fn run_idle(
    settings: &MatrixSettings,
    partitions: u32,
    log_bytes: u64,
    interrupt: &Interrupt,
    mut progress: impl FnMut(&str),
) -> Result<IdleReport, BenchError> {
    let BrokerSource::Program(program) = &settings.servers.broker else {
        return Err(BenchError::Argument("a broker that is killed is started here".to_owned()));
    };
    let folder = tempfile::tempdir().map_err(BenchError::system("making a folder"))?;
    let arguments = ["--shards".to_owned(), "1".to_owned()];
    let start =
        || start_broker(program, &arguments, &settings.servers.cpus, folder.path(), interrupt);
    let server = start()?;
    let mut connection = RawConnection::open_for_streams(&server.address)?;
    let before = resident(&server)?;
    let began = Instant::now();
    let streams: Vec<String> =
        (0..partitions.div_ceil(PARTITIONS_PER_STREAM)).map(|it| format!("idle.{it}")).collect();
    for stream in &streams {
        IDLE.fill_as(stream, &mut connection, u64::from(PARTITIONS_PER_STREAM))?;
    }
    let made_in = began.elapsed();
    let made = u64::from(PARTITIONS_PER_STREAM) * streams.len() as u64;
    let bytes_per_partition = resident(&server)?.saturating_sub(before) as f64 / made as f64;
    progress(&format!("{made} partitions: {bytes_per_partition:.0} bytes each"));
    LONG.fill(&mut connection, log_bytes / LONG.payload_bytes as u64)?;
    progress(&format!("a log with {log_bytes} bytes"));
    // Dropping it kills it.
    drop(server);
    drop(connection);
    let began = Instant::now();
    let server = start()?;
    let mut connection = RawConnection::open_for_streams(&server.address)?;
    describe(&mut connection, LONG.name)?;
    let started_in = began.elapsed();
    let resident_bytes = resident(&server)?;
    drop(connection);
    server.process.map_or(Ok(()), crate::peers::child::ChildProcess::stop)?;
    Ok(IdleReport {
        partitions: made as u32,
        bytes_per_partition,
        made_in,
        log_bytes,
        started_in,
        resident_bytes,
    })
}

fn resident(server: &Server) -> Result<u64, BenchError> {
    let pid = server.pid.ok_or_else(|| BenchError::Argument("no process".to_owned()))?;
    resident_bytes(pid)
}

/// Asks about a stream, and waits for the answer.
fn describe(connection: &mut RawConnection, stream: &str) -> Result<(), BenchError> {
    let mut bytes = Vec::new();
    let request = StreamNamed { correlation: Ticket(1), name: stream.as_bytes() };
    encode_frame(&ClientFrame::Stream(StreamRequest::Describe(request)), &mut bytes)?;
    connection.write(&bytes)?;
    await_description(connection, stream)
}

impl fmt::Display for IdleReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let IdleReport { partitions, bytes_per_partition, made_in, log_bytes, .. } = self;
        writeln!(f, "| what | figure |\n|---|---|")?;
        writeln!(f, "| partitions, each with one record of 100 B | {partitions} |")?;
        writeln!(f, "| memory for each, in bytes | {bytes_per_partition:.0} |")?;
        writeln!(f, "| made and appended to in, seconds | {:.2} |", made_in.as_secs_f64())?;
        writeln!(f, "| log behind them, in GiB | {:.2} |", *log_bytes as f64 / (1 << 30) as f64)?;
        let started = self.started_in.as_secs_f64();
        writeln!(f, "| start after a kill, in seconds | {started:.2} |")?;
        let mib = self.resident_bytes >> 20;
        writeln!(f, "| memory of the broker after it, in MiB | {mib} |")
    }
}
