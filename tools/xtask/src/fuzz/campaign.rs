//! Runs one target over its seeds and their mutations.

use std::path::{Path, PathBuf};
use std::process::abort;
use std::time::{Duration, Instant};

use crate::failure::Failure;
use crate::fuzz::guard::panic_of;
use crate::fuzz::minimise::minimise;
use crate::fuzz::mutate::mutate;
use crate::fuzz::random::Random;
use crate::fuzz::targets::Target;
use crate::fuzz::watchdog::Watchdog;

/// How long one input may take before the target counts as hanging.
const PATIENCE: Duration = Duration::from_secs(10);
/// After how many executions of one target progress is told.
const PROGRESS_EVERY: u64 = 10_000_000;

/// How much to try.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    /// What all inputs follow from.
    pub(crate) seed: u64,
    /// Mutated inputs behind the seeds.
    pub(crate) executions: u64,
}

/// What came of it.
#[derive(Clone, Debug)]
pub(crate) struct Report {
    /// Inputs the target was run on, up to the first that failed.
    pub(crate) executions: u64,
    /// How long that took.
    pub(crate) elapsed: Duration,
    /// The first input that failed.
    pub(crate) crash: Option<Crash>,
}

/// An input on which a target panics.
#[derive(Clone, Debug)]
pub(crate) struct Crash {
    /// The input, made small.
    pub(crate) input: Vec<u8>,
    /// What the target panics with, and where.
    pub(crate) panic: String,
}

impl Report {
    /// Inputs in each second.
    pub(crate) fn executions_per_second(&self) -> u64 {
        let nanos = self.elapsed.as_nanos().max(1);
        let rate = u128::from(self.executions) * 1_000_000_000 / nanos;
        u64::try_from(rate).unwrap_or(u64::MAX)
    }
}

/// Runs a target until an input fails or the plan is done.
pub(crate) fn run(target: &Target, plan: Plan) -> Report {
    let started = Instant::now();
    let watchdog = watch(target.name, plan.seed);
    let mut input = Vec::new();
    let total = target.seeds.len() as u64 + plan.executions;
    for execution in 0..total {
        choose(target, plan, execution, &mut input);
        watchdog.begin(execution);
        if execution > 0 && execution % PROGRESS_EVERY == 0 {
            let seconds = started.elapsed().as_secs();
            eprintln!("{}: {execution} executions in {seconds} s", target.name);
        }
        if let Some(panic) = panic_of(target.entry, &input) {
            let elapsed = started.elapsed();
            // Minimising runs the target many times under one number.
            drop(watchdog);
            let crash = Some(small_crash(target, &input, panic));
            return Report { executions: execution + 1, elapsed, crash };
        }
    }
    Report { executions: total, elapsed: started.elapsed(), crash: None }
}

/// Ends the program if an execution of a target hangs.
pub(crate) fn watch(name: &'static str, seed: u64) -> Watchdog {
    Watchdog::start(PATIENCE, move |execution| {
        eprintln!("{name}: execution {execution} with seed {seed} takes over {PATIENCE:?}");
        // Nothing can stop the thread that hangs.
        abort();
    })
}

/// The input of one execution: first the seeds as they are, then mutations.
fn choose(target: &Target, plan: Plan, execution: u64, input: &mut Vec<u8>) {
    let index = usize::try_from(execution).unwrap_or(usize::MAX);
    if let Some(seed) = target.seeds.get(index) {
        input.clone_from(seed);
    } else {
        let mut random = Random::for_execution(plan.seed, target.name, execution);
        mutate(&mut random, &target.seeds, input);
    }
}

/// Makes an input that fails small.
pub(crate) fn small_crash(target: &Target, input: &[u8], panic: String) -> Crash {
    let small = minimise(target.entry, input);
    // The smaller input may fail in another way; what is told must fit what is saved.
    let panic = panic_of(target.entry, &small).unwrap_or(panic);
    Crash { input: small, panic }
}

/// Writes the input of a crash below `folder` and returns its path.
///
/// # Errors
/// If it cannot be written.
pub(crate) fn save(folder: &Path, target: &str, crash: &Crash) -> Result<PathBuf, Failure> {
    let hash = crash.input.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    let path = folder.join(format!("{target}-{hash:016x}.bin"));
    std::fs::create_dir_all(folder).map_err(Failure::while_doing("cannot make the folder"))?;
    std::fs::write(&path, &crash.input).map_err(Failure::while_doing("cannot save the input"))?;
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAN: Plan = Plan { seed: 1, executions: 50_000 };

    /// Trusts a length it reads, as a careless decoder does.
    fn careless(bytes: &[u8]) {
        if let [b'F', length, body @ ..] = bytes {
            let _field = body[..usize::from(*length)].len();
        }
    }

    fn careful(bytes: &[u8]) {
        if let [b'F', length, body @ ..] = bytes {
            let _field = body.get(..usize::from(*length));
        }
    }

    fn target(entry: fn(&[u8])) -> Target {
        Target {
            name: "planted",
            corpus: "nowhere",
            entry,
            seeds: vec![b"F\x03abc".to_vec(), b"F\x00".to_vec()],
        }
    }

    #[test]
    fn a_planted_mistake_is_found_made_small_and_the_same_each_time() {
        let report = run(&target(careless), PLAN);
        let crash = report.crash.expect("the mistake is found");
        assert_eq!(crash.input.len(), 2, "{:?}", crash.input);
        assert!(crash.panic.contains("campaign.rs"), "{}", crash.panic);
        assert!(report.executions > 2, "the seeds are good");
        let again = run(&target(careless), PLAN);
        assert_eq!(again.executions, report.executions);
        assert_eq!(again.crash.expect("it is found again").input, crash.input);
    }

    #[test]
    fn a_bad_seed_is_found_first() {
        let bad = Target { seeds: vec![b"F\x09".to_vec()], ..target(careless) };
        let report = run(&bad, Plan { seed: 1, executions: 0 });
        assert_eq!(report.executions, 1);
        assert!(report.crash.is_some());
    }

    #[test]
    fn a_target_without_mistakes_runs_to_its_end() {
        let report = run(&target(careful), PLAN);
        assert!(report.crash.is_none());
        assert_eq!(report.executions, PLAN.executions + 2);
        assert!(report.executions_per_second() > 0);
    }

    #[test]
    fn a_saved_input_reads_back() {
        let folder = std::env::temp_dir().join(format!("coilgun-fuzz-{}", std::process::id()));
        let crash = Crash { input: b"F\x01".to_vec(), panic: String::new() };
        let path = save(&folder, "planted", &crash).expect("it can be saved");
        assert_eq!(std::fs::read(&path).expect("it is there"), crash.input);
        std::fs::remove_dir_all(&folder).expect("it can be removed");
    }
}
