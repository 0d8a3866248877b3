//! The list.

use crate::elbus::{self, fuzz_rpc, fuzz_server_frame, fuzz_text};
use crate::model::{fuzz_escape, fuzz_filter, fuzz_headers, fuzz_subject};
use crate::native::{
    fuzz_client, fuzz_error, fuzz_follow, fuzz_framer, fuzz_go_away, fuzz_hello, fuzz_preface,
    fuzz_records, fuzz_session, fuzz_stream_described, fuzz_stream_listed, fuzz_stream_requests,
    fuzz_subscribe, fuzz_welcome,
};

/// Every fuzz entry with its name. An entry takes any bytes and panics if a promise is broken.
#[expect(clippy::type_complexity, reason = "a list of pairs says it better than a named type")]
pub const FUZZ_TARGETS: &[(&str, fn(&[u8]))] = &[
    ("model_subject", fuzz_subject),
    ("model_filter", fuzz_filter),
    ("model_escape", fuzz_escape),
    ("model_headers", fuzz_headers),
    ("native_preface", fuzz_preface),
    ("native_framer", fuzz_framer),
    ("native_records", fuzz_records),
    ("native_hello", fuzz_hello),
    ("native_stream_requests", fuzz_stream_requests),
    ("native_stream_described", fuzz_stream_described),
    ("native_stream_listed", fuzz_stream_listed),
    ("native_follow", fuzz_follow),
    ("native_subscribe", fuzz_subscribe),
    ("native_welcome", fuzz_welcome),
    ("native_error", fuzz_error),
    ("native_go_away", fuzz_go_away),
    ("native_session", fuzz_session),
    ("native_client", fuzz_client),
    ("elbus_text", fuzz_text),
    ("elbus_rpc", fuzz_rpc),
    ("elbus_server_frame", fuzz_server_frame),
    ("elbus_session", elbus::fuzz_session),
];

#[cfg(test)]
mod tests {
    use super::super::fuzz_seeds;
    use super::*;

    #[test]
    fn every_target_has_seeds_and_passes_them_cut_anywhere() {
        for (name, target) in FUZZ_TARGETS {
            let seeds = fuzz_seeds(name);
            assert!(!seeds.is_empty(), "{name} has seeds");
            for seed in seeds {
                for len in 0..=seed.len() {
                    target(&seed[..len]);
                }
            }
        }
    }

    #[test]
    fn every_target_passes_its_seeds_with_each_byte_changed() {
        for (name, target) in FUZZ_TARGETS {
            for seed in fuzz_seeds(name) {
                for at in 0..seed.len() {
                    for change in [0x01, 0x80, 0xff] {
                        let mut changed = seed.clone();
                        changed[at] ^= change;
                        target(&changed);
                    }
                }
            }
        }
    }

    #[test]
    fn names_are_unique() {
        let mut names: Vec<_> = FUZZ_TARGETS.iter().map(|(name, _)| *name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), FUZZ_TARGETS.len());
    }
}
