//! The list.

use crate::format::fuzz::{
    fuzz_entry, fuzz_footer, fuzz_group, fuzz_lost, fuzz_manifest, fuzz_superblock,
};
use crate::format::fuzz_state;

/// Every fuzz entry with its name. An entry takes any bytes and panics if a promise is broken.
#[expect(clippy::type_complexity, reason = "a list of pairs says it better than a named type")]
pub const FUZZ_TARGETS: &[(&str, fn(&[u8]))] = &[
    ("log_group", fuzz_group),
    ("log_entry", fuzz_entry),
    ("log_footer", fuzz_footer),
    ("log_superblock", fuzz_superblock),
    ("log_manifest", fuzz_manifest),
    ("log_lost", fuzz_lost),
    ("log_state", fuzz_state),
];

#[cfg(test)]
mod tests {
    use super::super::fuzz_seeds;
    use super::*;

    #[test]
    fn every_target_has_seeds_and_passes_them_cut_anywhere_and_with_each_byte_changed() {
        for (name, target) in FUZZ_TARGETS {
            let seeds = fuzz_seeds(name);
            assert!(!seeds.is_empty(), "{name} has seeds");
            for seed in seeds {
                for at in 0..seed.len() {
                    target(&seed[..at]);
                    let mut changed = seed.clone();
                    changed[at] = changed[at].wrapping_add(1);
                    target(&changed);
                }
                target(&seed);
            }
        }
    }
}
