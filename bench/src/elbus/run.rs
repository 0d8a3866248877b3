//! Measures both servers, round after round.

use serde::Serialize;

use super::benchmark::{BenchmarkSettings, run_benchmark};
use super::fan_out::{FanOutSettings, highest_rate, measure};
use super::report::{ElbusReport, ElbusRound};
use super::server::{ElbusServer, Programs, Which};
use crate::cpu::unix_seconds;
use crate::error::BenchError;
use crate::interrupt::Interrupt;
use crate::results::machine::{Machine, load_average, version_of};

/// What to measure.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ElbusSettings {
    /// The programs.
    pub programs: Programs,
    /// Rounds.
    pub rounds: u32,
    /// The benchmark; none: it is left out.
    pub benchmark: Option<BenchmarkSettings>,
    /// The fan-out; none: it is left out.
    pub fan_out: Option<FanOutSettings>,
}

/// Measures everything that was asked for. `progress` is told what has been measured.
///
/// # Errors
/// If a program cannot be started, or somebody asks for the end.
pub fn run_elbus(
    settings: &ElbusSettings,
    arguments: impl Serialize,
    interrupt: &Interrupt,
    mut progress: impl FnMut(&str),
) -> Result<ElbusReport, BenchError> {
    let arguments = serde_json::to_value(arguments)
        .map_err(|error| BenchError::Argument(format!("arguments that are no JSON: {error}")))?;
    let mut report = ElbusReport {
        machine: Machine::describe()?,
        coilgun: version_of(&settings.programs.coilgun),
        arguments,
        started_at_unix_seconds: unix_seconds(),
        load_average_before: load_average()?,
        highest_rate: None,
        rounds: Vec::new(),
    };
    if let Some(fan_out) = settings.fan_out {
        let rate = highest_rate(Which::Busrtd, &settings.programs, fan_out, interrupt)?;
        progress(&format!("busrtd keeps up with {rate} messages/s to each client"));
        report.highest_rate = Some(rate);
    }
    for number in 1..=settings.rounds {
        let mut round = ElbusRound::default();
        if let Some(benchmark) = settings.benchmark {
            for which in Which::ALL {
                if interrupt.is_raised() {
                    return Err(BenchError::Interrupted);
                }
                let server = ElbusServer::start(which, &settings.programs, interrupt)?;
                let sample = run_benchmark(which, &server, &settings.programs, benchmark)?;
                server.stop()?;
                let done = sample.stages.len();
                progress(&format!("round {number}: {}, {done} of 7 stages", which.name()));
                round.benchmarks.push(sample);
            }
        }
        if let Some((fan_out, rate)) = settings.fan_out.zip(report.highest_rate) {
            for which in [Which::Busrtd, Which::Coilgun] {
                let sample = measure(which, rate / 2, &settings.programs, fan_out, interrupt)?;
                progress(&format!("round {number}: {}, fan-out", which.name()));
                round.fan_outs.push(sample);
            }
        }
        report.rounds.push(round);
    }
    Ok(report)
}
