//! The simulated disk as the code under test sees it.

use std::io;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use super::buffer::SimBuffer;
use super::file::SimFile;
use super::request::{Answer, Request};
use super::waiting::Waiting;
use super::world::SimWorld;
use crate::disk::error::{DiskError, Operation};
use crate::disk::seam::{DirectoryEntry, Disk, assert_filled, assert_plain};

/// What stands for the directory in errors.
const DIRECTORY: &str = "simulated";

/// [`Disk`] in a simulated world. What it is asked for after a crash counts as asked by the next process.
#[derive(Clone, Debug)]
pub struct SimDisk {
    world: SimWorld,
}

impl SimDisk {
    pub(super) fn new(world: SimWorld) -> SimDisk {
        SimDisk { world }
    }

    /// The world it is in.
    #[must_use]
    pub fn world(&self) -> &SimWorld {
        &self.world
    }

    async fn ask(
        &self,
        operation: Operation,
        path: &Path,
        request: Request,
    ) -> Result<Answer, DiskError> {
        Waiting::of_living(&self.world, request).await.map_err(operation.on(path))
    }

    async fn open_as(&self, name: &str, is_writable: bool) -> Result<SimFile, DiskError> {
        let path = path_of(name);
        let request = Request::Open { name: name.to_owned() };
        let answer = self.ask(Operation::Open, &path, request).await?;
        Ok(SimFile::new(&self.world, path, answer, is_writable))
    }
}

impl Disk for SimDisk {
    type Buffer = SimBuffer;
    type File = SimFile;

    fn buffer(&self, bytes: usize) -> SimBuffer {
        SimBuffer::new(bytes)
    }

    async fn create_filled(&self, name: &str, bytes: u64) -> Result<SimFile, DiskError> {
        let path = path_of(name);
        assert_filled(bytes);
        let request = Request::CreateFilled { name: name.to_owned(), bytes };
        let answer = self.ask(Operation::Create, &path, request).await?;
        Ok(SimFile::new(&self.world, path, answer, true))
    }

    async fn open(&self, name: &str) -> Result<SimFile, DiskError> {
        self.open_as(name, true).await
    }

    async fn open_read_only(&self, name: &str) -> Result<SimFile, DiskError> {
        self.open_as(name, false).await
    }

    async fn write_small(&self, name: &str, bytes: &[u8]) -> Result<(), DiskError> {
        let request = Request::WriteSmall { name: name.to_owned(), bytes: Rc::from(bytes) };
        self.ask(Operation::Create, &path_of(name), request).await.map(drop)
    }

    async fn read_small(&self, name: &str, bytes_max: usize) -> Result<Vec<u8>, DiskError> {
        let request = Request::ReadSmall { name: name.to_owned(), bytes_max };
        let answer = self.ask(Operation::Read, &path_of(name), request).await?;
        Ok(answer.bytes())
    }

    async fn list(&self) -> Result<Vec<DirectoryEntry>, DiskError> {
        let answer = self.ask(Operation::List, Path::new(DIRECTORY), Request::List).await?;
        Ok(answer.entries())
    }

    async fn rename(&self, from: &str, to: &str) -> Result<(), DiskError> {
        assert_plain(to);
        let request = Request::Rename { from: from.to_owned(), to: to.to_owned() };
        self.ask(Operation::Rename, &path_of(from), request).await.map(drop)
    }

    async fn remove(&self, name: &str) -> Result<(), DiskError> {
        let request = Request::Remove { name: name.to_owned() };
        self.ask(Operation::Remove, &path_of(name), request).await.map(drop)
    }

    async fn sync_directory(&self) -> Result<(), DiskError> {
        let path = Path::new(DIRECTORY);
        self.ask(Operation::Sync, path, Request::SyncDirectory).await.map(drop)
    }
}

/// What errors call a file.
fn path_of(name: &str) -> PathBuf {
    assert_plain(name);
    Path::new(DIRECTORY).join(name)
}

/// What a process gets that does with a file what it did not open it for.
pub(super) fn not_opened_for() -> io::Error {
    io::Error::from_raw_os_error(libc::EBADF)
}
