//! Makes a failing input small enough to read.

use crate::fuzz::guard::panic_of;

/// Most runs of the target that one input is worth.
const ATTEMPTS_MAX: usize = 20_000;

/// A shorter or simpler input on which `entry` still panics, in any way.
///
/// Cuts out runs of bytes, from half of the input down to single bytes, and then sets bytes to zero,
/// for as long as that finds anything or the attempts last.
pub(crate) fn minimise(entry: fn(&[u8]), failing: &[u8]) -> Vec<u8> {
    let mut smallest = failing.to_vec();
    let mut attempts = 0;
    // Ends: each round makes the input smaller or has more zeros in it, or is the last.
    loop {
        let before = smallest.clone();
        cut(entry, &mut smallest, &mut attempts);
        blank(entry, &mut smallest, &mut attempts);
        if smallest == before || attempts >= ATTEMPTS_MAX {
            return smallest;
        }
    }
}

fn cut(entry: fn(&[u8]), smallest: &mut Vec<u8>, attempts: &mut usize) {
    let mut run = smallest.len().div_ceil(2);
    while run > 0 {
        let mut at = 0;
        while at < smallest.len() && *attempts < ATTEMPTS_MAX {
            let mut shorter = smallest.clone();
            shorter.drain(at..smallest.len().min(at + run));
            *attempts += 1;
            if panic_of(entry, &shorter).is_some() {
                *smallest = shorter;
            } else {
                at += run;
            }
        }
        run /= 2;
    }
}

fn blank(entry: fn(&[u8]), smallest: &mut Vec<u8>, attempts: &mut usize) {
    for at in 0..smallest.len() {
        if smallest[at] == 0 || *attempts >= ATTEMPTS_MAX {
            continue;
        }
        let mut simpler = smallest.clone();
        simpler[at] = 0;
        *attempts += 1;
        if panic_of(entry, &simpler).is_some() {
            *smallest = simpler;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_matter_goes() {
        let entry = |bytes: &[u8]| assert!(!bytes.windows(2).any(|pair| pair == b"xy"), "xy");
        assert_eq!(minimise(entry, &[&[1; 1000][..], b"xy", &[2; 3000]].concat()), b"xy");
        let entry = |bytes: &[u8]| assert!(bytes.len() < 5, "five");
        assert_eq!(minimise(entry, &[9; 777]), [0; 5]);
    }

    #[test]
    fn the_work_is_bounded() {
        let entry = |bytes: &[u8]| assert!(bytes.iter().all(|byte| *byte != 7), "seven");
        let only_at_the_end = [&vec![0; 60_000][..], &[7]].concat();
        assert_eq!(minimise(entry, &only_at_the_end), [7]);
    }
}
