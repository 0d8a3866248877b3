//! A named pipe whose lines are messages in the name of `.broker`.
//!
//! A thread reads it. A line that says nothing is logged and skipped; one without an end takes no
//! more memory than the longest line may. If the broker has too much to say, the thread waits, the
//! pipe fills, and whoever writes into it waits as well.

use std::fs::{File, OpenOptions, Permissions};
use std::io::{self, Read};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;

use coilgun_server::shard::{Speaker, SpeakerRefused, Word};

use super::line::read_line;
use super::log::{Level, Log};
use crate::failure::Failure;

/// Longest line in bytes.
const LINE_BYTES_MAX: usize = 64 * 1024;

/// How long to wait before a message is offered again that the broker had no room for.
const RETRY_MS: i32 = 1;

/// Everybody may write, as with busrt's server.
const MODE: u32 = 0o622;

/// A named pipe. It is removed when this is dropped.
#[derive(Debug)]
pub(super) struct Fifo {
    pipe: File,
    path: PathBuf,
    /// Device and inode, so that only our own is ever removed.
    file: (u64, u64),
}

/// A named pipe that is read, until this is dropped.
#[derive(Debug)]
pub(super) struct FifoReader {
    thread: Option<JoinHandle<()>>,
    /// When it is closed the thread ends.
    ending: Option<OwnedFd>,
}

impl Fifo {
    /// Makes a named pipe at `path`, in the place of one that is there.
    ///
    /// # Errors
    /// If something else is there, or it cannot be made.
    pub(super) fn create(path: &Path) -> Result<Fifo, Failure> {
        let failed = |source| Failure::path("make the fifo", path, source);
        Fifo::make(path).map_err(failed)
    }

    fn make(path: &Path) -> io::Result<Fifo> {
        if let Ok(there) = path.symlink_metadata() {
            if !there.file_type().is_fifo() {
                return Err(io::Error::other("something else is there, which is left as it is"));
            }
            std::fs::remove_file(path)?;
        }
        let name = std::ffi::CString::new(path.as_os_str().as_encoded_bytes())?;
        // SAFETY: the kernel reads a name, which lives through the call.
        if unsafe { libc::mkfifo(name.as_ptr(), MODE) } != 0 {
            return Err(io::Error::last_os_error());
        }
        // Open for writing as well: it never ends, however many come and go.
        let pipe =
            OpenOptions::new().read(true).write(true).custom_flags(libc::O_NONBLOCK).open(path)?;
        let there = pipe.metadata()?;
        let path = std::path::absolute(path)?;
        let fifo = Fifo { pipe, path, file: (there.dev(), there.ino()) };
        // What the mask of the process took away.
        fifo.pipe.set_permissions(Permissions::from_mode(MODE))?;
        Ok(fifo)
    }

    /// Begins to read it.
    ///
    /// # Errors
    /// If the system gives no thread.
    pub(super) fn read(self, speaker: Speaker, log: Log) -> Result<FifoReader, Failure> {
        let failed = |source| Failure::System { doing: "read the fifo", source };
        let (ended, ending) = io::pipe().map_err(failed)?;
        let (ended, ending) = (OwnedFd::from(ended), OwnedFd::from(ending));
        let work = move || Reading { fifo: self, ended, speaker, log }.run();
        let thread = std::thread::Builder::new().name("coilgun-fifo".to_owned()).spawn(work);
        Ok(FifoReader { thread: Some(thread.map_err(failed)?), ending: Some(ending) })
    }
}

impl Drop for Fifo {
    fn drop(&mut self) {
        let there = self.path.symlink_metadata();
        if there.is_ok_and(|there| (there.dev(), there.ino()) == self.file) {
            // Nobody can do anything about it any more; the next start replaces it.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

impl Drop for FifoReader {
    fn drop(&mut self) {
        drop(self.ending.take());
        if let Some(thread) = self.thread.take() {
            // It has no result, and what it could panic with was reported when it did.
            let _ = thread.join();
        }
    }
}

/// The work of the thread.
struct Reading {
    fifo: Fifo,
    ended: OwnedFd,
    speaker: Speaker,
    log: Log,
}

impl Reading {
    fn run(mut self) {
        let mut lines = Lines::default();
        let mut piece = [0; 4096];
        // Ends with the command, or the broker.
        while self.waits(&[self.fifo.pipe.as_raw_fd()], -1) {
            match self.fifo.pipe.read(&mut piece) {
                Ok(count) => {
                    let (log, path) = (self.log, self.fifo.path.display());
                    let too_long = || {
                        log.say(
                            Level::Error,
                            &format!("{path}: a line of more than {LINE_BYTES_MAX} bytes"),
                        );
                    };
                    for line in lines.add(&piece[..count], too_long) {
                        if !self.carry_out(&line) {
                            return;
                        }
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return self.complain(&error),
            }
        }
    }

    /// Says what is in a line. Returns whether to go on.
    fn carry_out(&self, line: &[u8]) -> bool {
        match read_line(line) {
            Ok(Some(word)) => {
                self.log.say(
                    Level::Detail,
                    &format!("{}: {}", self.fifo.path.display(), line.escape_ascii()),
                );
                self.say(&word)
            }
            Ok(None) => true,
            Err(error) => {
                self.complain(&format!("{error}: {}", line[..line.len().min(80)].escape_ascii()));
                true
            }
        }
    }

    /// Has the broker say a word, as soon as it can. Returns whether to go on.
    fn say(&self, word: &Word) -> bool {
        // Ends when it was said, or with the command or the broker.
        loop {
            match self.speaker.say(word.clone()) {
                Ok(()) => return true,
                Err(SpeakerRefused::Ended) => return false,
                Err(SpeakerRefused::Full) => {
                    if !self.waits(&[], RETRY_MS) {
                        return false;
                    }
                }
            }
        }
    }

    fn complain(&self, what: &dyn std::fmt::Display) {
        self.log.say(Level::Error, &format!("{}: {what}", self.fifo.path.display()));
    }

    /// Waits until one of these has something, or for so many milliseconds; -1: for ever. Returns
    /// whether to go on.
    fn waits(&self, others: &[i32], ms: i32) -> bool {
        let watch = |fd| libc::pollfd { fd, events: libc::POLLIN, revents: 0 };
        let mut all = vec![watch(self.ended.as_raw_fd())];
        all.extend(others.iter().copied().map(watch));
        let count = libc::nfds_t::try_from(all.len()).expect("they are two at the most");
        // SAFETY: the kernel writes into the list, which lives through the call.
        unsafe { libc::poll(all.as_mut_ptr(), count, ms) };
        all[0].revents == 0
    }
}

/// Bytes of the pipe, line by line.
#[derive(Debug, Default)]
struct Lines {
    begun: Vec<u8>,
    /// The line that has begun is too long, and skipped.
    is_skipped: bool,
}

impl Lines {
    /// The lines that end with these bytes, without their ends. Calls `too_long` for each one that is.
    fn add(&mut self, mut bytes: &[u8], too_long: impl Fn()) -> Vec<Vec<u8>> {
        let mut lines = Vec::new();
        while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
            self.extend(&bytes[..end], &too_long);
            let line = std::mem::take(&mut self.begun);
            if !std::mem::take(&mut self.is_skipped) {
                lines.push(line);
            }
            bytes = &bytes[end + 1..];
        }
        self.extend(bytes, &too_long);
        lines
    }

    fn extend(&mut self, bytes: &[u8], too_long: &impl Fn()) {
        if self.is_skipped {
            return;
        }
        if self.begun.len() + bytes.len() > LINE_BYTES_MAX {
            self.begun = Vec::new();
            self.is_skipped = true;
            return too_long();
        }
        self.begun.extend_from_slice(bytes);
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn lines_come_out_whole_and_long_ones_not_at_all() {
        let (mut lines, complaints) = (Lines::default(), Cell::new(0));
        let mut add = |bytes: &[u8]| lines.add(bytes, || complaints.set(complaints.get() + 1));
        assert!(add(b"a ").is_empty());
        assert_eq!(add(b"b\nc\n\nd"), [b"a b".to_vec(), b"c".to_vec(), b"".to_vec()]);
        let flood = vec![b'x'; 4096];
        for _ in 0..100 {
            assert!(add(&flood).is_empty());
        }
        assert_eq!(complaints.get(), 1, "once for the line");
        assert_eq!(add(b"x\ne f\n"), [b"e f".to_vec()]);
        let longest = [vec![b'y'; LINE_BYTES_MAX], b"\n".to_vec()].concat();
        assert_eq!(add(&longest), [vec![b'y'; LINE_BYTES_MAX]]);
        assert_eq!(lines.begun.capacity(), 0, "nothing is kept of it");
        assert_eq!(complaints.get(), 1);
    }
}
