//! The task that keeps the journal's files: it prepares segments before they are needed, seals those
//! that are full, gives room back, and writes the superblock.
//!
//! A manifest is written beside the old one and takes its name, so one of the two is always whole:
//!
//! ```text
//! prepare     fill a file with zeros, or take a spare one --> manifest names the segment --> use it
//! seal        footer behind the last group --> manifest says where the segment ends
//!             (the file of the last one is cut off there)
//! release     manifest names the file as spare, or not at all --> remove it
//! checkpoint  all chunks durable --> its slot of the superblock
//! ```

use std::rc::Rc;

use super::core::Job;
use super::handle::Journal;
use super::segments::{Full, Job as FileJob};
use crate::disk::{BLOCK_BYTES, Disk, DiskError, DiskFile};
use crate::format::{
    Expected, Holds, LogPosition, MANIFEST_FILE_NAME, MANIFEST_NEW_FILE_NAME, SUPERBLOCK_FILE_NAME,
    SegmentSequence, Superblock, segment_file_name,
};
use crate::mutant::{self, Mutant};

impl<D: Disk> Journal<D> {
    /// The task that keeps the files, until the journal is closed.
    ///
    /// # Errors
    /// If the disk refuses anything but room. The journal is poisoned then.
    pub async fn keep(&self) -> Result<(), DiskError> {
        // Ends when the journal is closed or poisoned; each round does one thing or waits.
        loop {
            let job = self.shared.core.borrow().next_job();
            let done = match job {
                Some(Job::Checkpoint(superblock)) => self.write_superblock(superblock).await,
                Some(Job::Footer(segment)) => self.write_footer(segment).await,
                Some(Job::File(FileJob::Prepare(spare))) => self.prepare(spare).await,
                Some(Job::File(FileJob::Seal(full))) => self.seal(full).await,
                Some(Job::File(FileJob::Release)) => self.recycle().await,
                Some(Job::File(FileJob::Name)) => self.write_manifest().await,
                None if self.has_more_to_seal() => Ok(()),
                None if self.is_ended() => return Ok(()),
                None => {
                    self.shared.to_keeper.wait().await;
                    Ok(())
                }
            };
            match done {
                Err(error) if error.is_full() => {
                    // The next job asks the disk for room only when somebody says that it may have some.
                    self.shared.core.borrow_mut().is_full = true;
                    self.tell_owner();
                    self.shared.to_keeper.wait().await;
                }
                Err(error) => {
                    self.poison();
                    return Err(error);
                }
                Ok(()) => {}
            }
        }
    }

    /// When everything is durable that will be, the current segment is sealed, so that the next start
    /// need not look for its end.
    fn has_more_to_seal(&self) -> bool {
        let mut core = self.shared.core.borrow_mut();
        core.is_done() && !core.is_poisoned() && core.finish()
    }

    /// Prepares one more segment. When it returns, the manifest names it.
    async fn prepare(&self, spare: Option<u64>) -> Result<(), DiskError> {
        let (file_number, bytes) = {
            let core = self.shared.core.borrow();
            let segments = &core.segments;
            (spare.unwrap_or(segments.next_file()), segments.manifest().segment_bytes)
        };
        let name = segment_file_name(file_number);
        let file = match spare {
            Some(_) => self.shared.disk.open(&name).await?,
            None => self.shared.disk.create_filled(&name, u64::from(bytes)).await?,
        };
        let segment = {
            let mut core = self.shared.core.borrow_mut();
            let epoch = core.epoch();
            core.segments.on_prepared(file_number, epoch)
        };
        if let Err(error) = self.write_manifest().await {
            self.shared.core.borrow_mut().segments.on_unnamed(segment);
            return Err(error);
        }
        self.shared.core.borrow_mut().segments.on_named(segment);
        self.shared.files.borrow_mut().insert(segment, Rc::new(file));
        self.shared.to_writer.give();
        self.tell_owner();
        Ok(())
    }

    /// Seals a segment. When it returns, the manifest says where it ends, and what is behind that in the
    /// file of the last one is given back. In this order, because an open segment must not be short; what
    /// a crash leaves behind the end is given back at the next start.
    async fn seal(&self, full: Full) -> Result<(), DiskError> {
        let (footer, place) = {
            let core = self.shared.core.borrow();
            let position = LogPosition { segment: full.segment, byte: full.end };
            let place = Expected { log_id: core.log_id(), epoch: core.epoch(), position };
            (core.index.footer(full.segment), place)
        };
        let file = self.shared.files.borrow().get(&full.segment).map(Rc::clone);
        let file = file.expect("a segment that was written to is open");
        let bytes = footer.to_bytes(&place, full.crc);
        self.write_bytes(&file, &bytes, u64::from(full.end)).await?;
        let cut_at = self.shared.core.borrow_mut().segments.on_sealed(&full, bytes.len() as u32);
        self.shared.core.borrow_mut().index.seal(full.segment);
        self.shared.files.borrow_mut().remove(&full.segment);
        self.write_manifest().await?;
        if let Some(end) = cut_at {
            file.truncate(u64::from(end)).await?;
        }
        if let Ok(file) = Rc::try_unwrap(file) {
            file.close().await?;
        }
        Ok(())
    }

    /// Writes the footer of a segment that was closed off when the log was opened, and gives back what is
    /// behind it in its file. When it returns, the manifest says that the footer is there.
    async fn write_footer(&self, segment: SegmentSequence) -> Result<(), DiskError> {
        let (footer, row, log_id) = {
            let core = self.shared.core.borrow();
            (Rc::clone(&core.rebuilt_footers[&segment]), *core.segments.row(segment), core.log_id())
        };
        let Holds::Sealed { epoch, end, crc, .. } = row.holds else {
            unreachable!("only sealed segments have been closed off");
        };
        let position = LogPosition { segment, byte: end };
        let bytes = footer.to_bytes(&Expected { log_id, epoch, position }, crc);
        let footer_end = end + bytes.len() as u32;
        let file = self.shared.disk.open(&segment_file_name(row.file)).await?;
        if file.bytes() < u64::from(footer_end) {
            // It stays in memory, and is made again at the next start.
            self.shared.core.borrow_mut().without_room.insert(segment);
            return file.close().await;
        }
        self.write_bytes(&file, &bytes, u64::from(end)).await?;
        {
            let mut core = self.shared.core.borrow_mut();
            core.segments.on_footer(segment, bytes.len() as u32, footer_end);
            core.rebuilt_footers.remove(&segment);
        }
        self.write_manifest().await?;
        file.truncate(u64::from(footer_end)).await?;
        file.close().await
    }

    /// Turns what was released into spare files. When it returns, the manifest names them so.
    async fn recycle(&self) -> Result<(), DiskError> {
        {
            let mut core = self.shared.core.borrow_mut();
            core.segments.recycle();
            let released = core.segments.manifest().released;
            core.index.release(released);
            core.rebuilt_footers.retain(|segment, _| *segment > released);
            self.shared.at_hand.borrow_mut().release(released);
        }
        self.write_manifest().await?;
        // There is room again, or at least a spare file.
        self.shared.core.borrow_mut().is_full = false;
        Ok(())
    }

    /// Writes a checkpoint to its slot. When it returns, that is durable.
    async fn write_superblock(&self, superblock: Superblock) -> Result<(), DiskError> {
        let file = self.shared.disk.open(SUPERBLOCK_FILE_NAME).await?;
        let at = (superblock.slot() * BLOCK_BYTES) as u64;
        let written = self.write_bytes(&file, superblock.to_block().bytes(), at).await;
        written.and(file.close().await)?;
        self.shared.core.borrow_mut().checkpoints.on_written(superblock);
        self.tell_owner();
        Ok(())
    }

    async fn write_bytes(&self, file: &D::File, bytes: &[u8], at: u64) -> Result<(), DiskError> {
        let mut buffer = self.shared.disk.buffer(bytes.len());
        buffer.as_mut().copy_from_slice(bytes);
        file.write(Rc::new(buffer), at).await
    }

    async fn write_manifest(&self) -> Result<(), DiskError> {
        let bytes = self.shared.core.borrow_mut().segments.next_manifest().to_bytes();
        replace_manifest(&self.shared.disk, &bytes).await?;
        let unnamed = self.shared.core.borrow_mut().segments.on_manifest();
        for file in unnamed {
            self.shared.disk.remove(&segment_file_name(file)).await?;
        }
        Ok(())
    }
}

/// Puts a small file in the place of the one with its name, if there is one; `new_name` is its name while
/// it is written. When it returns, it is durable under its name.
///
/// # Errors
/// If the disk refuses. Then one of the two counts, and nobody knows which; if the disk is full, it is
/// the old one.
pub(crate) async fn replace_small<D: Disk>(
    disk: &D,
    name: &str,
    new_name: &str,
    bytes: &[u8],
) -> Result<(), DiskError> {
    match disk.remove(new_name).await {
        Err(error) if !error.is_missing() => return Err(error),
        Ok(()) | Err(_) => {}
    }
    disk.write_small(new_name, bytes).await?;
    disk.rename(new_name, name).await?;
    if mutant::is_active(Mutant::UnsyncedManifest) {
        return Ok(());
    }
    disk.sync_directory().await
}

/// Puts a manifest in the place of the old one, as [`replace_small`] does.
pub(crate) async fn replace_manifest<D: Disk>(disk: &D, bytes: &[u8]) -> Result<(), DiskError> {
    replace_small(disk, MANIFEST_FILE_NAME, MANIFEST_NEW_FILE_NAME, bytes).await
}
