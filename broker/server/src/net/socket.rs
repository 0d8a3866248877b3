//! One connected socket: where it is in its life, and what the kernel is doing for it.
//!
//! ```text
//! Open ----> Flushing ----> Lingering ----> Closing ----> (slot free)
//!   |            |                             ^
//!   +------------+-----------------------------+
//! ```
//!
//! - *Open*: bytes in, bytes out.
//! - *Flushing*: nothing is parsed any more; what is to be sent is still sent.
//! - *Lingering*: everything was sent and the peer was told; its last bytes are thrown away until it
//!   closes too, so that closing does not destroy what is still on its way to it.
//! - *Closing*: outstanding operations are cancelled and counted to zero, then the descriptor is
//!   closed (law S2).
//!
//! Invariant: while an operation is outstanding, whatever memory it names is held here (law S1).

use std::net::SocketAddr;
use std::os::fd::RawFd;

use coilgun_protocol::buffer::OutBuf;
use coilgun_protocol::model::limits::FLUSH_BYTES;
use coilgun_protocol::model::{ClientId, Timestamp};

use super::transport::Transport;
use crate::link::BrokerEnd;

/// Most runs of bytes in one send.
const SEND_RUNS_MAX: usize = 64;
/// Bytes after which a send takes no further run.
const SEND_BYTES_MAX: usize = 256 * 1024;

/// What kind of socket a connection came through.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SocketKind {
    /// TCP.
    Tcp,
    /// A UNIX stream socket.
    Unix,
    /// None: the client is in this process, and the bytes go through memory.
    InProcess,
    /// None: the bytes go through memory to a thread that speaks WebSocket with the client.
    WebSocket,
}

/// Where a connection is in its life.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Phase {
    /// Bytes in, bytes out.
    Open,
    /// Sends what is left; whatever arrives is thrown away.
    Flushing,
    /// All is sent; waits for the peer to close.
    Lingering,
    /// Waits for outstanding operations to end.
    Closing,
}

/// What the kernel is doing about receiving.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Receive {
    /// Nothing.
    Idle,
    /// It receives.
    Armed,
    /// It was told to stop, and has not confirmed yet.
    Cancelling,
    /// It ran out of blocks; the connection stands in the queue of those to arm again (law S4).
    Starved,
}

/// One connected socket.
#[derive(Debug)]
pub struct Socket {
    pub(super) id: ClientId,
    pub(super) descriptor: RawFd,
    pub(super) kind: SocketKind,
    /// Which listening socket it came through.
    pub(super) listener: usize,
    pub(super) phase: Phase,
    pub(super) receive: Receive,
    /// Bytes the kernel is sending; they are the first of the outbox.
    pub(super) in_flight: usize,
    /// Operations the kernel has not finished.
    pub(super) outstanding: u32,
    /// The shard does not want more bytes for now.
    pub(super) paused: bool,
    /// It sends more than is parsed: receive once at a time, when the inbox is empty (law S5).
    pub(super) heavy: bool,
    /// The peer will send nothing more.
    pub(super) peer_ended: bool,
    /// It stands in the list of those with something to send.
    pub(super) dirty: bool,
    /// The descriptor is closed.
    pub(super) closed: bool,
    /// How long what is to be sent may wait for more to go out with it, in microseconds.
    pub(super) flush_delay_us: u32,
    /// Until when it waits, if it does.
    pub(super) held_until: Option<Timestamp>,
    /// A send was still under way when the next one was due.
    pub(super) late: bool,
    /// The send that is under way was cancelled, to be begun again from copies.
    pub(super) taken_back: bool,
    /// When the latest bytes arrived.
    pub(super) received_at: Timestamp,
    /// When the frame began to arrive that is not whole yet; says nothing if there is none.
    pub(super) frame_since: Timestamp,
    /// When the present phase ends at the latest; for Flushing and Lingering.
    pub(super) phase_ends: Timestamp,
    pub(super) transport: Transport,
    pub(super) outbox: OutBuf,
    pub(super) vector: Option<Box<SendVector>>,
    /// The end of a connection inside the process; it has no descriptor then.
    pub(super) link: Option<BrokerEnd>,
    /// It stands in the list of connections inside the process that are looked at next.
    pub(super) is_due: bool,
}

/// What a gathering send names; stays where it is while the kernel may read it.
pub(super) struct SendVector {
    runs: [libc::iovec; SEND_RUNS_MAX],
    message: libc::msghdr,
}

/// What one send takes from the front of an outbox.
#[derive(Debug)]
pub(super) enum SendPlan {
    /// Nothing waits.
    Nothing,
    /// One run.
    One(*const u8, usize),
    /// Several, named by the vector.
    Many(*const libc::msghdr, usize),
}

impl Socket {
    pub(super) fn new(
        id: ClientId,
        descriptor: RawFd,
        origin: (SocketKind, usize),
        outbox: OutBuf,
    ) -> Socket {
        Socket {
            id,
            descriptor,
            kind: origin.0,
            listener: origin.1,
            phase: Phase::Open,
            receive: Receive::Idle,
            in_flight: 0,
            outstanding: 0,
            paused: false,
            heavy: false,
            peer_ended: false,
            dirty: false,
            closed: false,
            flush_delay_us: 0,
            held_until: None,
            late: false,
            taken_back: false,
            received_at: Timestamp::default(),
            frame_since: Timestamp::default(),
            phase_ends: Timestamp::default(),
            transport: Transport::default(),
            outbox,
            vector: None,
            link: None,
            is_due: false,
        }
    }

    /// What it is called.
    #[must_use]
    pub fn id(&self) -> ClientId {
        self.id
    }

    /// Its descriptor, as long as it is [not closed](Socket::is_closed); a connection inside the process
    /// has none.
    #[must_use]
    pub fn descriptor(&self) -> RawFd {
        self.descriptor
    }

    /// The address of whoever speaks through it, if another thread of this process passes it on.
    #[must_use]
    pub fn link_address(&self) -> Option<SocketAddr> {
        self.link.as_ref().and_then(|link| link.origin().address)
    }

    /// What kind of socket it is.
    #[must_use]
    pub fn kind(&self) -> SocketKind {
        self.kind
    }

    /// Which listening socket it came through, counted from 0 in the order in which the network
    /// that accepted it was told of them ([`Net::listen`]).
    ///
    /// [`Net::listen`]: super::Net::listen
    #[must_use]
    pub fn listener(&self) -> usize {
        self.listener
    }

    /// Whether nothing of it is left in the kernel.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.closed
    }

    /// Where it is in its life.
    #[must_use]
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// Whether the peer will send nothing more.
    #[must_use]
    pub fn peer_ended(&self) -> bool {
        self.peer_ended
    }

    /// What is on its way out.
    #[must_use]
    pub fn outbox(&self) -> &OutBuf {
        &self.outbox
    }

    /// What arrived and waits.
    #[must_use]
    pub fn transport(&self) -> &Transport {
        &self.transport
    }

    /// Takes the next step in the life of the connection; steps back do not exist.
    pub(super) fn set_phase(&mut self, from: Phase, to: Phase) {
        assert_eq!(self.phase, from, "the connection is where its owner believes it to be");
        let legal = match (from, to) {
            (Phase::Open, Phase::Flushing | Phase::Closing)
            | (Phase::Flushing, Phase::Lingering | Phase::Closing)
            | (Phase::Lingering, Phase::Closing) => true,
            (Phase::Open | Phase::Flushing | Phase::Lingering | Phase::Closing, _) => false,
        };
        assert!(legal, "a connection never goes from {from:?} to {to:?}");
        self.phase = to;
    }

    /// Whether what is to be sent waits for more to go out with it, as far as it may.
    pub(super) fn waits_for_more(&mut self, now: Timestamp) -> bool {
        let pending = self.outbox.pending_bytes();
        let in_a_hurry = self.outbox.take_hurry();
        let until = self.held_until.unwrap_or_else(|| now.plus_us(self.flush_delay_us.into()));
        let waits = self.phase == Phase::Open
            && !in_a_hurry
            && !self.outbox.is_exhausted()
            && (1..FLUSH_BYTES).contains(&pending)
            && now < until;
        self.held_until = waits.then_some(until);
        waits
    }

    /// Chooses what to send next: one run if there is one, several at once otherwise (law S9).
    pub(super) fn plan_send(&mut self) -> SendPlan {
        let mut runs = self.outbox.segments();
        let Some(first) = runs.next() else { return SendPlan::Nothing };
        let Some(second) = runs.next() else {
            return SendPlan::One(first.as_ptr(), first.len());
        };
        let vector = self.vector.get_or_insert_with(|| Box::new(SendVector::empty()));
        let mut bytes = 0;
        let mut count = 0;
        for run in [first, second].into_iter().chain(runs) {
            if count == SEND_RUNS_MAX || bytes >= SEND_BYTES_MAX {
                break;
            }
            vector.runs[count] =
                libc::iovec { iov_base: run.as_ptr().cast_mut().cast(), iov_len: run.len() };
            bytes += run.len();
            count += 1;
        }
        vector.message.msg_iov = vector.runs.as_mut_ptr();
        vector.message.msg_iovlen = count;
        SendPlan::Many(&raw const vector.message, bytes)
    }
}

impl SendVector {
    fn empty() -> SendVector {
        // SAFETY: msghdr is a C structure for which all zeroes are a valid value: no name, no runs,
        // no control data.
        let message = unsafe { std::mem::zeroed() };
        let run = libc::iovec { iov_base: std::ptr::null_mut(), iov_len: 0 };
        SendVector { runs: [run; SEND_RUNS_MAX], message }
    }
}

impl std::fmt::Debug for SendVector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SendVector({} runs)", self.message.msg_iovlen)
    }
}
