//! Processes that may do less than whoever runs the tests.

use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// Lowers the limits of the process that a command will be.
pub(super) fn limit(
    command: &mut Command,
    resource: libc::__rlimit_resource_t,
    soft: u64,
    hard: u64,
) {
    let limit = libc::rlimit { rlim_cur: soft, rlim_max: hard };
    let lower = move || {
        // SAFETY: the kernel reads a limit, which lives through the call.
        let result = unsafe { libc::setrlimit(resource, &raw const limit) };
        if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
    };
    // SAFETY: between fork and exec there is one system call and no memory is allocated.
    unsafe { command.pre_exec(lower) };
}

/// Takes a capability from the process that a command will be, even if that is root's.
pub(super) fn without_capability(command: &mut Command, capability: u64) {
    let drop = move || {
        // What is out of the bounding set is lost when the program begins. Who may not change the
        // set does not have the capability either.
        // SAFETY: this operation takes a number.
        let _ = unsafe { libc::prctl(libc::PR_CAPBSET_DROP, capability, 0, 0, 0) };
        Ok(())
    };
    // SAFETY: between fork and exec there is one system call and no memory is allocated.
    unsafe { command.pre_exec(drop) };
}

/// Passes over the permissions of files.
pub(super) const CAP_DAC_OVERRIDE: u64 = 1;

/// Listens on privileged ports.
pub(super) const CAP_NET_BIND_SERVICE: u64 = 10;
