//! What the kernel has to let this process have before a broker can start.
//!
//! Both limits belong to the process, so nothing here changes them (law S36): a program that is its
//! own master may raise its soft limits before it starts a broker. They are compared before anything
//! else is done, so that a broker that cannot start has touched nothing.

use std::io;

use crate::config::Config;
use crate::link::LINKS_MAX;
use crate::topology::shard_count;

/// Connections that are turned away politely, beyond those that are let in.
pub const SURPLUS_CONNECTIONS: usize = 64;

/// Locked memory that the executor's rings need, in bytes.
pub const LOCKED_BYTES_MIN: u64 = 512 << 10;

/// Locked memory with which nothing is slower than it could be, in bytes: the executors register their
/// buffers for files with the kernel. Few shards share it.
pub const LOCKED_BYTES_GOOD: u64 = 8 << 20;

/// What an executor registers at least, in bytes.
const FILE_BYTES_MIN: u64 = 1 << 20;

/// How many bytes the executor of each of so many shards registers for files.
#[must_use]
pub fn file_bytes(shard_count: usize) -> u64 {
    (LOCKED_BYTES_GOOD / shard_count as u64).max(FILE_BYTES_MIN)
}

/// Descriptors of a shard: its rings, events, files and timers.
const SHARD_DESCRIPTORS: u64 = 32;

/// Descriptors for whatever else the process has open: standard streams, files of its host.
const RESERVED_DESCRIPTORS: u64 = 32;

/// A limit of this process that is too small for a broker.
#[derive(Debug, thiserror::Error)]
pub enum ResourceError {
    /// There cannot be as many descriptors as there may be connections.
    #[error(
        "this process may have {limit} descriptors (RLIMIT_NOFILE), and {connections_max} \
         connections need {needed}"
    )]
    Descriptors {
        /// The soft limit.
        limit: u64,
        /// How many it has to be.
        needed: u64,
        /// The configured `limits.connections_max`.
        connections_max: u64,
    },
    /// The executor cannot lock the memory of its rings.
    #[error(
        "this process may lock {limit} bytes of memory (RLIMIT_MEMLOCK), and io_uring needs \
         {LOCKED_BYTES_MIN}"
    )]
    LockedMemory {
        /// The soft limit in bytes.
        limit: u64,
    },
    /// The kernel does not say what the limit is.
    #[error("cannot ask for the limits of this process: {0}")]
    Unknown(#[source] io::Error),
}

impl ResourceError {
    /// What can be done about it, as a sentence.
    #[must_use]
    pub fn ways_out(&self) -> String {
        match self {
            ResourceError::Descriptors { limit, needed, connections_max } => {
                let raise = format!(
                    "Raise the limit to {needed} (ulimit -n, or LimitNOFILE= of its systemd unit)"
                );
                let others = needed - connections_max;
                match limit.saturating_sub(others) {
                    0 => format!("{raise}."),
                    fitting => format!(
                        "{raise}, or lower limits.connections_max (--connections-max) to {fitting}."
                    ),
                }
            }
            ResourceError::LockedMemory { .. } => format!(
                "Raise the limit to {} KiB (ulimit -l, or LimitMEMLOCK= of its systemd unit); \
                 {} KiB is the least.",
                LOCKED_BYTES_GOOD >> 10,
                LOCKED_BYTES_MIN >> 10
            ),
            ResourceError::Unknown(_) => {
                "getrlimit has to be allowed where the broker runs.".to_owned()
            }
        }
    }
}

/// How many connections the thread of the WebSockets has at the most: no more than the broker may have,
/// and than its shards have room for.
pub(crate) fn bridged_connections_max(config: &Config) -> usize {
    config.limits.connections_max.min(LINKS_MAX * shard_count(config))
}

/// How many descriptors a process with a broker needs: a connection that is let in or turned away
/// has one, a listener has one, and so has what each shard and the process around them work with.
#[must_use]
pub fn descriptors_needed(config: &Config) -> u64 {
    let bridged = match config.bridged_listeners().next() {
        Some(_) => bridged_connections_max(config),
        None => 0,
    };
    let sockets =
        config.limits.connections_max + bridged + SURPLUS_CONNECTIONS + config.listeners().len();
    sockets as u64 + SHARD_DESCRIPTORS * shard_count(config) as u64 + RESERVED_DESCRIPTORS
}

/// Compares what a broker needs with the soft limits of this process.
///
/// # Errors
/// Names the first limit that is too small.
pub fn check_resources(config: &Config) -> Result<(), ResourceError> {
    let connections_max = config.limits.connections_max as u64;
    let limit = soft_limit(libc::RLIMIT_NOFILE)?;
    compare(limit, descriptors_needed(config), connections_max)?;
    let limit = soft_limit(libc::RLIMIT_MEMLOCK)?;
    // The executor compares with the limit even where a capability lifts it.
    if limit < LOCKED_BYTES_MIN {
        return Err(ResourceError::LockedMemory { limit });
    }
    Ok(())
}

fn compare(limit: u64, needed: u64, connections_max: u64) -> Result<(), ResourceError> {
    if limit < needed {
        return Err(ResourceError::Descriptors { limit, needed, connections_max });
    }
    Ok(())
}

fn soft_limit(resource: libc::__rlimit_resource_t) -> Result<u64, ResourceError> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the kernel writes a limit, which lives through the call.
    let result = unsafe { libc::getrlimit(resource, &raw mut limit) };
    if result == 0 {
        Ok(limit.rlim_cur)
    } else {
        Err(ResourceError::Unknown(io::Error::last_os_error()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Limits;

    #[test]
    fn every_connection_and_listener_needs_a_descriptor() {
        let limits = Limits { connections_max: 100, ..Limits::default() };
        let config = Config { limits, shards: 1, ..Config::default() };
        let own = SHARD_DESCRIPTORS + RESERVED_DESCRIPTORS;
        assert_eq!(descriptors_needed(&config), 100 + 64 + 3 + own, "TCP, UNIX and elbus");
        let deaf = Config { listen: Vec::new(), ..config };
        assert_eq!(descriptors_needed(&deaf), 100 + 64 + 2 + own);
        let shards = Config { shards: 4, ..deaf };
        assert_eq!(descriptors_needed(&shards), 100 + 64 + 2 + own + 3 * SHARD_DESCRIPTORS);
    }

    #[test]
    fn a_limit_that_fits_exactly_is_enough_and_the_number_that_fits_is_right() {
        assert!(compare(230, 230, 100).is_ok());
        let error = compare(229, 230, 100).expect_err("one is missing");
        assert!(error.ways_out().contains("to 99."), "{}", error.ways_out());
        assert!(compare(229, 229, 99).is_ok());
        let error = compare(130, 230, 100).expect_err("nobody fits");
        assert!(!error.ways_out().contains("connections_max"), "{}", error.ways_out());
    }
}
