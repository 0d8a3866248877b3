//! Several shards do what one would, whatever happens and however late they hear of it (laws S14, S15,
//! S16).

use std::cell::RefCell;

use proptest::collection::vec;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner};

use crate::mesh_operations::mesh_operation;
use crate::mesh_trial::{MeshExercised, MeshTrial};

/// Runs `cases` random histories of one to four shards; the same ones each time.
pub(crate) fn run_mesh_histories(cases: u32, shrink: bool) -> Result<MeshExercised, String> {
    let max_shrink_iters = if shrink { 10_000 } else { 0 };
    let config = Config { cases, max_shrink_iters, failure_persistence: None, ..Config::default() };
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let total = RefCell::new(MeshExercised::default());
    let histories = (1..5usize, vec(mesh_operation(), 1..250));
    let found = TestRunner::new_with_rng(config, rng).run(&histories, |(shards, history)| {
        let mut trial = MeshTrial::new(shards);
        trial.run(&history).map_err(TestCaseError::fail)?;
        total.borrow_mut().add(&trial.exercised);
        Ok(())
    });
    found.map_err(|why| why.to_string())?;
    Ok(total.into_inner())
}

impl MeshExercised {
    fn add(&mut self, more: &MeshExercised) {
        self.messages += more.messages;
        self.exact += more.exact;
        self.deliveries += more.deliveries;
        self.across += more.across;
        self.group_deliveries += more.group_deliveries;
        self.bounces += more.bounces;
        self.by_name += more.by_name;
        self.names_taken += more.names_taken;
        self.presses += more.presses;
    }
}

#[test]
fn s14_s15_s16_several_shards_agree_with_the_naive_model_of_one() {
    let exercised = run_mesh_histories(300, true).unwrap_or_else(|why| panic!("{why}"));
    println!("{exercised:?}");
    for (what, count, minimum) in [
        ("messages", exercised.messages, 5_000),
        ("messages that were compared exactly", exercised.exact, 3_000),
        ("deliveries", exercised.deliveries, 10_000),
        ("deliveries on another shard", exercised.across, 5_000),
        ("deliveries of queue groups", exercised.group_deliveries, 3_000),
        ("bounces", exercised.bounces, 100),
        ("deliveries by name", exercised.by_name, 300),
        ("names that were taken", exercised.names_taken, 100),
        ("presses", exercised.presses, 200),
    ] {
        assert!(count >= minimum, "{what}: {count} of at least {minimum}");
    }
}
