//! The world outside the shard, shared between its ring and the test that plays the peers.

use std::cell::{RefCell, RefMut};
use std::collections::VecDeque;
use std::future::Future;
use std::os::fd::RawFd;
use std::path::Path;
use std::rc::Rc;

use coilgun_protocol::model::Timestamp;
use coilgun_storage::disk::sim::{self as disk, SimDisk};

use super::faults::{FaultCounts, Faults};
use super::lanes::SimMesh;
use super::socket::{PeerId, SimSocket};
use super::tasks::SimTasks;
use crate::mesh::PARCELS_MAX;

/// A simulated world. Cheap to clone: all clones are the same world.
#[derive(Clone, Debug)]
pub struct SimWorld(Rc<RefCell<State>>);

#[derive(Debug)]
pub(super) struct State {
    random: u64,
    pub(super) now: Timestamp,
    pub(super) faults: Faults,
    pub(super) counts: FaultCounts,
    discarded_bytes: u64,
    pub(super) sockets: Vec<SimSocket>,
    /// Connections that wait to be accepted, with the listening descriptor.
    pub(super) connecting: VecDeque<(RawFd, PeerId)>,
    pub(super) mesh: SimMesh,
    tasks: SimTasks,
}

impl SimWorld {
    /// The world of a seed.
    #[must_use]
    pub fn new(seed: u64, faults: Faults) -> SimWorld {
        SimWorld(Rc::new(RefCell::new(State {
            random: seed,
            now: Timestamp(1),
            faults,
            counts: FaultCounts::default(),
            discarded_bytes: 0,
            sockets: Vec::new(),
            connecting: VecDeque::new(),
            mesh: SimMesh::new(1, PARCELS_MAX),
            tasks: SimTasks::default(),
        })))
    }

    pub(super) fn count_discarded(&self, len: usize) {
        self.state().discarded_bytes += len as u64;
    }

    /// How many bytes of memory went back to the system.
    #[must_use]
    pub fn discarded_bytes(&self) -> u64 {
        self.state().discarded_bytes
    }

    /// The disk of a directory.
    pub(super) fn disk(&self, directory: &Path) -> SimDisk {
        self.disks(directory).disk()
    }

    /// The simulated disk of a directory, whose faults a harness may choose.
    #[must_use]
    pub fn disks(&self, directory: &Path) -> disk::SimWorld {
        self.state().tasks.disk(directory).clone()
    }

    pub(super) fn spawn(&self, task: impl Future<Output = ()> + 'static) {
        self.state().tasks.spawn(task);
    }

    /// Lets tasks go on that run beside the turns.
    pub(super) fn run_tasks(&self) {
        let (mut tasks, seed) = {
            let mut state = self.state();
            let tasks = std::mem::take(&mut state.tasks);
            if tasks.is_empty() {
                return;
            }
            (tasks, state.random())
        };
        // Outside of the borrow: tasks look at the world.
        tasks.run(&mut disk::Dice::new(seed));
        let begun = std::mem::replace(&mut self.state().tasks, tasks);
        self.state().tasks.join(begun);
    }

    pub(super) fn state(&self) -> RefMut<'_, State> {
        self.0.borrow_mut()
    }

    /// A peer connects to a listening descriptor, and takes in `window` bytes before it reads.
    #[must_use]
    pub fn connect(&self, listener: RawFd, window: usize) -> PeerId {
        let mut state = self.state();
        let peer = PeerId(state.sockets.len());
        state.sockets.push(SimSocket::new(window));
        state.connecting.push_back((listener, peer));
        peer
    }

    /// A peer writes.
    pub fn write(&self, peer: PeerId, bytes: &[u8]) {
        self.state().sockets[peer.0].to_broker.extend(bytes);
    }

    /// A peer reads at most `max` bytes.
    #[must_use]
    pub fn read(&self, peer: PeerId, max: usize) -> Vec<u8> {
        let mut state = self.state();
        let waiting = &mut state.sockets[peer.0].to_peer;
        let count = max.min(waiting.len());
        waiting.drain(..count).collect()
    }

    /// A peer will write nothing more.
    pub fn end(&self, peer: PeerId) {
        self.state().sockets[peer.0].peer_ended = true;
    }

    /// A peer is gone without a word.
    pub fn reset(&self, peer: PeerId) {
        self.state().sockets[peer.0].reset = true;
    }

    /// Whether the connection was reset, by its peer or by the network.
    #[must_use]
    pub fn is_reset(&self, peer: PeerId) -> bool {
        self.state().sockets[peer.0].reset
    }

    /// Whether the broker said that it will send nothing more, or closed.
    #[must_use]
    pub fn broker_ended(&self, peer: PeerId) -> bool {
        let state = self.state();
        state.sockets[peer.0].broker_ended || state.sockets[peer.0].closed
    }

    /// Whether the broker closed its end.
    #[must_use]
    pub fn broker_closed(&self, peer: PeerId) -> bool {
        self.state().sockets[peer.0].closed
    }

    /// The time.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.state().now
    }

    /// Lets time pass. What travels between shards is seen afterwards.
    pub fn advance_ms(&self, ms: u64) {
        let mut state = self.state();
        state.now = state.now.plus_ms(ms);
        state.mesh.show_all();
    }

    /// A random number of this world.
    #[must_use]
    pub fn random(&self) -> u64 {
        self.state().random()
    }

    /// Changes which faults are injected from now on.
    pub fn set_faults(&self, faults: Faults) {
        self.state().faults = faults;
    }

    /// How often each fault was injected.
    #[must_use]
    pub fn counts(&self) -> FaultCounts {
        self.state().counts
    }
}

impl State {
    /// SplitMix64 (Steele, Lea and Flood, "Fast Splittable Pseudorandom Number Generators", 2014).
    pub(super) fn random(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.random;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// Whether something that happens `per_mille` times in a thousand happens now.
    pub(super) fn chance(&mut self, per_mille: u32) -> bool {
        self.random() % 1000 < u64::from(per_mille)
    }

    /// A number from 1 to `max`.
    pub(super) fn up_to(&mut self, max: usize) -> usize {
        1 + (self.random() % max as u64) as usize
    }
}
