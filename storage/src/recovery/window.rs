//! A stretch of a segment in memory, moved along while the segment is read from its beginning to its
//! end.

use crate::disk::{BLOCK_BYTES, DiskBuffer, DiskError, DiskFile};

/// How many bytes are read at once, if there are so many.
const READ_BYTES: u32 = 1024 * 1024;

/// A segment that is read.
pub(super) struct Window<F: DiskFile> {
    file: F,
    /// How many of the file's bytes may be looked at.
    file_bytes: u32,
    buffer: Option<F::Buffer>,
    /// At which byte of the file the buffer begins.
    at: u32,
    /// How many bytes were read from the disk.
    read_bytes: u64,
}

impl<F: DiskFile> Window<F>
where
    F::Buffer: DiskBuffer,
{
    /// Reads `file` up to `file_bytes`, which is a multiple of a block and not more than it has.
    pub(super) fn new(file: F, file_bytes: u32) -> Window<F> {
        assert!(u64::from(file_bytes) <= file.bytes());
        Window { file, file_bytes, buffer: None, at: 0, read_bytes: 0 }
    }

    /// How far it may be looked.
    pub(super) fn end(&self) -> u32 {
        self.file_bytes
    }

    /// How many bytes were read from the disk.
    pub(super) fn read_bytes(&self) -> u64 {
        self.read_bytes
    }

    /// The file, to be synced or closed.
    pub(super) fn into_file(self) -> F {
        self.file
    }

    /// The bytes from `byte` on, at least `bytes` of them, or as many as there are.
    ///
    /// # Errors
    /// If the disk cannot read them.
    pub(super) async fn bytes_from(&mut self, byte: u32, bytes: u32) -> Result<&[u8], DiskError> {
        let end = byte.saturating_add(bytes).min(self.file_bytes);
        if !self.covers(byte, end) {
            let begin = byte - byte % BLOCK_BYTES as u32;
            let wanted = end
                .next_multiple_of(BLOCK_BYTES as u32)
                .max(begin + READ_BYTES.min(self.file_bytes - begin));
            let length = (wanted.min(self.file_bytes) - begin) as usize;
            // What is not needed any more goes before the next stretch comes.
            self.buffer = None;
            self.buffer = Some(self.file.read(u64::from(begin), length).await?);
            self.at = begin;
            self.read_bytes += length as u64;
        }
        let held = self.buffer.as_ref().map_or(&[][..], |buffer| buffer.as_ref());
        Ok(held.get((byte - self.at) as usize..).unwrap_or(&[]))
    }

    fn covers(&self, byte: u32, end: u32) -> bool {
        let held = self.buffer.as_ref().map_or(0, |buffer| buffer.as_ref().len() as u32);
        self.at <= byte && end <= self.at + held
    }
}
