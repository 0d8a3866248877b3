//! Processes that the bench starts and always ends.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::cpu::{CpuSet, ProcessCpuClock};
use crate::error::BenchError;
use crate::interrupt::take_every_signal;
use crate::traffic::poller::wait_readable;

/// How long a child may take to end after it was asked to.
const END_MAX: Duration = Duration::from_secs(10);
/// How much of a child's output is shown when it fails, in bytes.
const OUTPUT_SHOWN_BYTES: usize = 4096;

/// What to start.
#[derive(Clone, Debug)]
pub struct Program {
    /// Its name for messages to people.
    pub name: &'static str,
    /// The file.
    pub path: PathBuf,
    /// Its arguments.
    pub arguments: Vec<OsString>,
    /// The cores it may use; none: it may use what the bench may use.
    pub cpus: Vec<usize>,
}

/// A process of the bench, which is killed when this is dropped, and by the system if the bench
/// itself is killed.
#[derive(Debug)]
pub struct ChildProcess {
    name: &'static str,
    child: Child,
    /// Becomes readable when the process has ended.
    end: OwnedFd,
    output: PathBuf,
}

impl ChildProcess {
    /// Starts a program whose output goes into a file in `folder`.
    ///
    /// # Errors
    /// If it cannot be started, or may not run on its core.
    pub fn start(program: &Program, folder: &Path) -> Result<ChildProcess, BenchError> {
        let failed = |error| BenchError::Start { program: program.path.clone(), error };
        let output = folder.join(format!("{}.txt", program.name.replace(' ', "-")));
        let file = File::create(&output).map_err(failed)?;
        let second = file.try_clone().map_err(failed)?;
        let cpu_set = (!program.cpus.is_empty()).then(|| CpuSet::of(&program.cpus));
        let cpu_set = cpu_set.transpose().map_err(failed)?;
        let parent = std::process::id();
        let mut command = Command::new(&program.path);
        command.args(&program.arguments).stdin(Stdio::null()).stdout(file).stderr(second);
        // A group of its own: what a terminal sends to the bench is for the bench to act on.
        command.process_group(0);
        // SAFETY: the closure only makes system calls, on values that were made before the fork.
        unsafe { command.pre_exec(move || prepare(parent, cpu_set)) };
        let child = command.spawn().map_err(failed)?;
        let end = process_descriptor(child.id());
        let mut process = match end {
            Ok(end) => ChildProcess { name: program.name, child, end, output },
            Err(error) => return Err(failed(end_without_descriptor(child, error))),
        };
        process.check_running()?;
        Ok(process)
    }

    /// Number of the process.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The process's CPU clock.
    ///
    /// # Errors
    /// If the process is gone.
    pub fn cpu_clock(&self) -> Result<ProcessCpuClock, BenchError> {
        ProcessCpuClock::of(self.pid()).map_err(BenchError::system("finding a CPU clock"))
    }

    /// What the process has written so far.
    #[must_use]
    pub fn output(&self) -> String {
        match fs::read(&self.output) {
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(error) => format!("(its output cannot be read: {error})"),
        }
    }

    /// Waits until the process ends or the time is up. Returns whether it has ended.
    ///
    /// # Errors
    /// If the system refuses to wait.
    pub fn wait(&self, timeout: Duration) -> Result<bool, BenchError> {
        wait_readable(self.end.as_raw_fd(), timeout)
            .map_err(BenchError::system("waiting for a process"))
    }

    /// An error if the process has ended by itself.
    ///
    /// # Errors
    /// If it has, with the end of its output.
    pub fn check_running(&mut self) -> Result<(), BenchError> {
        match self.child.try_wait().map_err(BenchError::system("asking after a process"))? {
            None => Ok(()),
            Some(status) => Err(self.failed(format!("ended by itself ({status})"))),
        }
    }

    /// The error that something is wrong with this process.
    #[must_use]
    pub fn failed(&self, what: String) -> BenchError {
        let output = self.output();
        let mut begin = output.len().saturating_sub(OUTPUT_SHOWN_BYTES);
        // Ends at the end of the text at the latest, where a character always begins.
        while !output.is_char_boundary(begin) {
            begin += 1;
        }
        BenchError::Server { name: self.name, what, output: output[begin..].to_owned() }
    }

    /// Asks the process to end, and waits for it.
    ///
    /// # Errors
    /// If it has to be killed, or says that it failed.
    pub fn stop(mut self) -> Result<(), BenchError> {
        self.check_running()?;
        let pid = libc::pid_t::try_from(self.pid()).expect("process numbers fit their own type");
        // SAFETY: a signal to a child that was not waited for, whose number is therefore its own.
        let result = unsafe { libc::kill(pid, libc::SIGTERM) };
        if result != 0 {
            let error = io::Error::last_os_error();
            return Err(BenchError::System { doing: "asking a process to end", error });
        }
        if !self.wait(END_MAX)? {
            return Err(self.failed(format!("did not end within {END_MAX:?} of SIGTERM")));
        }
        let status = self.child.wait().map_err(BenchError::system("waiting for a process"))?;
        if status.success() {
            return Ok(());
        }
        Err(self.failed(format!("ended badly ({status})")))
    }
}

impl Drop for ChildProcess {
    fn drop(&mut self) {
        // Killing a process that was waited for already is refused, and waiting again says how it
        // ended; both are what is wanted here.
        if let Err(error) = self.child.kill().and_then(|()| self.child.wait()) {
            eprintln!("coilgun-bench: cannot end the {}: {error}", self.name);
        }
    }
}

/// Runs in the child before the program does.
fn prepare(parent: u32, cpu_set: Option<CpuSet>) -> io::Result<()> {
    take_every_signal()?;
    // SAFETY: takes numbers only. The system kills this process when the one who started it is gone.
    if unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) } != 0 {
        return Err(io::Error::last_os_error());
    }
    if std::os::unix::process::parent_id() != parent {
        return Err(io::Error::from(io::ErrorKind::Interrupted));
    }
    cpu_set.map_or(Ok(()), |cpu_set| cpu_set.pin_current_thread())
}

/// A descriptor that becomes readable when the process with this number ends.
///
/// # Errors
/// If there is no such process.
pub fn process_descriptor(pid: u32) -> io::Result<OwnedFd> {
    // SAFETY: takes numbers and returns a new descriptor or an error.
    let descriptor = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) };
    let Ok(descriptor @ 0..) = i32::try_from(descriptor) else {
        return Err(io::Error::last_os_error());
    };
    // SAFETY: the descriptor is new and nobody else's.
    Ok(unsafe { OwnedFd::from_raw_fd(descriptor) })
}

/// Ends a child that cannot be watched, and returns why.
fn end_without_descriptor(mut child: Child, error: io::Error) -> io::Error {
    match child.kill().and_then(|()| child.wait()) {
        Ok(_) => error,
        Err(second) => io::Error::other(format!("{error}; and it cannot be ended: {second}")),
    }
}
