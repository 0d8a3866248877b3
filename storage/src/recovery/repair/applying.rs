//! Carries a plan out.

use std::rc::Rc;

use super::plan::Plan;
use super::step::Step;
use crate::disk::{BLOCK_BYTES, Disk, DiskError, DiskFile};
use crate::format::{
    LostStretch, MANIFEST_BYTES_MAX, SUPERBLOCK_FILE_NAME, SUPERBLOCK_NEW_FILE_NAME,
    segment_file_name,
};
use crate::journal::{replace_manifest, replace_small};
use crate::recovery::open::superblock_bytes;

/// How many bytes are copied at once.
const COPY_BYTES: u32 = 1024 * 1024;

/// Carries a plan out, step by step. When it returns, all of it is durable.
///
/// # Errors
/// If the disk refuses. What was done by then does no harm; the log can be looked at and repaired again.
pub async fn apply_repair<D: Disk>(disk: &D, plan: &Plan) -> Result<(), DiskError> {
    for step in &plan.steps {
        apply(disk, step).await?;
        disk.sync_directory().await?;
    }
    Ok(())
}

async fn apply<D: Disk>(disk: &D, step: &Step) -> Result<(), DiskError> {
    match step {
        Step::Keep { name, copy } => {
            let bytes = disk.read_small(name, MANIFEST_BYTES_MAX).await?;
            disk.write_small(copy, &bytes).await
        }
        Step::SetAside { name, to } => disk.rename(name, to).await,
        Step::MakeFile { file, bytes, source, mark } => {
            let made = disk.create_filled(&segment_file_name(*file), u64::from(*bytes)).await?;
            let filled = fill(disk, &made, *source, mark).await;
            filled.and(made.close().await)
        }
        Step::WriteManifest(manifest) => replace_manifest(disk, &manifest.to_bytes()).await,
        Step::WriteSuperblock(slots) => {
            let bytes = superblock_bytes(slots);
            replace_small(disk, SUPERBLOCK_FILE_NAME, SUPERBLOCK_NEW_FILE_NAME, &bytes).await
        }
    }
}

/// Copies what is left of a segment, and writes the mark behind it.
async fn fill<D: Disk>(
    disk: &D,
    into: &D::File,
    source: Option<u64>,
    mark: &LostStretch,
) -> Result<(), DiskError> {
    if let Some(source) = source {
        let from = disk.open_read_only(&segment_file_name(source)).await?;
        let copied = copy(&from, into, mark.from.byte).await;
        copied.and(from.close().await)?;
    }
    let mut block = disk.buffer(BLOCK_BYTES);
    block.as_mut().copy_from_slice(mark.to_block().bytes());
    into.write(Rc::new(block), u64::from(mark.from.byte)).await
}

async fn copy<F: DiskFile>(from: &F, into: &F, bytes: u32) -> Result<(), DiskError> {
    let mut at = 0;
    while at < bytes {
        let length = COPY_BYTES.min(bytes - at);
        let buffer = from.read(u64::from(at), length as usize).await?;
        into.write(Rc::new(buffer), u64::from(at)).await?;
        at += length;
    }
    Ok(())
}
