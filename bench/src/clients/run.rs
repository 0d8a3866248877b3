//! Measures every way, round after round.

use std::time::Duration;

use coilgun_client::{Address, Options};
use coilgun_server::net::ListenAddress;
use serde::Serialize;

use super::embedded::{Embedded, WINDOW, Way};
use super::report::ClientsReport;
use super::round_trip::Responder;
use super::sample::ClientSample;
use super::{publishing, round_trip};
use crate::cpu::{CpuSet, unix_seconds};
use crate::error::BenchError;
use crate::interrupt::Interrupt;
use crate::matrix::MatrixSettings;
use crate::peers::lone_broker::LoneBroker;
use crate::results::machine::{Machine, load_average};

/// One way to measure against a broker in a process of its own.
type Against = fn(&ListenAddress, Duration, &Interrupt) -> Result<ClientSample, BenchError>;

/// Everything that is measured against a broker in a process of its own.
const AGAINST: [(&str, Against); 6] = [
    ("publish/raw", publishing::raw),
    ("publish/blocking", publishing::blocking),
    ("publish/async", publishing::asynchronous),
    ("request/raw", round_trip::raw),
    ("request/blocking", round_trip::blocking),
    ("request/async", round_trip::asynchronous),
];

/// Measures every way whose name contains one of the texts asked for, round after round. The calling
/// thread becomes the client, and stays on the load's core.
///
/// # Errors
/// If anything goes wrong, or somebody asks for the end.
pub fn run_clients(
    settings: &MatrixSettings,
    arguments: impl Serialize,
    interrupt: &Interrupt,
    mut progress: impl FnMut(&str),
) -> Result<ClientsReport, BenchError> {
    let arguments = serde_json::to_value(arguments)
        .map_err(|error| BenchError::Argument(format!("arguments that are no JSON: {error}")))?;
    let mut report = ClientsReport {
        machine: Machine::describe()?,
        arguments,
        started_at_unix_seconds: unix_seconds(),
        load_average_before: load_average()?,
        rounds: Vec::new(),
    };
    for round in 1..=settings.rounds {
        let mut samples = against_a_process(settings, interrupt)?;
        samples.extend(against_ourselves(settings, interrupt)?);
        if samples.is_empty() {
            return Err(BenchError::Argument("--only leaves nothing".to_owned()));
        }
        for sample in &samples {
            let (name, cpu) = (sample.name, sample.cpu_ns_per_message);
            progress(&format!("round {round}/{}: {name} {cpu:.0} ns", settings.rounds));
        }
        report.rounds.push(samples);
    }
    Ok(report)
}

/// Whether something of this name was asked for.
pub(crate) fn is_chosen(settings: &MatrixSettings, name: &str) -> bool {
    settings.only.is_empty() || settings.only.iter().any(|text| name.contains(text.as_str()))
}

fn against_a_process(
    settings: &MatrixSettings,
    interrupt: &Interrupt,
) -> Result<Vec<ClientSample>, BenchError> {
    let chosen: Vec<_> = AGAINST.iter().filter(|(name, _)| is_chosen(settings, name)).collect();
    if chosen.is_empty() {
        return Ok(Vec::new());
    }
    let servers = &settings.servers;
    let arguments = ["--shards".to_owned(), "1".to_owned()];
    let broker = LoneBroker::start(&servers.broker, &arguments, &servers.cpus, interrupt)?;
    move_to(settings.load_cpu)?;
    let responder = Responder::start(broker.address())?;
    let mut samples = Vec::new();
    for (_, measure) in chosen {
        samples.push(measure(broker.address(), settings.timing.measured, interrupt)?);
    }
    drop(responder);
    broker.stop()?;
    Ok(samples)
}

fn against_ourselves(
    settings: &MatrixSettings,
    interrupt: &Interrupt,
) -> Result<Vec<ClientSample>, BenchError> {
    // The broker's thread begins where it was started.
    move_to(settings.servers.cpus.first().copied())?;
    let embedded = Embedded::start()?;
    move_to(settings.load_cpu)?;
    let (measured, mut samples) = (settings.timing.measured, Vec::new());
    for (way, name) in [(Way::Tcp, "tcp"), (Way::InProcess, "in-process")] {
        let is_chosen = |kind: &str| is_chosen(settings, &format!("embedded/{name}/{kind}"));
        if is_chosen("flow") {
            samples.push(embedded.asynchronous(way, WINDOW, measured, interrupt)?);
        }
        if is_chosen("flow/blocking") {
            samples.push(embedded.blocking(way, WINDOW, measured, interrupt)?);
        }
        if is_chosen("round-trip") {
            samples.push(embedded.asynchronous(way, 1, measured, interrupt)?);
        }
        if is_chosen("round-trip/blocking") {
            samples.push(embedded.blocking(way, 1, measured, interrupt)?);
        }
    }
    Ok(samples)
}

/// Moves the calling thread to a core, if one is named.
pub(crate) fn move_to(cpu: Option<usize>) -> Result<(), BenchError> {
    let Some(cpu) = cpu else { return Ok(()) };
    CpuSet::only(cpu)
        .and_then(|set| set.pin_current_thread())
        .map_err(BenchError::system("moving to a core"))
}

/// How to reach a broker.
pub(super) fn options(address: &ListenAddress) -> Result<Options, BenchError> {
    let text = address.to_string();
    let address: Address = text.parse().map_err(|_| BenchError::Argument(text))?;
    Ok(Options::new(address))
}

/// Carries out a task on this thread.
pub(super) fn in_runtime<T>(
    task: impl Future<Output = Result<T, BenchError>>,
) -> Result<T, BenchError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(BenchError::system("starting a runtime"))?.block_on(task)
}
