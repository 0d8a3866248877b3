//! Measures every way, round after round.

use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use coilgun_protocol::model::AckLevel;
use serde::Serialize;

use super::appending::Appends;
use super::published::publish_acked;
use super::raw_disk::synced_writes;
use super::reading::read_all;
use super::report::StreamsReport;
use super::sample::{Measurement, StreamSample};
use crate::clients::raw::RawConnection;
use crate::clients::run::{is_chosen, move_to};
use crate::cpu::unix_seconds;
use crate::error::BenchError;
use crate::interrupt::Interrupt;
use crate::matrix::MatrixSettings;
use crate::peers::lone_broker::LoneBroker;
use crate::results::machine::{Machine, load_average};

/// What is appended in small groups; each to a stream of its name.
const SMALL: [Appends; 4] = [
    single("append/durable/1", AckLevel::Durable),
    single("append/leader/1", AckLevel::Leader),
    many("append/durable/1-partition", 1),
    many("append/durable/1000-partitions", 1000),
];
/// What is appended in large ones.
const LARGE: [Appends; 6] = [
    batched("append/durable/100x1KiB", 1024, AckLevel::Durable),
    batched("append/leader/100x1KiB", 1024, AckLevel::Leader),
    batched("append/leader/100x256B", 256, AckLevel::Leader),
    logs("append/durable/1-log", 1),
    logs("append/durable/2-logs", 2),
    logs("append/durable/4-logs", 4),
];
/// What fails if it does.
const CONFIGURING: &str = "writing a configuration";
/// How many records are read.
const READ_RECORDS: u64 = 256 * 1024;
/// Payload of each, in bytes.
const READ_BYTES: usize = 1024;
/// What is read, and how much memory the log has for it, in bytes: all of it fits, and next to nothing.
const READS: [(&str, u64); 2] = [("read/cache/1KiB", 1 << 30), ("read/disk/1KiB", 1 << 20)];
/// The bare writes beside small groups and beside large ones: their names, and how many bytes each has.
const SMALL_RAW: (&str, usize) = ("raw/4KiB", 4096);
const LARGE_RAW: (&str, usize) = ("raw/500KiB", 500 * 1024);
/// The way there and back without a disk.
const PUBLISHED: &str = "publish/acked/1";
/// Payload of what is sent one by one, in bytes.
const SMALL_BYTES: usize = 256;

/// One record of 256 bytes after the other.
const fn single(name: &'static str, level: AckLevel) -> Appends {
    Appends {
        name,
        partitions: 1,
        batch: 1,
        payload_bytes: SMALL_BYTES,
        in_flight: 1,
        level,
        shards: 1,
    }
}

/// A hundred records at once, five times under way.
const fn batched(name: &'static str, payload_bytes: usize, level: AckLevel) -> Appends {
    Appends { name, partitions: 1, batch: 100, payload_bytes, in_flight: 5, level, shards: 1 }
}

/// A thousand records of 256 bytes under way.
const fn many(name: &'static str, partitions: u32) -> Appends {
    let level = AckLevel::Durable;
    Appends { name, partitions, batch: 1, payload_bytes: 256, in_flight: 1000, level, shards: 1 }
}

/// A hundred records of a KiB at once, four times under way for each of four partitions, on so many logs.
const fn logs(name: &'static str, shards: u32) -> Appends {
    let level = AckLevel::Durable;
    Appends { name, partitions: 4, batch: 100, payload_bytes: 1024, in_flight: 16, level, shards }
}

/// Measures every way whose name contains one of the texts asked for, round after round. The calling
/// thread becomes the load, and stays on the load's core.
///
/// # Errors
/// If anything goes wrong, or somebody asks for the end.
pub fn run_streams(
    settings: &MatrixSettings,
    arguments: impl Serialize,
    interrupt: &Interrupt,
    mut progress: impl FnMut(&str),
) -> Result<StreamsReport, BenchError> {
    let arguments = serde_json::to_value(arguments)
        .map_err(|error| BenchError::Argument(format!("arguments that are no JSON: {error}")))?;
    let mut report = StreamsReport {
        machine: Machine::describe()?,
        arguments,
        started_at_unix_seconds: unix_seconds(),
        load_average_before: load_average()?,
        rounds: Vec::new(),
    };
    for round in 1..=settings.rounds {
        let mut samples = Vec::new();
        let mut note = |sample: StreamSample| {
            let (name, rate) = (sample.name, sample.records_per_second);
            progress(&format!("round {round}/{}: {name} {rate:.0}/s", settings.rounds));
            samples.push(sample);
        };
        // Bare writes stand beside what they are compared with: disks have good and bad moments.
        raw(SMALL_RAW, settings, interrupt, &mut note)?;
        publish(settings, interrupt, &mut note)?;
        append(&SMALL, settings, interrupt, &mut note)?;
        raw(LARGE_RAW, settings, interrupt, &mut note)?;
        append(&LARGE, settings, interrupt, &mut note)?;
        read(settings, interrupt, &mut note)?;
        if samples.is_empty() {
            return Err(BenchError::Argument("--only leaves nothing".to_owned()));
        }
        report.rounds.push(samples);
    }
    Ok(report)
}

fn raw(
    (name, bytes): (&'static str, usize),
    settings: &MatrixSettings,
    interrupt: &Interrupt,
    note: &mut impl FnMut(StreamSample),
) -> Result<(), BenchError> {
    if is_chosen(settings, name) {
        let folder = tempfile::tempdir().map_err(BenchError::system("making a folder"))?;
        move_to(settings.servers.cpus.first().copied())?;
        note(synced_writes(name, folder.path(), bytes, measured(settings), interrupt)?);
    }
    Ok(())
}

fn publish(
    settings: &MatrixSettings,
    interrupt: &Interrupt,
    note: &mut impl FnMut(StreamSample),
) -> Result<(), BenchError> {
    if !is_chosen(settings, PUBLISHED) {
        return Ok(());
    }
    let broker = start(settings, 1, None, interrupt)?;
    let mut connection = RawConnection::open_for_streams(broker.address())?;
    let measurement = Measurement::begin(PUBLISHED, measured(settings), broker.clock(), interrupt)?;
    note(publish_acked(&mut connection, SMALL_BYTES, measurement)?);
    drop(connection);
    broker.stop()
}

fn append(
    all: &[Appends],
    settings: &MatrixSettings,
    interrupt: &Interrupt,
    note: &mut impl FnMut(StreamSample),
) -> Result<(), BenchError> {
    for appends in all.iter().filter(|it| is_chosen(settings, it.name)) {
        let broker = start(settings, appends.shards, None, interrupt)?;
        let mut connection = RawConnection::open_for_streams(broker.address())?;
        let measurement =
            Measurement::begin(appends.name, measured(settings), broker.clock(), interrupt)?;
        note(appends.measure(&mut connection, measurement)?);
        drop(connection);
        broker.stop()?;
    }
    Ok(())
}

fn read(
    settings: &MatrixSettings,
    interrupt: &Interrupt,
    note: &mut impl FnMut(StreamSample),
) -> Result<(), BenchError> {
    for (name, cache_bytes) in READS.into_iter().filter(|(name, _)| is_chosen(settings, name)) {
        let mut file = tempfile::NamedTempFile::new().map_err(BenchError::system(CONFIGURING))?;
        writeln!(file, "[log]\ncache_bytes = {cache_bytes}")
            .map_err(BenchError::system(CONFIGURING))?;
        let broker = start(settings, 1, Some(file.path()), interrupt)?;
        let mut connection = RawConnection::open_for_streams(broker.address())?;
        batched(name, READ_BYTES, AckLevel::Durable).fill(&mut connection, READ_RECORDS)?;
        let measurement = Measurement::begin(name, measured(settings), broker.clock(), interrupt)?;
        note(read_all(&mut connection, name, READ_BYTES as u64, measurement)?);
        drop(connection);
        broker.stop()?;
    }
    Ok(())
}

fn measured(settings: &MatrixSettings) -> Duration {
    settings.timing.measured
}

/// Starts a broker of so many shards, all on its core, with a configuration if there is one.
fn start(
    settings: &MatrixSettings,
    shards: u32,
    configuration: Option<&Path>,
    interrupt: &Interrupt,
) -> Result<LoneBroker, BenchError> {
    let servers = &settings.servers;
    let mut arguments = vec!["--shards".to_owned(), shards.to_string()];
    if let Some(path) = configuration {
        arguments.extend(["--config".to_owned(), path.display().to_string()]);
    }
    let broker = LoneBroker::start(&servers.broker, &arguments, &servers.cpus, interrupt)?;
    move_to(settings.load_cpu)?;
    Ok(broker)
}
