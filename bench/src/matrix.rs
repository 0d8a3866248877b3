//! Plays the matrix: groups of scenarios, each group against a broker of its own, round after round.
//!
//! A scenario that fails is reported as failed, and the next one gets a new broker.

use serde::Serialize;

use crate::cpu::{CpuSet, unix_seconds};
use crate::error::BenchError;
use crate::interrupt::Interrupt;
use crate::peers::lone_broker::LoneBroker;
use crate::peers::servers::{BrokerSource, ServerSettings};
use crate::play::play;
use crate::results::machine::{Machine, load_average, version_of};
use crate::results::report::{Failure, Report, RoundReport, Versions};
use crate::scenario::{Comparison, Cores, Group, matrix, matrix_comparisons};
use crate::traffic::window::Timing;

/// What to play of the matrix.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MatrixSettings {
    /// The broker, and its cores.
    pub servers: ServerSettings,
    /// The core of the load; none: any.
    pub load_cpu: Option<usize>,
    /// Only scenarios whose name contains one of these; empty: all.
    pub only: Vec<String>,
    /// How often every scenario is played.
    pub rounds: u32,
    /// How long the parts of a scenario take.
    pub timing: Timing,
}

/// Plays the matrix and reports every round. The calling thread becomes the load, and stays on the
/// load's core. `progress` is told what has been played.
///
/// # Errors
/// If somebody asks for the end, or the system does not say what it is. A scenario that fails is no
/// error: the report holds what went wrong.
pub fn run_matrix(
    settings: &MatrixSettings,
    arguments: impl Serialize,
    interrupt: &Interrupt,
    progress: impl FnMut(&str),
) -> Result<Report, BenchError> {
    let groups = chosen(matrix(), &settings.only);
    if groups.is_empty() {
        return Err(BenchError::Argument("--only leaves no scenario".to_owned()));
    }
    let plan = RoundPlan { groups, comparisons: matrix_comparisons() };
    run_rounds(settings, plan, arguments, interrupt, progress, |_| Ok(()))
}

/// What is played in every round, and what is made of it.
#[derive(Clone, PartialEq, Debug)]
pub struct RoundPlan {
    /// Groups of scenarios, each with a broker of its own.
    pub groups: Vec<Group>,
    /// The figures that compare their samples.
    pub comparisons: Vec<Comparison>,
}

/// Plays a plan, and calls `after_round` with the number of every round that was played; otherwise as
/// [`run_matrix`].
///
/// # Errors
/// As [`run_matrix`] and `after_round`.
pub fn run_rounds(
    settings: &MatrixSettings,
    plan: RoundPlan,
    arguments: impl Serialize,
    interrupt: &Interrupt,
    mut progress: impl FnMut(&str),
    mut after_round: impl FnMut(u32) -> Result<(), BenchError>,
) -> Result<Report, BenchError> {
    let arguments = serde_json::to_value(arguments)
        .map_err(|error| BenchError::Argument(format!("arguments that are no JSON: {error}")))?;
    let mut report = Report {
        machine: Machine::describe()?,
        versions: Versions {
            bench: env!("CARGO_PKG_VERSION").to_owned(),
            broker: match &settings.servers.broker {
                BrokerSource::Program(path) => version_of(path),
                BrokerSource::Running { .. } => None,
            },
        },
        arguments,
        started_at_unix_seconds: unix_seconds(),
        load_average_before: load_average()?,
        load_average_after: 0.0,
        rounds: Vec::new(),
        scenarios: Vec::new(),
        figures: Vec::new(),
    };
    if let Some(cpu) = settings.load_cpu {
        CpuSet::only(cpu)
            .and_then(|set| set.pin_current_thread())
            .map_err(BenchError::system("moving the load to its core"))?;
    }
    for round in 1..=settings.rounds {
        let mut played = RoundReport { round, samples: Vec::new(), failures: Vec::new() };
        for group in &plan.groups {
            play_group(group, settings, interrupt, &mut played, &mut progress)?;
        }
        report.rounds.push(played);
        after_round(round)?;
    }
    report.load_average_after = load_average()?;
    report.summarise(&plan.comparisons);
    Ok(report)
}

/// The groups, with the scenarios that were asked for.
#[must_use]
pub fn chosen(mut groups: Vec<Group>, only: &[String]) -> Vec<Group> {
    for group in &mut groups {
        group.scenarios.retain(|scenario| {
            only.is_empty() || only.iter().any(|text| scenario.name.contains(text.as_str()))
        });
    }
    groups.retain(|group| !group.scenarios.is_empty());
    groups
}

/// Plays a group once, against a broker of its own.
fn play_group(
    group: &Group,
    settings: &MatrixSettings,
    interrupt: &Interrupt,
    played: &mut RoundReport,
    progress: &mut impl FnMut(&str),
) -> Result<(), BenchError> {
    let (source, cpus) = (&settings.servers.broker, &settings.servers.cpus[..]);
    let cpus = match group.cores {
        Cores::All => cpus,
        Cores::First => cpus.get(..1).unwrap_or_default(),
    };
    let mut running = None;
    let (round, rounds) = (played.round, settings.rounds);
    for scenario in &group.scenarios {
        let name = scenario.name.clone();
        let result = match running.take() {
            Some(broker) => Ok(broker),
            None => LoneBroker::start(source, &group.broker_arguments, cpus, interrupt),
        }
        .and_then(|mut broker| {
            let sample = play(scenario, settings.timing, &broker, interrupt)
                .map_err(|error| broker.explain(error))?;
            running = Some(broker);
            Ok(sample)
        });
        match result {
            Ok(sample) => {
                let rate = sample.sample.deliveries_per_second;
                progress(&format!("round {round}/{rounds}: {name} {rate:.0} deliveries/s"));
                played.samples.push(sample);
            }
            Err(BenchError::Interrupted) => return Err(BenchError::Interrupted),
            Err(error) => {
                let error = error.to_string();
                progress(&format!("round {round}/{rounds}: {name} FAILED: {error}"));
                played.failures.push(Failure { scenario: name, error });
            }
        }
    }
    if let Some(Err(error)) = running.map(LoneBroker::stop) {
        let scenario = group.scenarios.last().map_or(String::new(), |last| last.name.clone());
        progress(&format!("round {round}/{rounds}: the broker behind {scenario} FAILED: {error}"));
        played.failures.push(Failure { scenario, error: format!("afterwards: {error}") });
    }
    Ok(())
}
