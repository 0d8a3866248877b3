//! A seed always does the same.

use coilgun_sim::simulation::{Options, run};

#[test]
fn s22_the_same_seed_gives_the_same_trace_byte_for_byte() {
    let options = Options { keeps_lines: true, ..Options::default() };
    let mut hashes = std::collections::BTreeSet::new();
    for seed in 0..40 {
        let (first, second) = (run(seed, options), run(seed, options));
        assert!(first.lines.len() > 50, "seed {seed}: something happens");
        assert_eq!(first.lines, second.lines, "seed {seed}");
        assert_eq!(first.hash, second.hash, "seed {seed}");
        assert_eq!(first.tally, second.tally, "seed {seed}");
        assert_eq!(first.hash, run(seed, Options::default()).hash, "lines that are not kept count");
        hashes.insert(first.hash);
    }
    assert_eq!(hashes.len(), 40, "other seeds do something else");
}
