//! Makes a failing input small enough to read.

use crate::fuzz::guard::panic_of;

/// Most runs of the target that one failing input is worth.
const ATTEMPTS_MAX: usize = 20_000;

/// A shorter or simpler input on which `entry` still panics, in any way.
pub(crate) fn minimise(entry: fn(&[u8]), failing: &[u8]) -> Vec<u8> {
    shrink(failing, ATTEMPTS_MAX, &mut |input| panic_of(entry, input).is_some())
}

/// A shorter or simpler input that still is what `input` is, as far as `is_same` can say.
///
/// Cuts out runs of bytes, from half of the input down to single bytes, and then sets bytes to zero,
/// for as long as that finds anything or the attempts last.
pub(crate) fn shrink(
    input: &[u8],
    attempts_max: usize,
    is_same: &mut dyn FnMut(&[u8]) -> bool,
) -> Vec<u8> {
    let mut smallest = input.to_vec();
    let mut attempts_left = attempts_max;
    // Ends: each round makes the input smaller or has more zeros in it, or is the last.
    loop {
        let before = smallest.clone();
        cut(is_same, &mut smallest, &mut attempts_left);
        blank(is_same, &mut smallest, &mut attempts_left);
        if smallest == before || attempts_left == 0 {
            return smallest;
        }
    }
}

fn cut(is_same: &mut dyn FnMut(&[u8]) -> bool, smallest: &mut Vec<u8>, attempts_left: &mut usize) {
    let mut run = smallest.len().div_ceil(2);
    while run > 0 {
        let mut at = 0;
        while at < smallest.len() && *attempts_left > 0 {
            let mut shorter = smallest.clone();
            shorter.drain(at..smallest.len().min(at + run));
            *attempts_left -= 1;
            if is_same(&shorter) {
                *smallest = shorter;
            } else {
                at += run;
            }
        }
        run /= 2;
    }
}

fn blank(is_same: &mut dyn FnMut(&[u8]) -> bool, smallest: &mut [u8], attempts_left: &mut usize) {
    for at in 0..smallest.len() {
        if smallest[at] == 0 || *attempts_left == 0 {
            continue;
        }
        let before = std::mem::take(&mut smallest[at]);
        *attempts_left -= 1;
        if !is_same(smallest) {
            smallest[at] = before;
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
