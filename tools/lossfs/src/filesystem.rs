//! What the kernel asks, as calls of the volume.

use std::ffi::OsStr;
use std::io;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use fuser::{
    BsdFileFlags, Errno, FileHandle, FileType, Filesystem, Generation, INodeNo, KernelConfig,
    LockOwner, OpenFlags, RenameFlags, ReplyAttr, ReplyCreate, ReplyData, ReplyDirectory,
    ReplyEmpty, ReplyEntry, ReplyOpen, ReplyStatfs, ReplyWrite, Request, TimeOrNow, WriteFlags,
};

use crate::answers::{Seen, caching, is_synced, seen};
use crate::content::BLOCK_BYTES;
use crate::power::Power;
use crate::volume::{Kind, Volume};

/// The kernel remembers nothing: what is forgotten must be gone.
const TTL: Duration = Duration::ZERO;
/// The largest write in one piece, in bytes.
const WRITE_BYTES_MAX: u32 = 1 << 20;
/// How many blocks a disk without a limit says it has.
const BLOCKS_ENDLESS: u64 = 1 << 30;

#[expect(clippy::disallowed_types, reason = "the kernel's thread and the test's share the volume")]
pub(crate) type SharedVolume = Arc<std::sync::Mutex<Volume>>;

/// The file system of a volume.
pub(crate) struct LossyFilesystem {
    pub(crate) volume: SharedVolume,
    pub(crate) power: Arc<Power>,
}

impl LossyFilesystem {
    /// Asks the volume, if there is power.
    fn ask<T>(&self, ask: impl FnOnce(&mut Volume) -> io::Result<T>) -> Result<T, Errno> {
        let answer = self.power.check().and_then(|()| {
            let mut volume = self.volume.lock().expect("nobody panics who has it");
            // Whoever waited for it may have waited for the end.
            self.power.check()?;
            ask(&mut volume)
        });
        answer.map_err(|error| Errno::from_i32(error.raw_os_error().unwrap_or(libc::EIO)))
    }

    fn entry(&self, reply: ReplyEntry, find: impl FnOnce(&mut Volume) -> io::Result<u64>) {
        let found = self.ask(|volume| {
            let number = find(volume)?;
            seen(volume, number)
        });
        match found {
            Ok(Seen(attributes)) => reply.entry(&TTL, &attributes, Generation(0)),
            Err(error) => reply.error(error),
        }
    }

    fn empty(&self, reply: ReplyEmpty, ask: impl FnOnce(&mut Volume) -> io::Result<()>) {
        match self.ask(ask) {
            Ok(()) => reply.ok(),
            Err(error) => reply.error(error),
        }
    }
}

impl Filesystem for LossyFilesystem {
    fn init(&mut self, _request: &Request, config: &mut KernelConfig) -> io::Result<()> {
        let largest = |_| io::Error::other("the kernel writes less at once");
        config.set_max_write(WRITE_BYTES_MAX).map_err(largest)?;
        Ok(())
    }

    fn lookup(&self, _request: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        self.entry(reply, |volume| volume.find(parent.0, name));
    }

    fn getattr(
        &self,
        _request: &Request,
        number: INodeNo,
        _handle: Option<FileHandle>,
        reply: ReplyAttr,
    ) {
        match self.ask(|volume| seen(volume, number.0)) {
            Ok(Seen(attributes)) => reply.attr(&TTL, &attributes),
            Err(error) => reply.error(error),
        }
    }

    fn setattr(
        &self,
        _request: &Request,
        number: INodeNo,
        mode: Option<u32>,
        _uid: Option<u32>,
        _gid: Option<u32>,
        size: Option<u64>,
        _atime: Option<TimeOrNow>,
        _mtime: Option<TimeOrNow>,
        _ctime: Option<SystemTime>,
        _handle: Option<FileHandle>,
        _crtime: Option<SystemTime>,
        _chgtime: Option<SystemTime>,
        _bkuptime: Option<SystemTime>,
        _flags: Option<BsdFileFlags>,
        reply: ReplyAttr,
    ) {
        let changed = self.ask(|volume| {
            if let Some(bytes) = size {
                volume.set_bytes(number.0, bytes)?;
            }
            if let Some(mode) = mode {
                volume.set_mode(number.0, mode)?;
            }
            seen(volume, number.0)
        });
        match changed {
            Ok(Seen(attributes)) => reply.attr(&TTL, &attributes),
            Err(error) => reply.error(error),
        }
    }

    fn mkdir(
        &self,
        _request: &Request,
        parent: INodeNo,
        name: &OsStr,
        mode: u32,
        umask: u32,
        reply: ReplyEntry,
    ) {
        self.entry(reply, |volume| volume.create(parent.0, name, mode & !umask, true));
    }

    fn unlink(&self, _request: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        self.empty(reply, |volume| volume.remove(parent.0, name, false));
    }

    fn rmdir(&self, _request: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        self.empty(reply, |volume| volume.remove(parent.0, name, true));
    }

    fn rename(
        &self,
        _request: &Request,
        parent: INodeNo,
        name: &OsStr,
        new_parent: INodeNo,
        new_name: &OsStr,
        flags: RenameFlags,
        reply: ReplyEmpty,
    ) {
        if parent != new_parent || !flags.is_empty() {
            return reply.error(Errno::EXDEV);
        }
        self.empty(reply, |volume| volume.rename(parent.0, name, new_name));
    }

    fn link(
        &self,
        _request: &Request,
        number: INodeNo,
        parent: INodeNo,
        name: &OsStr,
        reply: ReplyEntry,
    ) {
        self.entry(reply, |volume| {
            volume.link(number.0, parent.0, name)?;
            Ok(number.0)
        });
    }

    fn create(
        &self,
        _request: &Request,
        parent: INodeNo,
        name: &OsStr,
        mode: u32,
        umask: u32,
        flags: i32,
        reply: ReplyCreate,
    ) {
        let created = self.ask(|volume| {
            let number = volume.create(parent.0, name, mode & !umask, false)?;
            Ok((seen(volume, number)?, volume.open_handle(number)?))
        });
        match created {
            Ok((Seen(attributes), handle)) => {
                reply.created(&TTL, &attributes, Generation(0), FileHandle(handle), caching(flags));
            }
            Err(error) => reply.error(error),
        }
    }

    fn open(&self, _request: &Request, number: INodeNo, flags: OpenFlags, reply: ReplyOpen) {
        match self.ask(|volume| volume.open_handle(number.0)) {
            Ok(handle) => reply.opened(FileHandle(handle), caching(flags.0)),
            Err(error) => reply.error(error),
        }
    }

    fn release(
        &self,
        _request: &Request,
        _number: INodeNo,
        handle: FileHandle,
        _flags: OpenFlags,
        _lock_owner: Option<LockOwner>,
        _flush: bool,
        reply: ReplyEmpty,
    ) {
        self.empty(reply, |volume| volume.close_handle(handle.0));
    }

    fn read(
        &self,
        _request: &Request,
        _number: INodeNo,
        handle: FileHandle,
        offset: u64,
        size: u32,
        _flags: OpenFlags,
        _lock_owner: Option<LockOwner>,
        reply: ReplyData,
    ) {
        let read = self.ask(|volume| {
            let number = volume.opened(handle.0)?;
            volume.content(number)?.read(offset, size as usize)
        });
        match read {
            Ok(bytes) => reply.data(&bytes),
            Err(error) => reply.error(error),
        }
    }

    fn write(
        &self,
        _request: &Request,
        _number: INodeNo,
        handle: FileHandle,
        offset: u64,
        data: &[u8],
        _write_flags: WriteFlags,
        flags: OpenFlags,
        _lock_owner: Option<LockOwner>,
        reply: ReplyWrite,
    ) {
        let written = self.ask(|volume| {
            let number = volume.opened(handle.0)?;
            volume.write(number, offset, data, is_synced(flags))
        });
        match written {
            Ok(()) => reply.written(data.len() as u32),
            Err(error) => reply.error(error),
        }
    }

    fn flush(
        &self,
        _request: &Request,
        _number: INodeNo,
        _handle: FileHandle,
        _lock_owner: LockOwner,
        reply: ReplyEmpty,
    ) {
        // Closing a file makes nothing durable.
        reply.ok();
    }

    fn fsync(
        &self,
        _request: &Request,
        _number: INodeNo,
        handle: FileHandle,
        _datasync: bool,
        reply: ReplyEmpty,
    ) {
        self.empty(reply, |volume| {
            let number = volume.opened(handle.0)?;
            volume.sync_file(number)
        });
    }

    fn fallocate(
        &self,
        _request: &Request,
        _number: INodeNo,
        handle: FileHandle,
        offset: u64,
        length: u64,
        mode: i32,
        reply: ReplyEmpty,
    ) {
        self.empty(reply, |volume| {
            let number = volume.opened(handle.0)?;
            if mode != 0 {
                return Err(io::Error::from_raw_os_error(libc::EOPNOTSUPP));
            }
            volume.allocate(number, offset + length)
        });
    }

    fn readdir(
        &self,
        _request: &Request,
        number: INodeNo,
        _handle: FileHandle,
        offset: u64,
        mut reply: ReplyDirectory,
    ) {
        let listed = self.ask(|volume| {
            let row = |(name, number): (&_, &u64)| match volume.node(*number)?.kind {
                Kind::File(_) => Ok((OsStr::to_owned(name), *number, FileType::RegularFile)),
                Kind::Directory(_) => Ok((OsStr::to_owned(name), *number, FileType::Directory)),
            };
            let names = volume.names(number.0)?.now().iter();
            names
                .map(|(name, number)| row((name.as_os_str(), number)))
                .collect::<io::Result<Vec<_>>>()
        });
        match listed {
            Ok(rows) => {
                for (at, (name, number, kind)) in rows.iter().enumerate().skip(offset as usize) {
                    if reply.add(INodeNo(*number), at as u64 + 1, *kind, name) {
                        break;
                    }
                }
                reply.ok();
            }
            Err(error) => reply.error(error),
        }
    }

    fn fsyncdir(
        &self,
        _request: &Request,
        number: INodeNo,
        _handle: FileHandle,
        _datasync: bool,
        reply: ReplyEmpty,
    ) {
        self.empty(reply, |volume| volume.sync_directory(number.0));
    }

    fn statfs(&self, _request: &Request, _number: INodeNo, reply: ReplyStatfs) {
        let blocks = self.ask(|volume| {
            let capacity = volume.faults.capacity_bytes.map(|bytes| bytes / BLOCK_BYTES as u64);
            let used = volume.used_bytes() / BLOCK_BYTES as u64;
            let blocks = capacity.unwrap_or(BLOCKS_ENDLESS);
            Ok((blocks, blocks.saturating_sub(used)))
        });
        match blocks {
            Ok((blocks, free)) => {
                let size = BLOCK_BYTES as u32;
                reply.statfs(blocks, free, free, BLOCKS_ENDLESS, BLOCKS_ENDLESS, size, 255, size);
            }
            Err(error) => reply.error(error),
        }
    }
}
