//! The benchmark of busrt's command line, and what it cost both sides, stage by stage.

use std::ffi::OsString;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use serde::Serialize;

use super::server::{ElbusServer, Programs, Which};
use crate::cpu::{ProcessCpuClock, monotonic_ns};
use crate::error::BenchError;

/// The stages, in the order of its table.
pub const STAGES: [&str; 7] = [
    "rpc.call",
    "rpc.call+handle",
    "rpc.call0",
    "send.qos.no",
    "send.qos.processed",
    "send+recv.qos.no",
    "send+recv.qos.processed",
];

/// What it is told.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct BenchmarkSettings {
    /// Iterations of each stage, over all workers.
    pub iterations: u32,
    /// Connections, each with one operation under way where operations are answered.
    pub workers: u32,
    /// Bytes of a payload.
    pub payload_bytes: usize,
}

/// One stage that was completed.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct StageSample {
    /// Its name.
    pub stage: &'static str,
    /// How long it took by its own account, in seconds.
    pub seconds: f64,
    /// How many it did per second.
    pub per_second: f64,
    /// CPU time of the server for a million of them, in seconds.
    pub server_cpu_seconds_per_million: f64,
    /// CPU time of the client as a share of one core: its work is done by one thread.
    pub client_cpu_share: f64,
}

/// One run.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct BenchmarkSample {
    /// Against whom.
    pub server: Which,
    /// The stages that were completed.
    pub stages: Vec<StageSample>,
    /// What ended it before its end; none: it completed.
    pub broken_off: Option<String>,
}

/// A line of its output.
#[derive(Clone, PartialEq, Debug)]
enum Line {
    /// A stage begins.
    Started(&'static str),
    /// A stage has ended, after so many seconds.
    Completed(&'static str, f64),
    /// Something else.
    Other,
}

/// Both CPU clocks, and the time.
#[derive(Clone, Copy, Debug)]
struct Moment {
    at_ns: u64,
    server_ns: u64,
    client_ns: u64,
}

/// A client that is killed when this is dropped, if it has not ended.
struct Client(Child);

impl Drop for Client {
    fn drop(&mut self) {
        // Both fail for a process that was waited for, which is the good case.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Runs it against a server.
///
/// # Errors
/// If it cannot be started or watched. That it breaks off is no error: the sample says so.
pub fn run_benchmark(
    which: Which,
    server: &ElbusServer,
    programs: &Programs,
    settings: BenchmarkSettings,
) -> Result<BenchmarkSample, BenchError> {
    let mut command = Command::new(&programs.busrt);
    command.arg(server.socket()).args(words(settings)).env("NO_COLOR", "1");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let failed = |error| BenchError::Start { program: programs.busrt.clone(), error };
    let mut client = Client(command.spawn().map_err(failed)?);
    let clocks = (server.clock()?, client_clock(&client)?);
    let output = client.0.stdout.take().expect("it is a pipe");
    let (mut stages, mut begun) = (Vec::new(), None);
    for line in BufReader::new(output).lines() {
        let line = line.map_err(BenchError::system("reading what busrt says"))?;
        match read_line(&line) {
            Line::Started(stage) => begun = Some((stage, moment(clocks)?)),
            Line::Completed(stage, seconds) => {
                let Some((_, first)) = begun.take().filter(|(begun, _)| *begun == stage) else {
                    return Err(BenchError::Refused(format!("{line}, which had not begun")));
                };
                stages.push(sample(stage, seconds, settings, first, moment(clocks)?));
            }
            Line::Other => {}
        }
    }
    let broken_off = ending(client)?;
    Ok(BenchmarkSample { server: which, stages, broken_off })
}

fn words(settings: BenchmarkSettings) -> Vec<OsString> {
    let BenchmarkSettings { iterations, workers, payload_bytes } = settings;
    let words = format!("benchmark -w {workers} --payload-size {payload_bytes} -i {iterations}");
    words.split(' ').map(OsString::from).collect()
}

fn client_clock(client: &Client) -> Result<ProcessCpuClock, BenchError> {
    ProcessCpuClock::of(client.0.id()).map_err(BenchError::system("finding a CPU clock"))
}

fn moment((server, client): (ProcessCpuClock, ProcessCpuClock)) -> Result<Moment, BenchError> {
    let failed = || BenchError::system("reading a CPU clock");
    Ok(Moment {
        at_ns: monotonic_ns(),
        server_ns: server.read_ns().map_err(failed())?,
        client_ns: client.read_ns().map_err(failed())?,
    })
}

fn sample(
    stage: &'static str,
    seconds: f64,
    settings: BenchmarkSettings,
    first: Moment,
    last: Moment,
) -> StageSample {
    let done = f64::from(settings.iterations / settings.workers * settings.workers);
    let elapsed_ns = (last.at_ns - first.at_ns).max(1) as f64;
    StageSample {
        stage,
        seconds,
        per_second: done / seconds.max(1e-9),
        server_cpu_seconds_per_million: (last.server_ns - first.server_ns) as f64 / 1e3 / done,
        client_cpu_share: (last.client_ns - first.client_ns) as f64 / elapsed_ns,
    }
}

/// What ended it, if that was not its end.
fn ending(mut client: Client) -> Result<Option<String>, BenchError> {
    let mut said = Vec::new();
    let mut error = client.0.stderr.take().expect("it is a pipe");
    std::io::Read::read_to_end(&mut error, &mut said)
        .map_err(BenchError::system("reading what busrt says"))?;
    let status = client.0.wait().map_err(BenchError::system("waiting for busrt"))?;
    if status.success() {
        return Ok(None);
    }
    let said = String::from_utf8_lossy(&said).into_owned();
    let reason = said.lines().find(|line| line.contains("Err") || line.contains("Error"));
    Ok(Some(reason.map_or_else(|| status.to_string(), |line| line.trim().to_owned())))
}

/// Understands a line such as `*** stage completed: rpc.call (20_000 iters, 0.200 secs)`.
fn read_line(line: &str) -> Line {
    let stage = |name: &str| STAGES.into_iter().find(|stage| *stage == name.trim());
    if let Some(rest) = line.split_once("stage started:").map(|(_, rest)| rest) {
        return stage(rest).map_or(Line::Other, Line::Started);
    }
    let Some((_, rest)) = line.split_once("stage completed:") else { return Line::Other };
    let Some((name, counts)) = rest.split_once('(') else { return Line::Other };
    let seconds = counts.split_once(" iters, ").and_then(|(_, rest)| rest.split_once(" secs"));
    let seconds = seconds.and_then(|(seconds, _)| seconds.replace('_', "").parse().ok());
    match stage(name).zip(seconds) {
        Some((stage, seconds)) => Line::Completed(stage, seconds),
        None => Line::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn its_lines_say_which_stage_and_how_long() {
        let begin = "!!! stage started: send+recv.qos.no ";
        assert_eq!(read_line(begin), Line::Started("send+recv.qos.no"));
        let end = "*** stage completed: rpc.call+handle (200_000 iters, 1_234.500 secs)";
        assert_eq!(read_line(end), Line::Completed("rpc.call+handle", 1234.5));
        for other in [
            "",
            "warming up",
            "!!! stage started: another",
            "*** stage completed: rpc.call",
            "*** stage completed: rpc.call (x iters, y secs)",
            " rpc.call                 20_000  0.200  200.021  99_989     ",
        ] {
            assert_eq!(read_line(other), Line::Other, "{other}");
        }
    }

    #[test]
    fn a_stage_is_what_both_clocks_did_in_it() {
        let settings = BenchmarkSettings { iterations: 1_003, workers: 10, payload_bytes: 100 };
        let first = Moment { at_ns: 0, server_ns: 500, client_ns: 0 };
        let last = Moment { at_ns: 2_000_000, server_ns: 1_000_500, client_ns: 1_000_000 };
        let sample = sample("rpc.call", 0.002, settings, first, last);
        assert!((sample.per_second - 500_000.0).abs() < 1e-6);
        assert!((sample.server_cpu_seconds_per_million - 1.0).abs() < 1e-9);
        assert!((sample.client_cpu_share - 0.5).abs() < 1e-9);
    }
}
