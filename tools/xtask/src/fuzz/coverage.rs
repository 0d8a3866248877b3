//! Which places of the decoders an input reached, and how often.
//!
//! The compiler can put a counter of one byte into every edge of a crate's code, and calls a function
//! with the range of all counters when the program starts. Source: "SanitizerCoverage" in the
//! documentation of Clang, section "Inline 8bit-counters".

use std::sync::atomic::{AtomicPtr, Ordering};

use crate::fuzz::guard::panic_of;

static START: AtomicPtr<u8> = AtomicPtr::new(std::ptr::null_mut());
static STOP: AtomicPtr<u8> = AtomicPtr::new(std::ptr::null_mut());

/// Called by instrumented code before `main`, once for every object or once for all; the linker has
/// put the counters of all objects into one section.
#[unsafe(no_mangle)]
extern "C" fn __sanitizer_cov_8bit_counters_init(start: *mut u8, stop: *mut u8) {
    START.store(start, Ordering::Relaxed);
    STOP.store(stop, Ordering::Relaxed);
}

/// Whether the decoders of this program were built with counters.
pub(crate) fn is_instrumented() -> bool {
    !START.load(Ordering::Relaxed).is_null()
}

/// Runs `entry` on `input` and leaves what it counted in `counters`; returns what it panicked with.
/// Without counters in the program there are none.
pub(crate) fn measure(entry: fn(&[u8]), input: &[u8], counters: &mut Vec<u8>) -> Option<String> {
    with_counters(|section| section.fill(0));
    let panic = panic_of(entry, input);
    counters.clear();
    with_counters(|section| counters.extend_from_slice(section));
    panic
}

fn with_counters(mut use_them: impl FnMut(&mut [u8])) {
    let (start, stop) = (START.load(Ordering::Relaxed), STOP.load(Ordering::Relaxed));
    if start.is_null() {
        return;
    }
    let len = stop.addr() - start.addr();
    // SAFETY: the compiler says that the counters lie there, in memory of the program that is never
    // given back. Only this thread runs instrumented code, and none of it while the slice exists:
    // what is done with it fills and copies.
    use_them(unsafe { std::slice::from_raw_parts_mut(start, len) });
}

/// Places and frequencies, as numbers that mean something within one build only.
#[derive(Clone, Debug, Default)]
pub(crate) struct Coverage {
    /// For each counter one bit per bucket of [`bucket`].
    buckets: Vec<u8>,
}

impl Coverage {
    /// Adds what an input counted. Returns whether any of it is new.
    pub(crate) fn add(&mut self, counters: &[u8]) -> bool {
        self.buckets.resize(counters.len().max(self.buckets.len()), 0);
        let mut is_new = false;
        for (counter, buckets) in counters.iter().zip(&mut self.buckets) {
            if *counter > 0 {
                let seen = *buckets | bucket(*counter);
                is_new |= seen != *buckets;
                *buckets = seen;
            }
        }
        is_new
    }

    /// What an input counted and this does not contain: pairs of a counter and its bucket.
    pub(crate) fn missing(&self, counters: &[u8]) -> Vec<(usize, u8)> {
        let known = |at: usize| self.buckets.get(at).copied().unwrap_or(0);
        let reached = counters.iter().enumerate().filter(|(_, counter)| **counter > 0);
        let pairs = reached.map(|(at, counter)| (at, bucket(*counter)));
        pairs.filter(|(at, bit)| known(*at) & bit == 0).collect()
    }

    /// How many pairs of a counter and a bucket there are.
    pub(crate) fn feature_count(&self) -> usize {
        self.buckets.iter().map(|buckets| buckets.count_ones() as usize).sum()
    }
}

/// Whether all these pairs are among what an input counted.
pub(crate) fn contains(counters: &[u8], pairs: &[(usize, u8)]) -> bool {
    pairs.iter().all(|(at, bit)| counters.get(*at).is_some_and(|count| bucket(*count) == *bit))
}

/// Counts that differ by little count as the same: 1, 2, 3, 4-7, 8-15, 16-31, 32-127, more.
fn bucket(count: u8) -> u8 {
    match count {
        0 => 0,
        1 => 1,
        2 => 2,
        3 => 4,
        4..=7 => 8,
        8..=15 => 16,
        16..=31 => 32,
        32..=127 => 64,
        128..=255 => 128,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn new_places_and_new_frequencies_are_new() {
        let mut coverage = Coverage::default();
        assert!(!coverage.add(&[0, 0, 0]));
        assert!(coverage.add(&[1, 0, 0]));
        assert!(!coverage.add(&[1, 0, 0]));
        assert!(coverage.add(&[0, 4, 0]));
        assert!(!coverage.add(&[1, 7, 0]), "four and seven are one bucket");
        assert_eq!(coverage.missing(&[2, 7, 1]), [(0, 2), (2, 1)]);
        assert!(coverage.add(&[2, 0, 0]));
        assert_eq!(coverage.feature_count(), 3);
    }

    #[test]
    fn an_input_contains_its_own_pairs() {
        let pairs = Coverage::default().missing(&[0, 9, 1]);
        assert!(contains(&[7, 15, 1], &pairs));
        assert!(!contains(&[7, 16, 1], &pairs));
        assert!(!contains(&[7, 15], &pairs));
    }

    #[test]
    fn every_count_has_one_bucket() {
        assert!((1..=255).all(|count| bucket(count).count_ones() == 1));
        assert_eq!(bucket(0), 0);
    }
}
