//! A proof at start that a device gives back what it was given.
//!
//! Runtimes have been seen that decide from the first direct file of an executor how the device
//! polls, are misled when that file is empty or only allocated, and then cannot read back real
//! data. So the first file an executor opens holds real, synced bytes, and comes from here:
//!
//! ```text
//! 1. write a file through the page cache, sync it     real bytes, before any direct IO
//! 2. read it by direct IO, compare                    what the executor decides by
//! 3. write another by direct IO, growing; sync it     what the log will do
//! 4. read it by direct IO, compare                    what recovery will do
//! 5. remove both
//! ```

use std::path::{Path, PathBuf};

use super::block::{BLOCK_BYTES, Block};
use super::direct::{read_from_start, write_new_file};
use super::directory::{remove_if_there, write_buffered};
use super::error::DiskError;

/// Blocks in each file of the test.
const BLOCK_COUNT: usize = 4;

/// Why the broker does not trust a device with data.
#[derive(Debug, thiserror::Error)]
pub enum SelfTestError {
    /// There is no room for the files of the test, let alone for data.
    #[error("the disk is full; a start needs room for what it writes")]
    Full(#[source] DiskError),
    /// The disk refused an operation.
    #[error("the disk failed its test; use a file system with direct IO, such as ext4 or xfs")]
    Disk(#[source] DiskError),
    /// The disk gave back something else than it was given.
    #[error("{} was written and synced, but byte {offset} of {written_bytes} reads back differently (length {read_bytes}); do not use this device", path.display())]
    Mismatch {
        /// The file of the test; it is left for inspection.
        path: PathBuf,
        /// The first byte that differs.
        offset: usize,
        /// How many bytes were written.
        written_bytes: usize,
        /// How many came back.
        read_bytes: usize,
    },
}

impl From<DiskError> for SelfTestError {
    fn from(error: DiskError) -> SelfTestError {
        if error.is_full() { SelfTestError::Full(error) } else { SelfTestError::Disk(error) }
    }
}

/// Writes real files below `directory`, reads them back by direct IO and compares. `shard` keeps
/// the files of executors apart that test one directory at the same time. When it returns without
/// error, both files are gone.
///
/// Runs in each executor, for each device it will use, before that executor opens any other file.
///
/// # Errors
/// If the disk refuses, or gives back other bytes than it was given.
pub async fn self_test(directory: &Path, shard: u16) -> Result<(), SelfTestError> {
    let buffered = directory.join(format!("self-test-{shard}-buffered"));
    let direct = directory.join(format!("self-test-{shard}-direct"));
    // A broker that was killed during its test leaves them behind; they hold nothing of value.
    remove_if_there(&buffered)?;
    remove_if_there(&direct)?;

    let blocks = pattern(shard, 0x5a);
    write_buffered(&buffered, &joined(&blocks))?;
    compare(&buffered, &blocks).await?;

    let blocks = pattern(shard, 0xa5);
    write_new_file(&direct, &blocks).await?;
    compare(&direct, &blocks).await?;

    remove_if_there(&buffered)?;
    remove_if_there(&direct)?;
    Ok(())
}

/// Reads `path` back and holds it against what was written.
async fn compare(path: &Path, written: &[Block]) -> Result<(), SelfTestError> {
    let read = read_from_start(path, (written.len() + 1) * BLOCK_BYTES).await?;
    match first_difference(&joined(written), &read) {
        None => Ok(()),
        Some(offset) => Err(SelfTestError::Mismatch {
            path: path.to_owned(),
            offset,
            written_bytes: written.len() * BLOCK_BYTES,
            read_bytes: read.len(),
        }),
    }
}

/// The first place where two runs of bytes differ; if one is the beginning of the other, its end.
fn first_difference(one: &[u8], other: &[u8]) -> Option<usize> {
    let both = one.len().min(other.len());
    let differs = one.iter().zip(other).position(|(one, other)| one != other);
    differs.or((one.len() != other.len()).then_some(both))
}

/// Blocks of which no two are equal, and whose bytes are neither constant nor all zero, so that a
/// block that is missing, old or in the wrong place shows.
fn pattern(shard: u16, seed: u8) -> Vec<Block> {
    let block = |index: usize| {
        let mut block = Block::zeroed();
        for (at, byte) in block.bytes_mut().iter_mut().enumerate() {
            *byte = (at as u8).wrapping_mul(31) ^ (at >> 8) as u8 ^ seed ^ index as u8;
        }
        block.bytes_mut()[..2].copy_from_slice(&shard.to_le_bytes());
        block
    };
    (0..BLOCK_COUNT).map(block).collect()
}

fn joined(blocks: &[Block]) -> Vec<u8> {
    blocks.iter().flat_map(|block| block.bytes()).copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_of_the_pattern_all_differ() {
        let blocks: Vec<_> = [pattern(0, 0x5a), pattern(0, 0xa5), pattern(1, 0x5a)].concat();
        for (index, block) in blocks.iter().enumerate() {
            assert!(blocks[..index].iter().all(|earlier| earlier != block), "block {index}");
        }
    }

    #[test]
    fn the_first_difference_is_found_at_any_place() {
        let written = joined(&pattern(3, 0xa5));
        assert_eq!(first_difference(&written, &written), None);
        assert_eq!(first_difference(&written, &written[..100]), Some(100));
        assert_eq!(first_difference(&written, &[]), Some(0));
        let mut longer = written.clone();
        longer.push(0);
        assert_eq!(first_difference(&written, &longer), Some(written.len()));
        for at in [0, 1, 4095, 4096, written.len() - 1] {
            let mut read = written.clone();
            read[at] ^= 1;
            assert_eq!(first_difference(&written, &read), Some(at));
        }
    }
}
