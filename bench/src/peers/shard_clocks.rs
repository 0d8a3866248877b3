//! CPU time of each shard of a broker.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::error::BenchError;

/// What the threads of shards are called; their number follows.
const THREAD_NAME: &str = "coilgun-shard-";

/// CPU time that each shard of a process has used, in nanoseconds, in their order; nothing if there is
/// no shard, or the system does not say. Threads that help a shard are called like it and count for it.
/// The system cuts names of threads off at 15 bytes: of ten shards and more only the first ten are told
/// apart.
///
/// # Errors
/// If the process is gone.
pub fn shard_cpu_ns(pid: u32) -> Result<Vec<u64>, BenchError> {
    let doing = "reading the threads of a process";
    let threads = fs::read_dir(format!("/proc/{pid}/task")).map_err(BenchError::system(doing))?;
    let mut shards = BTreeMap::<usize, u64>::new();
    // A thread that is gone by now has no folder any more.
    for thread in threads.flatten() {
        if let Some((number, cpu_ns)) = shard_of(&thread.path()) {
            *shards.entry(number).or_default() += cpu_ns;
        }
    }
    Ok(shards.into_values().collect())
}

/// Number and CPU time of the shard whose thread is described in a folder.
fn shard_of(folder: &Path) -> Option<(usize, u64)> {
    let name = fs::read_to_string(folder.join("comm")).ok()?;
    let number = name.trim().strip_prefix(THREAD_NAME)?.parse().ok()?;
    let times = fs::read_to_string(folder.join("schedstat")).ok()?;
    let cpu_ns = times.split(' ').next()?.parse().ok()?;
    Some((number, cpu_ns))
}
