//! Finds inputs that reach something new, and keeps few and small ones of them.

use std::time::{Duration, Instant};

use crate::fuzz::coverage::{Coverage, contains};
use crate::fuzz::minimise::shrink;
use crate::fuzz::mutate::mutate;
use crate::fuzz::random::Random;
use crate::fuzz::targets::Target;

/// Longest input that is kept, in bytes.
const KEPT_BYTES_MAX: usize = 4096;
/// Most runs of the target that making one kept input small is worth.
const SHRINK_ATTEMPTS_MAX: usize = 2_000;
/// How often progress is told.
const PROGRESS_EVERY: Duration = Duration::from_secs(10);
/// Executions between two looks at the clock.
const CLOCK_EVERY: u64 = 256;

/// How much to try.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Growth {
    /// What the mutations follow from.
    pub(crate) seed: u64,
    /// Mutated inputs.
    pub(crate) executions: u64,
    /// It ends after this time if it has not before.
    pub(crate) time_max: Option<Duration>,
}

/// What came of it.
#[derive(Debug)]
pub(crate) struct Grown {
    /// What reaches all that was reached beyond the seeds.
    pub(crate) inputs: Vec<Vec<u8>>,
    /// Mutated inputs that were run.
    pub(crate) executions: u64,
    /// Pairs of a place and a frequency that were reached.
    pub(crate) feature_count: usize,
    /// An input that made the target panic, and with what. Growing ended there.
    pub(crate) crash: Option<(Vec<u8>, String)>,
}

/// Runs a target on an input, leaves the counters, and returns what it panicked with.
pub(crate) type Measure<'a> = dyn FnMut(&[u8], &mut Vec<u8>) -> Option<String> + 'a;

/// Grows `kept`, the corpus of a target beside its seeds.
pub(crate) fn grow(
    target: &Target,
    plan: Growth,
    kept: Vec<Vec<u8>>,
    measure: &mut Measure<'_>,
) -> Grown {
    let started = Instant::now();
    let (mut coverage, mut counters) = (Coverage::default(), Vec::new());
    let seed_count = target.seeds.len();
    let mut pool = target.seeds.clone();
    let mut crash = None;
    for input in target.seeds.iter().chain(&kept) {
        crash = crash.or_else(|| measure(input, &mut counters).map(|it| (input.clone(), it)));
        coverage.add(&counters);
    }
    pool.extend(kept);
    let (mut input, mut execution, mut told) = (Vec::new(), 0, started);
    while crash.is_none() && execution < plan.executions {
        let mut random = Random::for_execution(plan.seed, target.name, execution);
        mutate(&mut random, &pool, &mut input);
        input.truncate(KEPT_BYTES_MAX);
        execution += 1;
        crash = measure(&input, &mut counters).map(|panic| (input.clone(), panic));
        if coverage.add(&counters) {
            pool.push(input.clone());
        }
        if execution % CLOCK_EVERY == 0 {
            let now = Instant::now();
            if plan.time_max.is_some_and(|max| now - started >= max) {
                break;
            }
            if now - told >= PROGRESS_EVERY {
                told = now;
                let (found, reached) = (pool.len() - seed_count, coverage.feature_count());
                eprintln!("{}: {execution} executions, {found} inputs, {reached}", target.name);
            }
        }
    }
    let inputs = reduce(target, pool.split_off(seed_count), measure);
    Grown { inputs, executions: execution, feature_count: coverage.feature_count(), crash }
}

/// Few and small inputs that reach, with the seeds, what all of them do.
fn reduce(target: &Target, inputs: Vec<Vec<u8>>, measure: &mut Measure<'_>) -> Vec<Vec<u8>> {
    let chosen = choose(target, inputs, measure);
    let small = chosen.into_iter().map(|(input, pairs)| {
        shrink(&input, SHRINK_ATTEMPTS_MAX, &mut |shorter| {
            let mut counters = Vec::new();
            measure(shorter, &mut counters).is_none() && contains(&counters, &pairs)
        })
    });
    let small = small.collect();
    choose(target, small, measure).into_iter().map(|(input, _)| input).collect()
}

/// An input with what it alone reaches: pairs of a counter and a bucket.
type Chosen = (Vec<u8>, Vec<(usize, u8)>);

/// Goes through the inputs, shortest first, and takes those that reach what none before did.
fn choose(target: &Target, mut inputs: Vec<Vec<u8>>, measure: &mut Measure<'_>) -> Vec<Chosen> {
    inputs.sort_by_key(Vec::len);
    let (mut coverage, mut counters) = (Coverage::default(), Vec::new());
    for seed in &target.seeds {
        let _seeds_were_run_before = measure(seed, &mut counters);
        coverage.add(&counters);
    }
    let mut chosen = Vec::new();
    for input in inputs {
        if measure(&input, &mut counters).is_some() {
            continue;
        }
        let missing = coverage.missing(&counters);
        if !missing.is_empty() {
            coverage.add(&counters);
            chosen.push((input, missing));
        }
    }
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAN: Growth = Growth { seed: 1, executions: 300_000, time_max: None };

    fn target() -> Target {
        Target {
            name: "planted",
            corpus: "nowhere",
            entry: |_| {},
            seeds: vec![b"key = none".to_vec()],
        }
    }

    /// Counts how far a word stands at the beginning, and fails when all of it does.
    fn counting(word: &'static [u8]) -> impl FnMut(&[u8], &mut Vec<u8>) -> Option<String> {
        move |input, counters| {
            let right = input.iter().zip(word).take_while(|(one, other)| one == other).count();
            counters.clear();
            counters.extend((0..word.len()).map(|at| u8::from(at < right)));
            (right == word.len()).then(|| "the whole word".to_owned())
        }
    }

    /// A word of six letters is found step by step, which mutations alone would not do.
    #[test]
    fn what_reaches_further_is_mutated_further() {
        let grown = grow(&target(), PLAN, Vec::new(), &mut counting(b"secret"));
        let (input, panic) = grown.crash.expect("the word is found");
        assert!(input.starts_with(b"secret") && panic == "the whole word");
        assert!(grown.executions < PLAN.executions);
    }

    #[test]
    fn what_is_kept_reaches_everything_and_is_small() {
        let kept = vec![b"secr and much more".to_vec(), b"sec".to_vec(), b"s".to_vec()];
        let plan = Growth { executions: 0, ..PLAN };
        let grown = grow(&target(), plan, kept, &mut counting(b"secret"));
        assert!(grown.crash.is_none());
        assert_eq!(grown.feature_count, 4);
        assert_eq!(grown.inputs, [b"s".to_vec(), b"sec".to_vec(), b"secr".to_vec()]);
    }

    #[test]
    fn time_ends_it() {
        let plan = Growth { executions: u64::MAX, time_max: Some(Duration::ZERO), ..PLAN };
        let grown = grow(&target(), plan, Vec::new(), &mut counting(b"a word of many letters"));
        assert_eq!(grown.executions, CLOCK_EVERY);
    }
}
