//! A process that goes on in the background.
//!
//! The first process stays until the broker in the second one listens, or has failed: whoever started it
//! learns which from its exit status, and reads why on standard error.

use std::fs::{File, OpenOptions};
use std::io::{self, PipeReader, PipeWriter, Read, Write};
use std::os::fd::AsRawFd;

use crate::failure::Failure;

/// The process in the background, whose starter still waits.
#[derive(Debug)]
pub(super) struct Daemon {
    starter: PipeWriter,
    nothing: File,
}

/// Which process this is, after it went on in the background.
#[derive(Debug)]
pub(super) enum Process {
    /// The first one, when the other one was ready or has failed: it ends with this status.
    First(u8),
    /// One in between, which ends at once.
    Between,
    /// The one in the background.
    Background(Daemon),
}

/// Goes on in a process in the background, without a terminal. To be called while there is one thread.
///
/// # Errors
/// If the system does not let it.
pub(super) fn detach() -> Result<Process, Failure> {
    let failed = |source| Failure::System { doing: "go on in the background", source };
    let nothing = OpenOptions::new().read(true).write(true).open("/dev/null").map_err(failed)?;
    let (outcome, starter) = io::pipe().map_err(failed)?;
    if fork().map_err(failed)? {
        drop(starter);
        wait_for_child();
        return Ok(Process::First(outcome_of(outcome)));
    }
    drop(outcome);
    // SAFETY: a call without memory; it fails for leaders of groups only, which a child is not.
    unsafe { libc::setsid() };
    // A process that leads no session never gets a terminal again.
    if fork().map_err(failed)? {
        return Ok(Process::Between);
    }
    Ok(Process::Background(Daemon { starter, nothing }))
}

impl Daemon {
    /// Lets go of standard input and output, and has the starter end with status 0.
    pub(super) fn ready(mut self) -> Result<(), Failure> {
        for descriptor in 0..=2 {
            // SAFETY: both are descriptors of this process.
            if unsafe { libc::dup2(self.nothing.as_raw_fd(), descriptor) } < 0 {
                let source = io::Error::last_os_error();
                return Err(Failure::System { doing: "let go of the terminal", source });
            }
        }
        self.end_starter(0);
        Ok(())
    }

    /// Has the starter end with this status.
    pub(super) fn failed(mut self, status: u8) {
        self.end_starter(status);
    }

    fn end_starter(&mut self, status: u8) {
        // A starter that was killed needs no answer.
        let _ = self.starter.write_all(&[status]);
    }
}

/// Whether this is the process that was there before.
fn fork() -> io::Result<bool> {
    // SAFETY: the process has one thread, so that nothing is held in the copy by another one.
    match unsafe { libc::fork() } {
        -1 => Err(io::Error::last_os_error()),
        child => Ok(child != 0),
    }
}

/// Waits for the process in between, which ends at once.
fn wait_for_child() {
    let mut status = 0;
    // SAFETY: the kernel writes a number, which lives through the call.
    unsafe { libc::wait(&raw mut status) };
}

/// The status that the process in the background sends; one that ends without any has failed.
fn outcome_of(mut outcome: PipeReader) -> u8 {
    let mut status = [1];
    // Without a byte the status above holds.
    let _ = outcome.read_exact(&mut status);
    status[0]
}
