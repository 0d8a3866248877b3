//! What tasks beside the turns bring.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

use coilgun_core::stream::{FollowerRead, LogIndex};
use coilgun_storage::disk::Disk;
use coilgun_storage::journal::{ReadBatch, ReadError};

use super::setup::{LogFault, Opened};

/// What one of them brings.
pub(super) enum Arrived<D: Disk> {
    /// A log that was to be opened.
    Log(LogIndex, Result<Box<Opened<D>>, LogFault>),
    /// What was to be read for a follower.
    Read(FollowerRead, Result<Vec<ReadBatch<D::Buffer>>, ReadError>),
    /// A log failed.
    Fault(LogFault),
}

/// Where they put it, and what they ring then. All are on the thread of the shard.
pub(super) struct Arrivals<D: Disk> {
    arrived: RefCell<VecDeque<Arrived<D>>>,
    doorbell: Rc<dyn Fn()>,
    /// How many tasks keep logs.
    live: Cell<usize>,
}

impl<D: Disk> Arrivals<D> {
    pub(super) fn new(doorbell: Rc<dyn Fn()>) -> Rc<Arrivals<D>> {
        let arrived = RefCell::new(VecDeque::new());
        Rc::new(Arrivals { arrived, doorbell, live: Cell::new(0) })
    }

    /// A task begins to keep a log.
    pub(super) fn begin(&self) {
        self.live.set(self.live.get() + 1);
    }

    /// It has ended.
    pub(super) fn end(&self) {
        self.live.set(self.live.get() - 1);
        self.ring();
    }

    /// How many there are.
    pub(super) fn live(&self) -> usize {
        self.live.get()
    }

    /// Brings something.
    pub(super) fn bring(&self, arrived: Arrived<D>) {
        self.arrived.borrow_mut().push_back(arrived);
        self.ring();
    }

    /// Lets the shard look.
    pub(super) fn ring(&self) {
        (self.doorbell)();
    }

    /// The oldest that was not taken.
    pub(super) fn take(&self) -> Option<Arrived<D>> {
        self.arrived.borrow_mut().pop_front()
    }

    /// Whether there is any.
    pub(super) fn is_empty(&self) -> bool {
        self.arrived.borrow().is_empty()
    }
}
