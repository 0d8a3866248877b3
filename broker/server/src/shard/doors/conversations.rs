//! Conversations of foreign protocols with a shard, through the same doors as the native one.

use std::fs;
use std::path::PathBuf;

use super::player::{Way, play};
use crate::env::sim::Faults;

const PLAIN: Way = Way { piece_bytes: usize::MAX, faults: Faults::none() };

/// The conversations: where they are, and their texts, in the order of their names.
fn conversations() -> Vec<(PathBuf, String)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src/shard/doors/transcript");
    let mut paths: Vec<PathBuf> = fs::read_dir(&folder)
        .expect("the folder is there")
        .map(|entry| entry.expect("the folder can be read").path())
        .collect();
    paths.sort_unstable();
    assert!(paths.len() >= 8, "the conversations are there: {paths:?}");
    let read = |path: PathBuf| {
        let text = fs::read_to_string(&path).expect("the file can be read");
        (path, text)
    };
    paths.into_iter().map(read).collect()
}

#[test]
fn golden_conversations_through_every_door() {
    for (path, text) in conversations() {
        let actual = play(&text, PLAIN);
        if std::env::var_os("COILGUN_UPDATE_GOLDEN").is_some() {
            fs::write(&path, &actual).expect("the file can be written");
            continue;
        }
        assert!(text == actual, "{} differs; it should be:\n{actual}", path.display());
    }
}

#[test]
fn s7_where_the_bytes_are_cut_does_not_matter() {
    for (path, text) in conversations() {
        for piece_bytes in (1..=13).chain([64]) {
            let actual = play(&text, Way { piece_bytes, ..PLAIN });
            let path = path.display();
            assert!(text == actual, "{path} in pieces of {piece_bytes} bytes:\n{actual}");
        }
    }
}

#[test]
fn what_a_rough_kernel_does_does_not_matter() {
    for (path, text) in conversations() {
        for piece_bytes in [1, 5, usize::MAX] {
            let actual = play(&text, Way { piece_bytes, faults: Faults::rough() });
            let path = path.display();
            assert!(text == actual, "{path} in pieces of {piece_bytes} bytes:\n{actual}");
        }
    }
}
