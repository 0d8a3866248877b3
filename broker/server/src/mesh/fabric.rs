//! The lanes between shards that run on threads of one process.

use std::io;
use std::sync::{Arc, OnceLock};

use coilgun_protocol::model::ShardId;
use coilgun_protocol::model::limits::SHARDS_MAX;

use super::agreement::Agreement;
use super::lane::Lane;
use super::thread_port::ThreadPort;
use crate::env::Waker;
use crate::env::memory::KeptMemory;

/// The ends of a new fabric: one for each of `count` shards, in their order.
///
/// # Errors
/// If the process has no descriptor left for a doorbell.
///
/// # Panics
/// If there is no shard, or more than 64.
pub fn fabric(count: usize) -> io::Result<Vec<ThreadPort>> {
    assert!((1..=SHARDS_MAX).contains(&count), "there are from 1 to 64 shards");
    let wakers: io::Result<Box<[Waker]>> = (0..count).map(|_| Waker::new()).collect();
    let fabric = Arc::new(Fabric {
        lanes: (0..count * count).map(|_| OnceLock::new()).collect(),
        wakers: wakers?,
        agreement: Agreement::new(count),
        memory: KeptMemory::default(),
    });
    let ports = (0..count).map(|number| ThreadPort::new(Arc::clone(&fabric), ShardId::new(number)));
    Ok(ports.collect())
}

/// What the shards of one broker share.
#[derive(Debug)]
pub(super) struct Fabric {
    /// One for each ordered pair, made by the lender when it pushes for the first time (law S17):
    /// 14 KiB each. Nobody waits for it to be made, since only the lender makes it.
    lanes: Box<[OnceLock<Lane>]>,
    wakers: Box<[Waker]>,
    pub(super) agreement: Agreement,
    /// All memory that parcels may point into. A shard that panics, or whose ring breaks, drops its
    /// pools while others still read what it lent them, and their rings may still send from it. So
    /// each mapping has two owners, the pool and the fabric, and is unmapped when the last port is
    /// gone. Until then nobody writes to it either: whoever could has ended.
    pub(super) memory: KeptMemory,
}

impl Fabric {
    pub(super) fn shard_count(&self) -> usize {
        self.wakers.len()
    }

    pub(super) fn waker(&self, shard: ShardId) -> &Waker {
        &self.wakers[shard.index()]
    }

    /// The lane from `lender` to `borrower`, if a parcel ever took it.
    pub(super) fn lane(&self, lender: ShardId, borrower: ShardId) -> Option<&Lane> {
        self.place(lender, borrower).get()
    }

    /// The lane from `lender`, which calls this, to `borrower`.
    pub(super) fn open_lane(&self, lender: ShardId, borrower: ShardId) -> &Lane {
        self.place(lender, borrower).get_or_init(Lane::new)
    }

    fn place(&self, lender: ShardId, borrower: ShardId) -> &OnceLock<Lane> {
        assert!(borrower.index() < self.shard_count(), "the shard belongs to the fabric");
        assert_ne!(lender, borrower, "a shard has no lane to itself");
        &self.lanes[lender.index() * self.shard_count() + borrower.index()]
    }
}
