//! The keys of the hash tables change no answer (law S22).

use proptest::collection::vec;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner};

use crate::operations::operation;
use crate::property::{TIGHT, Trial};

#[test]
fn s22_the_same_history_gives_the_same_plans_under_other_keys() {
    let config = Config { cases: 60, failure_persistence: None, ..Config::default() };
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let history = vec(operation(), 100..200);
    let found = TestRunner::new_with_rng(config, rng).run(&history, |history| {
        let run = |seeds: [u64; 4]| {
            let mut trial = Trial::new(seeds, TIGHT);
            trial.run(&history).map_err(TestCaseError::fail)?;
            Ok::<_, TestCaseError>((trial.trace, trial.router.counts()))
        };
        let first = run([0; 4])?;
        assert!(first.0.len() > 10, "there are plans to compare");
        for seeds in [[1, 2, 3, 4], [u64::MAX; 4], [7, 0, 0, 0], [0xdead, 0xbeef, 42, 1 << 60]] {
            assert_eq!(run(seeds)?, first, "keys {seeds:?}");
        }
        Ok(())
    });
    assert_eq!(found, Ok(()));
}
