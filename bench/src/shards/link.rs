//! One end of a mesh of two, on a thread of its own, without sockets.

use std::time::Duration;

use coilgun_protocol::buffer::BlockRange;
use coilgun_protocol::model::limits::MESH_BYTES_IN_FLIGHT_MAX;
use coilgun_protocol::model::{ClientId, NamespaceId, PublishFlags, ShardId, ShardSet, Ticket};
use coilgun_server::env::{LinuxEnv, Waker};
use coilgun_server::mesh::{Mesh, Message, Need, Payload, Publication, ReplyTo, ThreadPort};
use serde::Serialize;

use crate::error::BenchError;
use crate::traffic::poller::wait_readable;

/// Bytes of a payload.
const PAYLOAD_BYTES: usize = 64;
/// More than one of the messages takes in a parcel, in bytes.
const MESSAGE_BYTES_MAX: usize = 256;
/// Longest sleep, after which it is looked again; only a lost wake-up lasts as long.
const SLEEP_MAX: Duration = Duration::from_secs(1);

/// What an end does when it finds nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Waiting {
    /// It looks again at once.
    Spinning,
    /// It looks again after the other threads of its core had their turn.
    Yielding,
    /// It sleeps until its doorbell rings.
    Parked,
}

/// One end.
#[derive(Debug)]
pub struct Link {
    mesh: Mesh<ThreadPort>,
    waker: Waker,
    other: ShardId,
    waiting: Waiting,
}

impl Link {
    /// The end of a port of a fabric of two; made on the thread that uses it.
    ///
    /// # Errors
    /// If there is no memory for parcels.
    pub fn new(port: ThreadPort, waiting: Waiting) -> Result<Link, BenchError> {
        let mut env = LinuxEnv::in_mesh(&port);
        let waker = port.waker().clone();
        let mesh = Mesh::new(&mut env, port, MESH_BYTES_IN_FLIGHT_MAX)
            .map_err(BenchError::system("making a mesh"))?;
        let other = mesh.others().iter().next().expect("a fabric of two has another shard");
        Ok(Link { mesh, waker, other, waiting })
    }

    /// Puts a message into the open parcel, unless there is no room.
    pub fn send(&mut self, number: u64) -> bool {
        let need = Need { count: 1, bytes: MESSAGE_BYTES_MAX, lent: 0 };
        if !self.mesh.has_room(self.other, need) {
            return false;
        }
        self.mesh.send(self.other, &publication(number));
        true
    }

    /// Says that nothing comes any more.
    pub fn say_end(&mut self) {
        let client = ClientId { slot: 0, generation: 0 };
        self.mesh.say(self.other, &Message::Barrier(ReplyTo { client, number: 0 }));
    }

    /// Hands over what was sent; `wants_loans`: be woken when a parcel comes back.
    pub fn flush(&mut self, wants_loans: bool) {
        self.mesh.flush(wants_loans);
    }

    /// Takes in what came back. Returns whether there was anything.
    pub fn take_back(&mut self) -> bool {
        self.mesh.take_back(self.other)
    }

    /// The next parcel from the other end, read: how many messages it held, and whether nothing comes
    /// any more.
    pub fn receive(&mut self) -> Option<(u64, bool)> {
        let parcel: BlockRange = self.mesh.next_parcel(self.other)?;
        let (mut count, mut is_end) = (0, false);
        for message in Mesh::<ThreadPort>::messages(&parcel) {
            match message {
                Message::Publication(publication) => {
                    assert_eq!(publication.payload_bytes(), PAYLOAD_BYTES, "it is what was sent");
                    count += 1;
                }
                Message::Barrier(_) => is_end = true,
                Message::Bounce(_)
                | Message::Interest { .. }
                | Message::InterestApplied { .. }
                | Message::Settled { .. }
                | Message::NameClaim(_)
                | Message::NameVerdict { .. }
                | Message::NameFreed { .. }
                | Message::Connection(_)
                | Message::NameEvicted { .. }
                | Message::Asked { .. }
                | Message::Told { .. }
                | Message::Append(_)
                | Message::Appended { .. }
                | Message::Records(_)
                | Message::StreamWord { .. }
                | Message::CountersWanted { .. }
                | Message::Counters { .. } => unreachable!("nobody says that here"),
            }
        }
        Some((count, is_end))
    }

    /// How many parcels were handed over.
    #[must_use]
    pub fn parcels(&self) -> u64 {
        self.mesh.counters().parcels
    }

    /// Whether everything that was handed over has come back.
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        self.mesh.is_quiet()
    }

    /// Waits a moment, or until there is something to do, as a shard does (law S24).
    ///
    /// # Errors
    /// If the system refuses to wait.
    pub fn wait(&mut self) -> Result<(), BenchError> {
        match self.waiting {
            Waiting::Spinning => std::hint::spin_loop(),
            Waiting::Yielding => std::thread::yield_now(),
            Waiting::Parked => {
                self.waker.announce_sleep();
                if !self.mesh.has_work() {
                    wait_readable(self.waker.descriptor(), SLEEP_MAX)
                        .map_err(BenchError::system("sleeping"))?;
                }
                self.waker.end_sleep();
            }
        }
        Ok(())
    }
}

/// Reads the payload, so that its cost is a part of what is measured.
trait PayloadBytes {
    fn payload_bytes(&self) -> usize;
}

impl PayloadBytes for Publication<'_> {
    fn payload_bytes(&self) -> usize {
        match self.payload {
            Payload::Inline(bytes) => std::hint::black_box(bytes).len(),
            Payload::Lent(_, len, _) => len as usize,
        }
    }
}

fn publication(number: u64) -> Message<'static> {
    Message::Publication(Publication {
        namespace: NamespaceId::DEFAULT,
        is_plain: true,
        plain_went: false,
        groups: &[],
        tried: ShardSet::EMPTY,
        from: ReplyTo { client: ClientId { slot: number as u32, generation: 0 }, number: 0 },
        sender: &[],
        subject: b"bench.0000",
        reply: &[],
        headers: &[],
        payload: Payload::Inline(&[7; PAYLOAD_BYTES]),
        correlation: Ticket::NONE,
        deadline_ms: 0,
        flags: PublishFlags::default(),
    })
}
