//! Where `busrtd` says what it does: standard error, or the log of the system.

use std::ffi::CString;

use crate::arguments::BusrtdArguments;
use crate::output::note;

/// How much a line matters.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Level {
    /// Only who looks closely wants to see it.
    Detail,
    /// What it does.
    Info,
    /// What went wrong.
    Error,
}

/// Takes lines from any thread. Cheap to copy.
#[derive(Clone, Copy, Debug)]
pub(super) struct Log {
    to_system: bool,
    least: Level,
}

impl Log {
    /// The log that the flags ask for, by the rules of their servers: standard error with `--verbose` or
    /// in the foreground, the system's log in the background unless `DISABLE_SYSLOG` is 1.
    pub(super) fn new(arguments: &BusrtdArguments) -> Log {
        let is_disabled = std::env::var_os("DISABLE_SYSLOG").is_some_and(|value| value == "1");
        let to_system =
            !arguments.verbose && (arguments.log_syslog || arguments.daemonize && !is_disabled);
        if to_system {
            // SAFETY: the name is a constant, as the C library keeps the pointer.
            unsafe { libc::openlog(c"busrtd".as_ptr(), libc::LOG_PID, libc::LOG_USER) };
        }
        let least = if arguments.verbose { Level::Detail } else { Level::Info };
        Log { to_system, least }
    }

    /// Says a line.
    pub(super) fn say(self, level: Level, text: &str) {
        if level < self.least {
            return;
        }
        if !self.to_system {
            return note(text);
        }
        let priority = match level {
            Level::Detail => libc::LOG_DEBUG,
            Level::Info => libc::LOG_INFO,
            Level::Error => libc::LOG_ERR,
        };
        let line = CString::new(text.replace('\0', "\\0")).expect("zeros were replaced");
        // SAFETY: the format takes one string, which lives through the call.
        unsafe { libc::syslog(priority, c"%s".as_ptr(), line.as_ptr()) };
    }
}
