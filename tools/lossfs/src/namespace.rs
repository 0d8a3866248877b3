//! Mounts that nobody else sees, and that end with whoever made them.

use std::ffi::CStr;
use std::fs::File;
use std::io;
use std::panic;
use std::ptr;
use std::thread;

/// Runs `body` on a thread that has mounts of its own: processes that it starts see what it mounts, others
/// do not, and all of it is unmounted when the last of them has ended, however that ends.
///
/// # Panics
/// If `body` does, or if the kernel does not allow it: see [`missing`].
pub fn in_own_mounts<T: Send>(body: impl FnOnce() -> T + Send) -> T {
    let run = || {
        separate().expect("root may have mounts of its own");
        body()
    };
    match thread::scope(|scope| scope.spawn(run).join()) {
        Ok(result) => result,
        Err(panicked) => panic::resume_unwind(panicked),
    }
}

/// What this machine or this process lacks to mount a file system: nothing, or the reason.
#[must_use]
pub fn missing() -> Option<String> {
    if let Err(error) = File::options().read(true).write(true).open("/dev/fuse") {
        return Some(format!("/dev/fuse cannot be opened: {error}"));
    }
    let separated = thread::scope(|scope| scope.spawn(separate).join());
    match separated {
        Ok(Ok(())) => None,
        Ok(Err(error)) => Some(format!("this process may mount nothing: {error}")),
        Err(_) => Some("this process may mount nothing".to_owned()),
    }
}

/// Gives this thread mounts of its own.
fn separate() -> io::Result<()> {
    // SAFETY: it takes a number and touches no memory. Only this thread has new mounts.
    let result = unsafe { libc::unshare(libc::CLONE_NEWNS) };
    if result != 0 {
        return Err(io::Error::last_os_error());
    }
    mount_as(c"none", c"/", libc::MS_REC | libc::MS_PRIVATE)
}

fn mount_as(source: &CStr, target: &CStr, flags: libc::c_ulong) -> io::Result<()> {
    // SAFETY: both texts live through the call, and the rest may be null.
    let result =
        unsafe { libc::mount(source.as_ptr(), target.as_ptr(), ptr::null(), flags, ptr::null()) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
