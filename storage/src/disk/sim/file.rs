//! An open file of the simulated disk.

use std::cell::Cell;
use std::path::PathBuf;
use std::rc::Rc;

use super::buffer::SimBuffer;
use super::disk::not_opened_for;
use super::names::FileId;
use super::request::{Answer, Request};
use super::waiting::Waiting;
use super::world::SimWorld;
use crate::disk::error::{DiskError, Operation, short_read, short_write};
use crate::disk::seam::{DiskFile, assert_aligned, assert_shorter, assert_within};

/// [`DiskFile`] in a simulated world. After a crash nothing that is done with it ever ends.
#[derive(Debug)]
pub struct SimFile {
    world: SimWorld,
    file: FileId,
    path: PathBuf,
    bytes: Cell<u64>,
    is_writable: bool,
    /// The process that opened it.
    generation: u64,
}

impl SimFile {
    /// The file that an answer speaks of, which is open from now on.
    pub(super) fn new(
        world: &SimWorld,
        path: PathBuf,
        answer: Answer,
        is_writable: bool,
    ) -> SimFile {
        let (file, bytes) = answer.opened();
        let mut state = world.state();
        state.hold(file);
        let generation = state.generation;
        SimFile {
            world: world.clone(),
            file,
            path,
            bytes: Cell::new(bytes),
            is_writable,
            generation,
        }
    }

    async fn ask(&self, operation: Operation, request: Request) -> Result<Answer, DiskError> {
        let waiting = Waiting::new(&self.world, self.generation, request);
        waiting.await.map_err(operation.on(&self.path))
    }

    fn expect_writable(&self, operation: Operation) -> Result<(), DiskError> {
        if self.is_writable { Ok(()) } else { Err(operation.on(&self.path)(not_opened_for())) }
    }
}

impl DiskFile for SimFile {
    type Buffer = SimBuffer;

    fn bytes(&self) -> u64 {
        self.bytes.get()
    }

    async fn write(&self, buffer: Rc<SimBuffer>, at: u64) -> Result<(), DiskError> {
        let bytes = buffer.as_ref().as_ref().len();
        assert_aligned(at, bytes);
        assert_within(at, bytes, self.bytes.get());
        self.expect_writable(Operation::Write)?;
        let request = Request::Write { file: self.file, at, buffer };
        let written = self.ask(Operation::Write, request).await?.written();
        if written < bytes {
            return Err(Operation::Write.on(&self.path)(short_write(written, bytes, at)));
        }
        Ok(())
    }

    async fn read(&self, at: u64, bytes: usize) -> Result<SimBuffer, DiskError> {
        assert_aligned(at, bytes);
        let request = Request::Read { file: self.file, at, bytes };
        let found = self.ask(Operation::Read, request).await?.bytes();
        if found.len() < bytes {
            return Err(Operation::Read.on(&self.path)(short_read(found.len(), bytes, at)));
        }
        Ok(SimBuffer::holding(&found))
    }

    async fn sync(&self) -> Result<(), DiskError> {
        self.ask(Operation::Sync, Request::Sync { file: self.file }).await.map(drop)
    }

    async fn truncate(&self, bytes: u64) -> Result<(), DiskError> {
        assert_shorter(bytes, self.bytes.get());
        self.expect_writable(Operation::Truncate)?;
        let request = Request::Truncate { file: self.file, bytes };
        self.ask(Operation::Truncate, request).await?;
        self.bytes.set(bytes);
        Ok(())
    }

    async fn close(self) -> Result<(), DiskError> {
        self.ask(Operation::Close, Request::Close { file: self.file }).await.map(drop)
    }
}

impl Drop for SimFile {
    fn drop(&mut self) {
        let mut state = self.world.state();
        // What a process had open when it ended is closed already.
        if state.generation == self.generation {
            state.release(self.file);
        }
    }
}
