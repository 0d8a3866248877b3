//! Inputs that once reached a new place in a decoder are understood or refused, and never panic.

use std::path::PathBuf;

use coilgun_protocol::fuzz::read_corpus;
use coilgun_storage::fuzz::FUZZ_TARGETS;

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/corpus")
}

#[test]
fn every_target_passes_its_corpus() {
    for (name, target) in FUZZ_TARGETS {
        let path = folder().join(format!("{name}.txt"));
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
    let names = std::fs::read_dir(folder()).expect("it is there");
    let names = names.map(|entry| entry.expect("it can be listed").file_name());
    let mut names: Vec<String> = names.map(|it| it.to_string_lossy().into_owned()).collect();
    names.sort_unstable();
    assert_eq!(names, expected);
}
