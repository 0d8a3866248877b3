//! How many shards a broker has, and where they run.
//!
//! Both follow what the process may use, not what the machine has (law S3), and are read at the start.
//! Nothing is bound to a processor unless that is asked for (law S36).

use std::io;

use coilgun_protocol::model::limits::SHARDS_MAX;

use crate::config::Config;

/// Most processors a kernel knows: its greatest `NR_CPUS`.
const CPUS_MAX: usize = 8192;

/// The shards of a broker.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Topology {
    /// For each shard the processor it is bound to; nothing: it runs where the process may.
    pub processors: Vec<Option<usize>>,
}

/// Why a broker cannot have the shards it should.
#[derive(Debug, thiserror::Error)]
pub enum TopologyError {
    /// There are more shards than processors to bind them to.
    #[error(
        "pin (--pin) gives each shard a processor of its own, and this process may use \
         {processors} for {shards} shards"
    )]
    TooFewProcessors {
        /// How many shards there are to be.
        shards: usize,
        /// How many processors the process may use.
        processors: usize,
    },
    /// The kernel does not say which processors there are.
    #[error("cannot ask which processors this process may use: {0}")]
    Unknown(#[source] io::Error),
}

impl Topology {
    /// The shards that a configuration asks for.
    ///
    /// # Errors
    /// If they are to be bound to processors, and there are too few.
    pub fn of(config: &Config) -> Result<Topology, TopologyError> {
        let shards = shard_count(config);
        if !config.pin {
            return Ok(Topology { processors: vec![None; shards] });
        }
        bind(shards, &usable_processors().map_err(TopologyError::Unknown)?)
    }
}

/// How many shards a broker with this configuration has.
///
/// Without a number it is that of [`std::thread::available_parallelism`], which counts the affinity
/// mask of the calling thread, lowers it to the quota of its cgroup, rounded down, and is never below 1
/// (`library/std/src/sys`, `available_parallelism` for Linux: `count.min(cgroups::quota().max(1))`).
#[must_use]
pub fn shard_count(config: &Config) -> usize {
    match config.shards {
        0 => usable_processor_count().min(SHARDS_MAX),
        shards => shards,
    }
}

/// How many processors this process may use, its quota included; at least 1.
#[must_use]
pub fn usable_processor_count() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// Binds each shard to one of these processors, in their order.
fn bind(shards: usize, usable: &[usize]) -> Result<Topology, TopologyError> {
    if shards > usable.len() {
        return Err(TopologyError::TooFewProcessors { shards, processors: usable.len() });
    }
    Ok(Topology { processors: usable[..shards].iter().copied().map(Some).collect() })
}

/// The processors this process may use, by their numbers, the lowest first.
///
/// # Errors
/// If the kernel does not say.
fn usable_processors() -> io::Result<Vec<usize>> {
    let mut mask = [0u64; CPUS_MAX / 64];
    // SAFETY: the kernel writes at most as many bytes as it is told, which live through the call; a
    // set of processors is bits in words, of any number of words (sched_setaffinity(2), CPU_SET(3)).
    let result = unsafe {
        libc::sched_getaffinity(0, size_of_val(&mask), mask.as_mut_ptr().cast::<libc::cpu_set_t>())
    };
    if result != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok((0..CPUS_MAX).filter(|cpu| mask[cpu / 64] >> (cpu % 64) & 1 == 1).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s3_shards_follow_what_the_process_may_use() {
        let usable = usable_processors().expect("the kernel says it");
        assert!((1..=usable.len()).contains(&usable_processor_count()));
        let automatic = shard_count(&Config::default());
        assert_eq!(automatic, usable_processor_count().min(SHARDS_MAX));
        assert_eq!(shard_count(&Config { shards: 7, ..Config::default() }), 7);
    }

    #[test]
    fn s36_no_shard_is_bound_unless_asked_for() {
        let free = Topology::of(&Config { shards: 3, ..Config::default() }).expect("it fits");
        assert_eq!(free.processors, [None, None, None]);
        let usable = usable_processors().expect("the kernel says it");
        let pinned = Topology::of(&Config { shards: 1, pin: true, ..Config::default() });
        assert_eq!(pinned.expect("there is one").processors, [Some(usable[0])]);
    }

    #[test]
    fn shards_are_bound_in_the_order_of_the_processors() {
        let bound = bind(2, &[1, 4, 6]).expect("there are three");
        assert_eq!(bound.processors, [Some(1), Some(4)]);
        assert!(bind(3, &[1, 4, 6]).is_ok());
        let error = bind(4, &[1, 4, 6]).expect_err("one is missing").to_string();
        assert!(error.contains("--pin") && error.contains("3 for 4 shards"), "{error}");
    }
}
