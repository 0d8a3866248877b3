//! Inputs that once reached a new place in a decoder are understood or refused, and never panic.

use coilgun_protocol::fuzz::{FUZZ_TARGETS, read_corpus};

use crate::files;

#[test]
fn every_target_passes_its_corpus() {
    for (name, target) in FUZZ_TARGETS {
        let path = files::path("corpus", &format!("{name}.txt"));
        let text = std::fs::read_to_string(&path)
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let inputs = read_corpus(&text).expect("the file is a corpus");
        assert!(!inputs.is_empty(), "{name} has a corpus");
        inputs.iter().for_each(|input| target(input));
    }
}

#[test]
fn every_corpus_belongs_to_a_target() {
    let expected = FUZZ_TARGETS.iter().map(|(name, _)| format!("{name}.txt"));
    let mut expected: Vec<String> = expected.collect();
    expected.sort_unstable();
    assert_eq!(files::names("corpus"), expected);
}
