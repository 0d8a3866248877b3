//! Turns seeds into inputs nobody wrote.

use crate::fuzz::random::Random;

/// Longest input a mutation makes, in bytes: a frame with a block of payload and more.
const INPUT_BYTES_MAX: usize = 96 * 1024;
/// Most mutations on top of each other.
const STACKED_MAX: usize = 8;
/// Most bytes inserted at once.
const INSERTED_MAX: usize = 32;

/// Numbers at which decoders go wrong: around powers of two, signs and sizes.
const INTERESTING: [u64; 18] = [
    0,
    1,
    2,
    3,
    4,
    7,
    8,
    0x7f,
    0x80,
    0xff,
    0x100,
    0x7fff,
    0xffff,
    0x1_0000,
    0x7fff_ffff,
    0xffff_ffff,
    0x7fff_ffff_ffff_ffff,
    u64::MAX,
];

/// One way to change bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Mutation {
    FlipBit,
    SetByte,
    Insert,
    Delete,
    Duplicate,
    Splice,
    Integer,
    Truncate,
}

const MUTATIONS: [Mutation; 8] = [
    Mutation::FlipBit,
    Mutation::SetByte,
    Mutation::Insert,
    Mutation::Delete,
    Mutation::Duplicate,
    Mutation::Splice,
    Mutation::Integer,
    Mutation::Truncate,
];

/// Fills `input` with a mutation of one of the seeds; without seeds, with bytes out of nothing.
pub(crate) fn mutate(random: &mut Random, seeds: &[Vec<u8>], input: &mut Vec<u8>) {
    input.clear();
    if !seeds.is_empty() {
        let seed = &seeds[random.below(seeds.len())];
        input.extend_from_slice(&seed[..seed.len().min(INPUT_BYTES_MAX)]);
    }
    for _ in 0..=random.below(STACKED_MAX) {
        let mutation = MUTATIONS[random.below(MUTATIONS.len())];
        apply(mutation, random, seeds, input);
        input.truncate(INPUT_BYTES_MAX);
    }
}

fn apply(mutation: Mutation, random: &mut Random, seeds: &[Vec<u8>], input: &mut Vec<u8>) {
    let needs_bytes = !matches!(mutation, Mutation::Insert | Mutation::Splice);
    if input.is_empty() && needs_bytes {
        return insert(random, input);
    }
    match mutation {
        Mutation::FlipBit => {
            let at = random.below(input.len());
            input[at] ^= 1 << random.below(8);
        }
        Mutation::SetByte => {
            let at = random.below(input.len());
            input[at] = random.next() as u8;
        }
        Mutation::Insert => insert(random, input),
        Mutation::Delete => {
            let (start, end) = range(random, input.len());
            input.drain(start..end);
        }
        Mutation::Duplicate => {
            let (start, end) = range(random, input.len());
            let copy = input[start..end].to_vec();
            let at = random.below(input.len() + 1);
            input.splice(at..at, copy);
        }
        Mutation::Splice => splice(random, seeds, input),
        Mutation::Integer => integer(random, input),
        Mutation::Truncate => input.truncate(random.below(input.len())),
    }
}

fn insert(random: &mut Random, input: &mut Vec<u8>) {
    let at = random.below(input.len() + 1);
    let count = 1 + random.below(INSERTED_MAX);
    let bytes: Vec<u8> = (0..count).map(|_| random.next() as u8).collect();
    input.splice(at..at, bytes);
}

/// Continues the input, from some place on, with the end of a seed.
fn splice(random: &mut Random, seeds: &[Vec<u8>], input: &mut Vec<u8>) {
    if seeds.is_empty() {
        return insert(random, input);
    }
    let other = &seeds[random.below(seeds.len())];
    input.truncate(random.below(input.len() + 1));
    input.extend_from_slice(&other[random.below(other.len() + 1)..]);
}

/// Overwrites one, two, four or eight bytes with a number, in either byte order.
fn integer(random: &mut Random, input: &mut [u8]) {
    let width = (1_usize << random.below(4)).min(input.len());
    let at = random.below(input.len() - width + 1);
    let near = (random.below(3) as u64).wrapping_sub(1);
    let value = INTERESTING[random.below(INTERESTING.len())].wrapping_add(near);
    let little = value.to_le_bytes();
    input[at..at + width].copy_from_slice(&little[..width]);
    if random.below(2) == 1 {
        input[at..at + width].reverse();
    }
}

/// A range of at least one byte, short ones more often than long ones.
fn range(random: &mut Random, length: usize) -> (usize, usize) {
    let start = random.below(length);
    let longest = 1 + random.below(length - start);
    (start, start + 1 + random.below(longest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inputs(seed: u64, seeds: &[Vec<u8>]) -> Vec<Vec<u8>> {
        let input = |execution| {
            let mut input = Vec::new();
            mutate(&mut Random::for_execution(seed, "test", execution), seeds, &mut input);
            input
        };
        (0..2_000).map(input).collect()
    }

    #[test]
    fn inputs_follow_from_the_seed() {
        let seeds = [b"hello world".to_vec(), vec![], vec![0; 300]];
        assert_eq!(inputs(1, &seeds), inputs(1, &seeds));
        assert_ne!(inputs(1, &seeds), inputs(2, &seeds));
    }

    #[test]
    fn inputs_differ_stay_bounded_and_need_no_seeds() {
        for seeds in [vec![], vec![vec![]], vec![vec![7; 2 * INPUT_BYTES_MAX]]] {
            let mut all = inputs(1, &seeds);
            assert!(all.iter().all(|input| input.len() <= INPUT_BYTES_MAX));
            all.sort();
            all.dedup();
            assert!(all.len() > 1_000, "{} different inputs", all.len());
        }
    }

    #[test]
    fn every_mutation_changes_bytes_of_any_length() {
        let seeds = [(0..40).collect::<Vec<u8>>()];
        for mutation in MUTATIONS {
            for length in 0..seeds[0].len() {
                let before = &seeds[0][..length];
                let changed = (0..64).any(|execution| {
                    let mut random = Random::for_execution(9, "each", execution);
                    let mut input = before.to_vec();
                    apply(mutation, &mut random, &seeds, &mut input);
                    input != before
                });
                assert!(changed, "{mutation:?} of {length} bytes");
            }
        }
    }
}
