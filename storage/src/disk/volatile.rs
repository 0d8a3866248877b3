//! Whether a file system keeps anything at all.

use std::ffi::CString;
use std::io;
use std::mem::MaybeUninit;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::error::{DiskError, Operation};

/// Whether what is written below `path` is in memory only and gone when the power is: on tmpfs, where direct
/// IO and syncs succeed and do nothing. (Ramfs has no direct IO, and so is refused.) If `path` is not there,
/// what counts is where it would be made.
///
/// # Errors
/// If the operating system does not say.
pub fn is_in_memory(path: &Path) -> Result<bool, DiskError> {
    let there = path.ancestors().find(|part| part.exists());
    // A relative path of which nothing is there begins in the working directory.
    let there = there.unwrap_or(Path::new("."));
    let look =
        || Ok::<_, io::Error>(magic_of(there)? == libc::TMPFS_MAGIC as u32 && is_writable(there)?);
    look().map_err(Operation::Inspect.on(there))
}

/// Which kind of file system `path` is on. Magic numbers have 32 bits, wherever the field has more.
fn magic_of(path: &Path) -> io::Result<u32> {
    let mut found = MaybeUninit::<libc::statfs>::zeroed();
    let path = CString::new(path.as_os_str().as_bytes())?;
    // SAFETY: the path ends with a zero, and both live through the call, which writes no more than that.
    match unsafe { libc::statfs(path.as_ptr(), found.as_mut_ptr()) } {
        // SAFETY: all bytes of it are zero or were written by the kernel, and any of them are numbers.
        0 => Ok(unsafe { found.assume_init() }.f_type as u32),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Whether anything can be written to the file system that `path` is on.
fn is_writable(path: &Path) -> io::Result<bool> {
    let mut found = MaybeUninit::<libc::statvfs>::zeroed();
    let path = CString::new(path.as_os_str().as_bytes())?;
    // SAFETY: as in `magic_of`.
    match unsafe { libc::statvfs(path.as_ptr(), found.as_mut_ptr()) } {
        // SAFETY: as there.
        0 => Ok(unsafe { found.assume_init() }.f_flag & libc::ST_RDONLY == 0),
        _ => Err(io::Error::last_os_error()),
    }
}
