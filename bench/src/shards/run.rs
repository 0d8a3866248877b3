//! Measures everything about shards, round after round.

use serde::Serialize;

use super::hop::{Hop, HopSample, hops, measure};
use super::report::ShardsReport;
use crate::error::BenchError;
use crate::interrupt::Interrupt;
use crate::matrix::{MatrixSettings, chosen, run_groups};
use crate::scenario::{shards, shards_comparisons};

/// Plays the scenarios of [`shards`] and then measures the hop, each round after round, and reports
/// every round. Otherwise as [`run_matrix`](crate::matrix::run_matrix).
///
/// # Errors
/// If somebody asks for the end, nothing is left to do, the system does not say what it is, or the hop
/// cannot be measured. A scenario that fails is no error: the report holds what went wrong.
pub fn run_shards(
    settings: &MatrixSettings,
    arguments: impl Serialize,
    interrupt: &Interrupt,
    mut progress: impl FnMut(&str),
) -> Result<ShardsReport, BenchError> {
    let groups = chosen(shards(), &settings.only);
    let hops = chosen_hops(settings);
    if groups.is_empty() && hops.is_empty() {
        return Err(BenchError::Argument("--only leaves no scenario".to_owned()));
    }
    let plan = (&groups[..], &shards_comparisons()[..]);
    let report = run_groups(settings, plan, arguments, interrupt, &mut progress)?;
    let mut hop_rounds = Vec::new();
    if !hops.is_empty() {
        for round in 1..=settings.rounds {
            let mut samples: Vec<HopSample> = Vec::new();
            for hop in &hops {
                if interrupt.is_raised() {
                    return Err(BenchError::Interrupted);
                }
                let sample = measure(hop, settings.timing.measured)?;
                progress(&format!(
                    "round {round}/{}: {} {:.0} messages/s",
                    settings.rounds, hop.name, sample.messages_per_second
                ));
                samples.push(sample);
            }
            hop_rounds.push(samples);
        }
    }
    Ok(ShardsReport { report, hop_rounds })
}

/// The measurements of the hop that were asked for, on the first two of the broker's cores.
fn chosen_hops(settings: &MatrixSettings) -> Vec<Hop> {
    let cpus = settings.servers.cpus.first_chunk::<2>().copied();
    let only = &settings.only;
    let mut hops = hops(cpus);
    hops.retain(|hop| only.is_empty() || only.iter().any(|text| hop.name.contains(text.as_str())));
    hops
}
