//! Files of a few blocks, written once and read as a whole: for the identity, and for the test of the disk.
//!
//! A future dropped half way leaves a file that may hold any part of the bytes; callers write under a name
//! that nobody believes yet.

use std::path::Path;

use glommio::io::{DmaFile, OpenOptions};

use super::opening::{FILE_MODE, io_error, open};
use crate::disk::block::{BLOCK_BYTES, Block};
use crate::disk::error::{DiskError, Operation, short_write};

/// Makes the file `path` out of whole blocks by direct IO, growing it write by write. When it
/// returns, the bytes are on the disk; the name in its directory is not yet.
///
/// # Errors
/// If there is such a file already, or it cannot be written, synced or closed.
pub(crate) async fn write_new_file(path: &Path, blocks: &[Block]) -> Result<(), DiskError> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(FILE_MODE);
    let file = open(path, &options, Operation::Create).await?;
    let written = write_blocks(&file, path, blocks).await;
    let closed = file.close().await.map_err(io_error).map_err(Operation::Close.on(path));
    written.and(closed)
}

async fn write_blocks(file: &DmaFile, path: &Path, blocks: &[Block]) -> Result<(), DiskError> {
    for (index, block) in blocks.iter().enumerate() {
        let mut buffer = file.alloc_dma_buffer(BLOCK_BYTES);
        buffer.as_bytes_mut().copy_from_slice(block.bytes());
        let at = (index * BLOCK_BYTES) as u64;
        let written = file.write_at(buffer, at).await;
        let written = written.map_err(io_error).map_err(Operation::Write.on(path))?;
        if written != BLOCK_BYTES {
            return Err(Operation::Write.on(path)(short_write(written, BLOCK_BYTES, at)));
        }
    }
    file.fdatasync().await.map_err(io_error).map_err(Operation::Sync.on(path))
}

/// Reads the file `path`, which should be one block long, by direct IO. `Err` in the value is the
/// number of bytes found instead, counted up to one block more than expected.
///
/// # Errors
/// If the file cannot be opened, read or closed.
pub(crate) async fn read_whole_block(path: &Path) -> Result<Result<Block, usize>, DiskError> {
    let bytes = read_from_start(path, 2 * BLOCK_BYTES).await?;
    match <[u8; BLOCK_BYTES]>::try_from(bytes.as_slice()) {
        Ok(block) => Ok(Ok(Block::new(block))),
        Err(_) => Ok(Err(bytes.len())),
    }
}

/// Reads up to `bytes_max` bytes, a multiple of the block size, from the beginning of a file.
///
/// # Errors
/// If the file cannot be opened, read or closed.
pub(in crate::disk) async fn read_from_start(
    path: &Path,
    bytes_max: usize,
) -> Result<Vec<u8>, DiskError> {
    assert!(bytes_max.is_multiple_of(BLOCK_BYTES), "direct IO reads whole blocks");
    let file = open(path, OpenOptions::new().read(true), Operation::Open).await?;
    let read = file.read_at_aligned(0, bytes_max).await;
    let bytes =
        read.map(|result| result.to_vec()).map_err(io_error).map_err(Operation::Read.on(path));
    let closed = file.close().await.map_err(io_error).map_err(Operation::Close.on(path));
    bytes.and_then(|bytes| closed.map(|()| bytes))
}
