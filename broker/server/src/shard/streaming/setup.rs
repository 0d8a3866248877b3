//! Where the logs of a broker are, and how one is opened.

use std::path::PathBuf;
use std::sync::Arc;

use coilgun_core::stream::{LogIndex, PartitionLimits};
use coilgun_protocol::model::{PartitionId, ShardId};
use coilgun_storage::Identity;
use coilgun_storage::disk::{Disk, DiskError};
use coilgun_storage::journal::Geometry;
use coilgun_storage::recovery::{self, OpenError, Options, Report};

use crate::streams::{Rebuilding, RebuildingFault, RebuiltCatalog, StreamHost};

/// Where the logs of a broker are, and which of them are this shard's.
#[derive(Clone, Debug)]
pub struct StreamSetup {
    /// The data directory.
    pub data: PathBuf,
    /// The identity of the data directory, from which those of logs follow.
    pub identity: Identity,
    /// How large new segments are.
    pub geometry: Geometry,
    /// Memory for the commit groups of one log that were written last, in bytes: who follows at the
    /// tail reads there.
    pub cache_bytes: usize,
    /// How many logs there are or may be made.
    pub log_count: u16,
    /// This shard.
    pub shard: ShardId,
    /// How many there are.
    pub shard_count: usize,
    /// What a partition may hold.
    pub limits: Arc<PartitionLimits>,
}

/// Why a log cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LogFault {
    /// The data directory cannot be looked at.
    #[error("the logs cannot be looked for: {0}")]
    Data(#[from] DiskError),
    /// Its directory cannot be looked at, or made.
    #[error("log {log} cannot be opened: {fault}")]
    Directory {
        /// Which.
        log: u16,
        /// Why not.
        fault: DiskError,
    },
    /// It cannot be opened.
    #[error("log {log} cannot be opened: {fault}")]
    Open {
        /// Which.
        log: u16,
        /// Why not.
        fault: OpenError,
    },
    /// It contradicts itself.
    #[error("log {log} contradicts itself about partition {partition}: {fault}")]
    Contradiction {
        /// Which.
        log: u16,
        /// The partition.
        partition: PartitionId,
        /// How.
        fault: RebuildingFault,
    },
    /// A write to it failed. What was not durable by then has an unknown outcome.
    #[error("a write to log {log} failed: {fault}; what it had not confirmed may be stored or not")]
    Write {
        /// Which.
        log: u16,
        /// Why.
        fault: DiskError,
    },
}

/// A log that was opened.
pub(super) struct Opened<D: Disk> {
    pub(super) host: StreamHost<D>,
    pub(super) catalog: RebuiltCatalog,
    pub(super) report: Report,
}

impl StreamSetup {
    /// The shard that a log is mounted on (law L6).
    pub(super) fn shard_of(&self, log: LogIndex) -> ShardId {
        ShardId::new(usize::from(log.0) % self.shard_count)
    }

    /// Whether a log was made already.
    pub(super) fn exists(&self, log: LogIndex) -> Result<bool, LogFault> {
        let exists = coilgun_storage::log_exists(&self.data, log.0.into());
        exists.map_err(|fault| LogFault::Directory { log: log.0, fault })
    }

    /// The directory of a log, made if it is not there.
    pub(super) fn directory(&self, log: LogIndex) -> Result<PathBuf, LogFault> {
        let made = coilgun_storage::prepare_log_directory(&self.data, log.0.into());
        made.map_err(|fault| LogFault::Directory { log: log.0, fault })
    }

    /// Opens a log in its directory, or makes it. Runs inside the executor of its shard.
    pub(super) async fn open<D: Disk>(
        self,
        log: LogIndex,
        disk: D,
        now_ms: u64,
    ) -> Result<Opened<D>, LogFault> {
        let options = Options {
            log_id: coilgun_storage::log_id(&self.identity, log.0.into()),
            geometry: self.geometry,
            cache_bytes: self.cache_bytes,
            now_ms,
        };
        let mut rebuilding = Rebuilding::new(Arc::clone(&self.limits));
        let opened = recovery::open(&disk, &options, &mut rebuilding).await;
        let (journal, report) = opened.map_err(|fault| LogFault::Open { log: log.0, fault })?;
        let rebuilt = rebuilding.finish(&report.unproven);
        let rebuilt = rebuilt.map_err(|(partition, fault)| LogFault::Contradiction {
            log: log.0,
            partition,
            fault,
        })?;
        let host = StreamHost::new(journal, rebuilt.partitions, Arc::clone(&self.limits));
        Ok(Opened { host, catalog: rebuilt.catalog, report })
    }
}
