//! Mounts that nobody else sees, and that end with whoever made them.

use std::ffi::{CStr, CString};
use std::fs::File;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::panic;
use std::path::Path;
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
    mount_as(c"none", c"/", None, libc::MS_REC | libc::MS_PRIVATE)
}

/// Mounts a file system of the kernel, such as `tmpfs`, at a directory; to be called in a thread that has
/// mounts of its own ([`in_own_mounts`]). `source` is a block device, if that kind needs one.
///
/// # Errors
/// If the kernel refuses.
pub fn mount_kind(kind: &str, source: &Path, target: &Path, is_read_only: bool) -> io::Result<()> {
    let flags = if is_read_only { libc::MS_RDONLY } else { 0 };
    let (source, target) = (text_of(source)?, text_of(target)?);
    mount_as(&source, &target, Some(&CString::new(kind)?), flags)
}

/// Unmounts what is mounted at a directory.
///
/// # Errors
/// If nothing is, or somebody uses it.
pub fn unmount(target: &Path) -> io::Result<()> {
    unmount_as(target, 0)
}

/// Unmounts with these flags.
pub(crate) fn unmount_as(target: &Path, flags: libc::c_int) -> io::Result<()> {
    let target = text_of(target)?;
    // SAFETY: the text lives through the call.
    let result = unsafe { libc::umount2(target.as_ptr(), flags) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

fn text_of(path: &Path) -> io::Result<CString> {
    Ok(CString::new(path.as_os_str().as_bytes())?)
}

fn mount_as(
    source: &CStr,
    target: &CStr,
    kind: Option<&CStr>,
    flags: libc::c_ulong,
) -> io::Result<()> {
    let kind = kind.map_or(ptr::null(), CStr::as_ptr);
    // SAFETY: the texts live through the call, and the rest may be null.
    let result = unsafe { libc::mount(source.as_ptr(), target.as_ptr(), kind, flags, ptr::null()) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
