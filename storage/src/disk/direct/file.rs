//! An open file of the machine's disk.

use std::cell::Cell;
use std::path::PathBuf;
use std::rc::Rc;

use glommio::io::DmaFile;

use super::buffer::DirectBuffer;
use super::opening::io_error;
use crate::disk::error::{DiskError, Operation, short_read, short_write};
use crate::disk::seam::{DiskFile, assert_aligned, assert_shorter, assert_within};

/// [`DiskFile`] on a real disk: `O_DIRECT`, and `O_DSYNC` if it can be written.
#[derive(Debug)]
pub struct DirectFile {
    file: DmaFile,
    path: PathBuf,
    bytes: Cell<u64>,
}

impl DirectFile {
    pub(super) fn new(file: DmaFile, path: PathBuf, bytes: u64) -> DirectFile {
        DirectFile { file, path, bytes: Cell::new(bytes) }
    }
}

impl DiskFile for DirectFile {
    type Buffer = DirectBuffer;

    fn bytes(&self) -> u64 {
        self.bytes.get()
    }

    async fn write(&self, buffer: Rc<DirectBuffer>, at: u64) -> Result<(), DiskError> {
        let bytes = buffer.as_ref().as_ref().len();
        assert_aligned(at, bytes);
        assert_within(at, bytes, self.bytes.get());
        let written = self.file.write_rc_at(buffer.memory(), at).await;
        let written = written.map_err(io_error).map_err(Operation::Write.on(&self.path))?;
        if written < bytes {
            return Err(Operation::Write.on(&self.path)(short_write(written, bytes, at)));
        }
        Ok(())
    }

    async fn read(&self, at: u64, bytes: usize) -> Result<DirectBuffer, DiskError> {
        assert_aligned(at, bytes);
        let read = self.file.read_at_aligned(at, bytes).await;
        let read = read.map_err(io_error).map_err(Operation::Read.on(&self.path))?;
        if read.len() < bytes {
            return Err(Operation::Read.on(&self.path)(short_read(read.len(), bytes, at)));
        }
        Ok(DirectBuffer::of_answer(read))
    }

    async fn sync(&self) -> Result<(), DiskError> {
        self.file.fdatasync().await.map_err(io_error).map_err(Operation::Sync.on(&self.path))
    }

    async fn truncate(&self, bytes: u64) -> Result<(), DiskError> {
        assert_shorter(bytes, self.bytes.get());
        let cut = self.file.truncate(bytes).await;
        cut.map_err(io_error).map_err(Operation::Truncate.on(&self.path))?;
        self.bytes.set(bytes);
        self.sync().await
    }

    async fn close(self) -> Result<(), DiskError> {
        self.file.close().await.map_err(io_error).map_err(Operation::Close.on(&self.path))
    }
}
