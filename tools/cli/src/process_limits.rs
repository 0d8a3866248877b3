//! What this process runs with, which belongs to the broker alone: it takes what it may have, and says what
//! is not good.

use std::io;
use std::path::Path;

use coilgun_server::config::Config;
use coilgun_server::resources::{LOCKED_BYTES_MIN, descriptors_needed, file_bytes};
use coilgun_server::topology::shard_count;
use coilgun_storage::disk::is_in_memory;

use crate::output::note;

/// Raises the soft limits that are too small for a broker to the hard ones, and says on standard
/// error where it runs with less than is good, also where its data is kept by nothing. What is too small to
/// start is left to the broker to refuse.
pub(crate) fn make_room(config: &Config) {
    warn_of_memory(&config.data);
    raise(libc::RLIMIT_NOFILE, descriptors_needed(config));
    let shards = shard_count(config);
    let good = file_bytes(shards) * shards as u64;
    let locked = raise(libc::RLIMIT_MEMLOCK, good);
    if let Some(bytes) = locked.filter(|bytes| (LOCKED_BYTES_MIN..good).contains(bytes)) {
        note(&format!(
            "this process may lock {} KiB of memory, which may be too little to register buffers with \
             io_uring; {} KiB are enough (ulimit -l, or LimitMEMLOCK= of its systemd unit)",
            bytes >> 10,
            good >> 10
        ));
    }
}

/// Where syncs do nothing, nothing that the broker says about the disk is true.
fn warn_of_memory(data: &Path) {
    match is_in_memory(data) {
        Ok(false) => {}
        Ok(true) => note(&format!(
            "the data directory {} is in memory only (tmpfs): what is acked as durable is gone when this machine \
             stops; name a directory on a disk (--data DIRECTORY) unless that is meant",
            data.display()
        )),
        Err(error) => {
            note(&format!("it is not known whether the data directory is on a disk: {error}"))
        }
    }
}

/// Raises a soft limit below `wanted` to the hard one, and returns what it is then; nothing, if the
/// kernel does not say.
fn raise(resource: libc::__rlimit_resource_t, wanted: u64) -> Option<u64> {
    let limit = ask(resource).ok()?;
    if limit.rlim_cur >= wanted || limit.rlim_cur == limit.rlim_max {
        return Some(limit.rlim_cur);
    }
    let raised = libc::rlimit { rlim_cur: limit.rlim_max, ..limit };
    // SAFETY: the kernel reads a limit, which lives through the call.
    let result = unsafe { libc::setrlimit(resource, &raw const raised) };
    Some(if result == 0 { raised.rlim_cur } else { limit.rlim_cur })
}

fn ask(resource: libc::__rlimit_resource_t) -> io::Result<libc::rlimit> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the kernel writes a limit, which lives through the call.
    let result = unsafe { libc::getrlimit(resource, &raw mut limit) };
    if result == 0 { Ok(limit) } else { Err(io::Error::last_os_error()) }
}
