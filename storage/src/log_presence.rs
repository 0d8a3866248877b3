//! Which logs are there, and the directory for one that is not.

use std::path::{Path, PathBuf};

use crate::disk::{self, DiskError, Entry};
use crate::log_directory::{LOGS_MAX, log_directory_name};

/// How many logs a data directory holds: one more than the number of the last one. Logs are numbered from
/// 0 without gaps, but one whose directory was never made is passed over.
///
/// # Errors
/// If the directory cannot be looked at.
pub fn log_count(data: &Path) -> Result<u32, DiskError> {
    let mut count = 0;
    // A gap of a whole machine's shards is no gap: a log is made when its first partition is.
    const GAP_MAX: u32 = 64;
    for number in 0..LOGS_MAX {
        if log_exists(data, number)? {
            count = number + 1;
        } else if number >= count + GAP_MAX {
            break;
        }
    }
    Ok(count)
}

/// Whether the directory of a log is there.
///
/// # Errors
/// If it cannot be looked at.
pub fn log_exists(data: &Path, number: u32) -> Result<bool, DiskError> {
    let path = data.join(log_directory_name(number));
    Ok(disk::entry_kind(&path)? == Entry::Directory)
}

/// Makes the directory of a log for this user only, if it is not there. When it returns, its name is
/// durable. Says where it is.
///
/// # Errors
/// If the disk refuses, or something else has its name.
pub fn prepare_log_directory(data: &Path, number: u32) -> Result<PathBuf, DiskError> {
    let path = data.join(log_directory_name(number));
    if disk::entry_kind(&path)? != Entry::Directory {
        disk::create_directory(&path)?;
    }
    Ok(path)
}
