//! Partitions do what their shadows do, whatever happens.

use std::cell::{Cell, RefCell};

use proptest::collection::vec;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner};

use crate::stream_operations::{StreamOperation, stream_operation};
use crate::stream_trial::{StreamExercised, StreamTrial, same};

impl StreamExercised {
    fn add(&mut self, more: &StreamExercised) {
        let StreamExercised { appends, atomic_appends, atomic_refusals, acks, .. } = more;
        self.appends += appends;
        self.atomic_appends += atomic_appends;
        self.atomic_refusals += atomic_refusals;
        self.acks += acks;
        self.leader_acks += more.leader_acks;
        self.duplicates += more.duplicates;
        self.waits += more.waits;
        self.fenced += more.fenced;
        self.refused += more.refused;
        self.full += more.full;
        self.unknown += more.unknown;
        self.crashes += more.crashes;
        self.poisons += more.poisons;
        self.truncations += more.truncations;
        self.from_checkpoint += more.from_checkpoint;
        self.forgotten += more.forgotten;
        self.displaced += more.displaced;
        self.reads += more.reads;
        self.parked += more.parked;
        self.out_of_range += more.out_of_range;
    }
}

fn run(history: &[StreamOperation]) -> Result<StreamTrial, String> {
    let mut trial = StreamTrial::new();
    for operation in history {
        trial.step(operation)?;
    }
    // Whatever is under way gets to the disk, and everybody is answered.
    if !trial.is_poisoned {
        trial.write(usize::MAX / 2)?;
        trial.sync(usize::MAX / 2)?;
        trial.settle()?;
        same(0, trial.owed.len())?;
    }
    trial.crash(0)?;
    trial.settle()?;
    Ok(trial)
}

/// Runs `cases` random histories; the same ones each time.
pub(crate) fn run_stream_histories(cases: u32, shrink: bool) -> Result<StreamExercised, String> {
    let max_shrink_iters = if shrink { 10_000 } else { 0 };
    let config = Config { cases, max_shrink_iters, failure_persistence: None, ..Config::default() };
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let total = RefCell::new(StreamExercised::default());
    let histories = vec(stream_operation(), 1..500);
    let found = TestRunner::new_with_rng(config, rng).run(&histories, |history| {
        let trial = run(&history).map_err(TestCaseError::fail)?;
        total.borrow_mut().add(&trial.exercised);
        Ok(())
    });
    found.map_err(|why| why.to_string())?;
    Ok(total.into_inner())
}

#[test]
fn partitions_agree_with_their_shadows() {
    let is_full = std::env::var_os("COILGUN_TEST_FULL").is_some();
    let cases = if is_full { 40_000 } else { 800 };
    let exercised = run_stream_histories(cases, true).unwrap_or_else(|why| panic!("{why}"));
    println!("{exercised:?}");
    for (what, count, minimum) in [
        ("appends", exercised.appends, 30_000),
        ("appends to several partitions", exercised.atomic_appends, 2_000),
        ("atomic appends that were refused", exercised.atomic_refusals, 2_000),
        ("acks of what is durable", exercised.acks, 6_000),
        ("acks of what is not", exercised.leader_acks, 3_000),
        ("duplicates", exercised.duplicates, 2_000),
        ("duplicates that waited", exercised.waits, 500),
        ("fenced producers", exercised.fenced, 500),
        ("refusals", exercised.refused, 10_000),
        ("refusals for lack of room", exercised.full, 500),
        ("unknown outcomes", exercised.unknown, 4_000),
        ("crashes", exercised.crashes, 4_000),
        ("poisoned logs", exercised.poisons, 1_000),
        ("truncations", exercised.truncations, 500),
        ("partitions made from a checkpoint", exercised.from_checkpoint, 4_000),
        ("producers that were forgotten", exercised.forgotten, 2_000),
        ("producers that made room for others", exercised.displaced, 2_000),
        ("reads", exercised.reads, 6_000),
        ("looks at parked followers", exercised.parked, 50_000),
        ("followers out of range", exercised.out_of_range, 1_000),
    ] {
        assert!(count >= minimum, "{what}: {count} of at least {minimum}");
    }
}

#[test]
fn the_same_history_gives_the_same_effects() {
    let config = Config { cases: 20, failure_persistence: None, ..Config::default() };
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let histories = vec(stream_operation(), 100..300);
    let effects = Cell::new(0);
    let found = TestRunner::new_with_rng(config, rng).run(&histories, |history| {
        let run = || run(&history).map_err(TestCaseError::fail);
        let (first, second) = (run()?, run()?);
        effects.set(effects.get() + first.trace.len());
        assert_eq!((first.trace, first.exercised), (second.trace, second.exercised));
        Ok(())
    });
    assert_eq!(found, Ok(()));
    assert!(effects.get() > 500, "there are effects to compare");
}
