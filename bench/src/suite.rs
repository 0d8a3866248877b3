//! Plays the scenarios of a suite, round after round.

use serde::Serialize;

use crate::cpu::{CpuSet, unix_seconds};
use crate::error::BenchError;
use crate::interrupt::Interrupt;
use crate::peers::broker_traffic::{BrokerCounters, BrokerTraffic, ask_counters};
use crate::peers::servers::{BrokerSource, ServerSettings, Servers};
use crate::results::machine::{Machine, load_average, version_of};
use crate::results::report::{Report, RoundReport, SampleReport, Versions};
use crate::sample::Sample;
use crate::scenario::{Peer, PlanSettings, Scenario, first_comparisons, first_suite, open};
use crate::traffic::driver::Driver;
use crate::traffic::window::Timing;

/// What to play, and against whom.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SuiteSettings {
    /// The servers.
    pub servers: ServerSettings,
    /// The core of the load; none: any.
    pub load_cpu: Option<usize>,
    /// What may be chosen about the scenarios.
    pub plan: PlanSettings,
    /// Only scenarios whose name contains one of these; empty: all.
    pub only: Vec<String>,
    /// How often every scenario is played.
    pub rounds: u32,
    /// How long the parts of a scenario take.
    pub timing: Timing,
}

/// Plays the suite and reports every round. The calling thread becomes the load, and stays on the
/// load's core. `progress` is told what is about to be played, or has been.
///
/// # Errors
/// If a server cannot be started or ends, if a message is lost, doubled, overtaken or altered, or if
/// somebody asks for the end. Whatever was started has ended then.
pub fn run_suite(
    settings: &SuiteSettings,
    arguments: impl Serialize,
    interrupt: &Interrupt,
    mut progress: impl FnMut(&str),
) -> Result<Report, BenchError> {
    let arguments = serde_json::to_value(arguments)
        .map_err(|error| BenchError::Argument(format!("arguments that are no JSON: {error}")))?;
    let machine = Machine::describe()?;
    let scenarios = chosen(settings)?;
    let load_average_before = load_average()?;
    let started_at_unix_seconds = unix_seconds();
    let mut servers = Servers::start(&settings.servers, interrupt)?;
    if let Some(cpu) = settings.load_cpu {
        CpuSet::only(cpu)
            .and_then(|set| set.pin_current_thread())
            .map_err(BenchError::system("moving the load to its core"))?;
    }
    let mut rounds = Vec::new();
    for round in 1..=settings.rounds {
        let mut samples = Vec::new();
        for scenario in &scenarios {
            let (sample, traffic) = play(scenario, settings.timing, &mut servers, interrupt)?;
            progress(&format!(
                "round {round}/{}: {} {:.0} messages/s",
                settings.rounds, scenario.name, sample.messages_per_second
            ));
            samples.push(SampleReport::new(scenario, sample, traffic));
        }
        rounds.push(RoundReport { round, samples, failures: Vec::new() });
    }
    servers.stop()?;
    let versions = Versions {
        bench: env!("CARGO_PKG_VERSION").to_owned(),
        broker: match &settings.servers.broker {
            BrokerSource::Program(path) => version_of(path),
            BrokerSource::Running { .. } => None,
        },
    };
    let mut report = Report {
        machine,
        versions,
        arguments,
        started_at_unix_seconds,
        load_average_before,
        load_average_after: load_average()?,
        rounds,
        scenarios: Vec::new(),
        figures: Vec::new(),
    };
    report.summarise(&first_comparisons(&settings.plan));
    Ok(report)
}

fn chosen(settings: &SuiteSettings) -> Result<Vec<Scenario>, BenchError> {
    let mut scenarios = first_suite(&settings.plan)?;
    let only = &settings.only;
    scenarios.retain(|scenario| {
        only.is_empty() || only.iter().any(|text| scenario.name.contains(text.as_str()))
    });
    if scenarios.is_empty() {
        return Err(BenchError::Argument("--only leaves no scenario".to_owned()));
    }
    Ok(scenarios)
}

/// Plays one scenario once; against the broker, with what the broker counted meanwhile.
fn play(
    scenario: &Scenario,
    timing: Timing,
    servers: &mut Servers,
    interrupt: &Interrupt,
) -> Result<(Sample, Option<BrokerTraffic>), BenchError> {
    let peer = scenario.shape.peer();
    let clock = servers.clock(peer);
    let first = counters(peer, servers)?;
    let sample = open(scenario, servers.address(peer), interrupt)
        .and_then(|load| Driver::new(load, scenario.pace, timing, clock).run())
        .map_err(|error| in_scenario(scenario, servers.explain(peer, error)))?;
    let last = counters(peer, servers)?;
    let traffic = first.zip(last).map(|(first, last)| BrokerTraffic::between(&first, &last));
    Ok((sample, traffic))
}

fn counters(peer: Peer, servers: &Servers) -> Result<Option<BrokerCounters>, BenchError> {
    match peer {
        Peer::Echo => Ok(None),
        Peer::Broker => ask_counters(servers.address(peer)),
    }
}

/// Says in which scenario something went wrong, unless nothing did.
fn in_scenario(scenario: &Scenario, error: BenchError) -> BenchError {
    if matches!(error, BenchError::Interrupted) {
        return error;
    }
    BenchError::Scenario { scenario: scenario.name.clone(), error: Box::new(error) }
}
