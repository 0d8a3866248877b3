//! The task that grows the corpus: all targets, a table, and the files.

use std::path::Path;
use std::time::Duration;

use crate::command_line::GrowOptions;
use crate::failure::Failure;
use crate::fuzz::campaign::{small_crash, watch};
use crate::fuzz::corpus::{load, store};
use crate::fuzz::coverage::{is_instrumented, measure};
use crate::fuzz::grow::{Growth, grow};
use crate::fuzz::instrumented;
use crate::fuzz::smoke::{choose, explain};
use crate::fuzz::targets::{Target, targets};

/// Grows the corpus of the targets as the options say, in a program with counters.
///
/// # Errors
/// If a target fails, there is no such target, or something cannot be built, read or written.
pub(crate) fn run(root: &Path, options: &GrowOptions) -> Result<(), Failure> {
    let name = options.target.as_deref().filter(|name| *name != "all");
    let chosen = choose(targets(), name)?;
    if !is_instrumented() {
        return instrumented::run_again(root, instrumented::build(root)?);
    }
    println!(
        "{:<20} {:>12} {:>14} {:>9} {:>7} {:>8}  result",
        "target", "executions", "per second", "reached", "inputs", "bytes"
    );
    let failed: Vec<&str> = chosen
        .iter()
        .map(|target| Ok((target.name, run_target(root, target, options)?)))
        .collect::<Result<Vec<_>, Failure>>()?
        .into_iter()
        .filter_map(|(name, is_good)| (!is_good).then_some(name))
        .collect();
    if failed.is_empty() {
        return Ok(());
    }
    Err(Failure::new(format!("fuzz targets that failed: {}", failed.join(", "))))
}

/// Returns whether no input failed.
fn run_target(root: &Path, target: &Target, options: &GrowOptions) -> Result<bool, Failure> {
    let folder = options.corpus.clone().unwrap_or_else(|| root.join(target.corpus));
    let plan = Growth {
        seed: options.seed,
        executions: options.executions,
        time_max: options.seconds.map(Duration::from_secs),
    };
    let kept = load(&folder, target.name)?;
    let watchdog = watch(target.name, plan.seed);
    let started = std::time::Instant::now();
    let mut number = 0;
    let grown = grow(target, plan, kept, &mut |input, counters| {
        number += 1;
        watchdog.begin(number);
        measure(target.entry, input, counters)
    });
    drop(watchdog);
    let rate = number as f64 / started.elapsed().max(Duration::from_millis(1)).as_secs_f64();
    let bytes: usize = grown.inputs.iter().map(Vec::len).sum();
    println!(
        "{:<20} {:>12} {rate:>14.0} {:>9} {:>7} {bytes:>8}  {}",
        target.name,
        grown.executions,
        grown.feature_count,
        grown.inputs.len(),
        if grown.crash.is_some() { "FAILED" } else { "ok" }
    );
    store(&folder, target.name, grown.inputs)?;
    match grown.crash {
        None => Ok(true),
        Some((input, panic)) => {
            explain(root, target, &small_crash(target, &input, panic)).map(|()| false)
        }
    }
}
