//! What the system says about a process: memory and descriptors.

use std::fs;

use crate::error::BenchError;

/// Bytes of memory a process has in use: its resident set.
///
/// # Errors
/// If the process is gone, or the system does not say.
pub fn resident_bytes(pid: u32) -> Result<u64, BenchError> {
    let doing = "reading the memory of a process";
    let text =
        fs::read_to_string(format!("/proc/{pid}/status")).map_err(BenchError::system(doing))?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib: Option<u64> =
        line.and_then(|line| line.trim().strip_suffix(" kB")).and_then(|kib| kib.parse().ok());
    kib.map(|kib| 1024 * kib).ok_or_else(|| {
        BenchError::system(doing)(std::io::Error::from(std::io::ErrorKind::InvalidData))
    })
}

/// How many descriptors a process has open.
///
/// # Errors
/// If the process is gone, or belongs to somebody else.
pub fn descriptor_count(pid: u32) -> Result<usize, BenchError> {
    fs::read_dir(format!("/proc/{pid}/fd"))
        .map(Iterator::count)
        .map_err(BenchError::system("counting the descriptors of a process"))
}
