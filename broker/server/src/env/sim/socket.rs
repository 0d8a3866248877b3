//! A simulated connection, seen from both ends.

use std::collections::VecDeque;
use std::os::fd::RawFd;

/// The peer of one simulated connection.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct PeerId(pub(super) usize);

/// Descriptors of simulated sockets begin here, so that they are never mistaken for real ones.
pub(super) const FIRST_DESCRIPTOR: RawFd = 1 << 20;

/// One simulated connection.
#[derive(Debug)]
pub(super) struct SimSocket {
    /// Written by the peer, not yet received by the broker.
    pub(super) to_broker: VecDeque<u8>,
    /// Sent by the broker, not yet read by the peer.
    pub(super) to_peer: VecDeque<u8>,
    /// How much the peer's side takes in before it is read.
    pub(super) window: usize,
    /// The peer will write nothing more.
    pub(super) peer_ended: bool,
    /// The connection was reset.
    pub(super) reset: bool,
    /// The broker said that it will send nothing more.
    pub(super) broker_ended: bool,
    /// The broker closed its descriptor.
    pub(super) closed: bool,
}

impl SimSocket {
    pub(super) fn new(window: usize) -> SimSocket {
        SimSocket {
            to_broker: VecDeque::new(),
            to_peer: VecDeque::new(),
            window,
            peer_ended: false,
            reset: false,
            broker_ended: false,
            closed: false,
        }
    }
}

impl PeerId {
    pub(super) fn descriptor(self) -> RawFd {
        FIRST_DESCRIPTOR + RawFd::try_from(self.0).expect("simulations have few connections")
    }

    pub(super) fn of(descriptor: RawFd) -> PeerId {
        PeerId(usize::try_from(descriptor - FIRST_DESCRIPTOR).expect("a simulated descriptor"))
    }
}
