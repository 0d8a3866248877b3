//! Measures everything about shards, round after round.

use serde::Serialize;

use super::hop::{Hop, HopSample, hops, measure};
use super::report::ShardsReport;
use crate::error::BenchError;
use crate::interrupt::Interrupt;
use crate::matrix::{MatrixSettings, RoundPlan, chosen, run_rounds};
use crate::scenario::{shards, shards_comparisons};

/// Plays the scenarios of [`shards`] and measures the hop, round after round, and reports every round.
/// Otherwise as [`run_matrix`](crate::matrix::run_matrix).
///
/// # Errors
/// If somebody asks for the end, nothing is left to do, the system does not say what it is, or the hop
/// cannot be measured. A scenario that fails is no error: the report holds what went wrong.
pub fn run_shards(
    settings: &MatrixSettings,
    arguments: impl Serialize,
    interrupt: &Interrupt,
    progress: impl FnMut(&str),
) -> Result<ShardsReport, BenchError> {
    let groups = chosen(shards(), &settings.only);
    let hops = chosen_hops(settings);
    if groups.is_empty() && hops.is_empty() {
        return Err(BenchError::Argument("--only leaves no scenario".to_owned()));
    }
    let plan = RoundPlan { groups, comparisons: shards_comparisons() };
    let mut hop_rounds = Vec::new();
    let report = run_rounds(settings, plan, arguments, interrupt, progress, |_| {
        hop_rounds.push(measure_all(&hops, settings, interrupt)?);
        Ok(())
    })?;
    Ok(ShardsReport { report, hop_rounds })
}

/// Measures the hop in every way once.
fn measure_all(
    hops: &[Hop],
    settings: &MatrixSettings,
    interrupt: &Interrupt,
) -> Result<Vec<HopSample>, BenchError> {
    let mut samples = Vec::with_capacity(hops.len());
    for hop in hops {
        if interrupt.is_raised() {
            return Err(BenchError::Interrupted);
        }
        samples.push(measure(hop, settings.timing.measured)?);
    }
    Ok(samples)
}

/// The measurements of the hop that were asked for, on the first two of the broker's cores.
fn chosen_hops(settings: &MatrixSettings) -> Vec<Hop> {
    let cpus = settings.servers.cpus.first_chunk::<2>().copied();
    let only = &settings.only;
    let mut hops = hops(cpus);
    hops.retain(|hop| only.is_empty() || only.iter().any(|text| hop.name.contains(text.as_str())));
    hops
}
