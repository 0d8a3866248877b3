//! The decoders that are fuzzed.

use coilgun_protocol::fuzz as protocol;
use coilgun_storage::fuzz as storage;

/// One decoder's entry and inputs it understands.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    /// How it is called on the command line and in file names.
    pub(crate) name: &'static str,
    /// Where its corpus lies, below the root.
    pub(crate) corpus: &'static str,
    /// Takes any bytes and panics only over a mistake of ours.
    pub(crate) entry: fn(&[u8]),
    /// Where mutations begin.
    pub(crate) seeds: Vec<Vec<u8>>,
}

/// Every decoder there is.
pub(crate) fn targets() -> Vec<Target> {
    let of_protocol = protocol::FUZZ_TARGETS.iter().map(|(name, entry)| Target {
        name,
        corpus: "protocol/tests/corpus",
        entry: *entry,
        seeds: protocol::fuzz_seeds(name),
    });
    let of_storage = storage::FUZZ_TARGETS.iter().map(|(name, entry)| Target {
        name,
        corpus: "storage/tests/corpus",
        entry: *entry,
        seeds: storage::fuzz_seeds(name),
    });
    of_protocol.chain(of_storage).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_file_names_and_each_stands_once() {
        let mut names: Vec<_> = targets().iter().map(|target| target.name).collect();
        let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "_-".contains(letter);
        assert!(names.iter().all(|name| !name.is_empty() && name.chars().all(is_plain)));
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
    }

    #[test]
    fn every_target_passes_its_seeds() {
        for target in targets() {
            assert!(!target.seeds.is_empty(), "{} has seeds", target.name);
            target.seeds.iter().for_each(|seed| (target.entry)(seed));
        }
    }
}
