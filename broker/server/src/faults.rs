//! Why a broker did not start, or ended on its own.

use std::io;

use coilgun_storage::{DataDirectoryError, IdentityError};

use crate::config::ConfigError;
use crate::net::ListenError;
use crate::resources::ResourceError;
use crate::shard::LogFault;
use crate::topology::TopologyError;

/// Why a broker did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The configuration contradicts itself.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// There cannot be as many shards, or not where they should run.
    #[error(transparent)]
    Topology(#[from] TopologyError),
    /// A limit of the process is too small.
    #[error("{0}. {ways_out}", ways_out = .0.ways_out())]
    Resources(#[from] ResourceError),
    /// The data directory cannot be used.
    #[error(transparent)]
    DataDirectory(#[from] DataDirectoryError),
    /// The data directory holds an identity that cannot be read.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// The disk does not give back what it was given.
    #[error(transparent)]
    Disk(#[from] coilgun_storage::disk::SelfTestError),
    /// A log cannot be opened.
    #[error(transparent)]
    Log(#[from] LogFault),
    /// It is not possible to listen where it should.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// The kernel refuses memory, a ring or a thread.
    #[error(
        "the shard cannot start: {0}; io_uring has to be allowed (kernel.io_uring_disabled = 0), \
         the kernel has to be 6.1 or newer, and the limit of locked memory (ulimit -l) should be \
         8 MiB or more"
    )]
    Shard(#[source] io::Error),
}

/// Why a broker ended although nobody wanted it to.
#[derive(Debug, thiserror::Error)]
pub enum BrokerFault {
    /// The network ring broke.
    #[error("the network ring is broken: {0}")]
    Ring(#[source] io::Error),
    /// A log failed (law L14).
    #[error(transparent)]
    Log(#[from] LogFault),
    /// The shard's thread could not be waited for.
    #[error("a shard ended badly: {0}")]
    Thread(String),
    /// The shard could not be set up; the same was reported when the broker was started.
    #[error("the shard did not start")]
    NotStarted,
}

/// Calls what it was given when it is dropped: when a thread panics.
pub(crate) struct Fault<F: FnOnce()>(Option<F>);

impl<F: FnOnce()> Fault<F> {
    /// Calls this, unless it turns out that there was none.
    pub(crate) fn new(on_fault: F) -> Fault<F> {
        Fault(Some(on_fault))
    }

    /// There was none.
    pub(crate) fn none(mut self) {
        self.0 = None;
    }
}

impl<F: FnOnce()> Drop for Fault<F> {
    fn drop(&mut self) {
        if let Some(on_fault) = self.0.take() {
            on_fault();
        }
    }
}
