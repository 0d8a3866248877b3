//! A server that sends back what it receives: the network of a shard and nothing else.
//!
//! What it is for: the bare ring that every other figure is compared with, and the proof that the
//! network stands on its own. What it never does: it parses nothing and routes nothing.

use std::io;

use coilgun_protocol::model::{ClientId, Timestamp};
use coilgun_protocol::session::Consumed;

use crate::env::{Env, Turn, Work};
use crate::net::{End, Net, NetEvent, Ring, Trimming};

/// An echo server on the network of one shard.
#[derive(Debug)]
pub struct Echo<E: Env> {
    env: E,
    net: Net<E::Ring>,
    events: Vec<NetEvent>,
    trimming: Trimming,
    outbox_high_bytes: usize,
    stopping: bool,
}

impl<E: Env> Echo<E> {
    /// Echoes on `net`, whose listening sockets are known to it already. A connection to which more
    /// than `outbox_high_bytes` have to be sent is not read until half of them are gone.
    #[must_use]
    pub fn new(env: E, net: Net<E::Ring>, outbox_high_bytes: usize) -> Echo<E> {
        let (events, trimming) = (Vec::new(), Trimming::default());
        Echo { env, net, events, trimming, outbox_high_bytes, stopping: false }
    }

    /// The network, for what it counts.
    #[must_use]
    pub fn net(&self) -> &Net<E::Ring> {
        &self.net
    }

    /// Begins to end: nothing is accepted any more, and every connection is closed at once. The
    /// turns go on until the kernel is done with all of them (law S1), and then say so.
    pub fn stop(&mut self) {
        self.stopping = true;
    }

    /// Whether [`Echo::stop`] was called.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        self.stopping
    }

    /// Stops accepting, and closes whatever is open; again in every turn, because connections that
    /// were accepted just before show up late.
    fn end_all(&mut self) {
        self.net.stop_listening();
        let ids: Vec<ClientId> = self.net.ids().collect();
        for id in ids {
            self.net.close(id);
        }
    }

    fn on_event(&mut self, now: Timestamp, event: NetEvent) {
        match event {
            NetEvent::Received(id) => self.echo(now, id),
            NetEvent::Sent(id) => {
                let behind = self.net.socket(id).is_some_and(|socket| {
                    socket.outbox().pending_bytes() > self.outbox_high_bytes / 2
                });
                if !behind {
                    self.net.resume(id);
                    self.echo(now, id);
                }
            }
            NetEvent::Freed(id) => self.net.release(id),
            NetEvent::Exhausted(id) => self.net.close(id),
            NetEvent::Accepted { descriptor, .. } => self.net.refuse(descriptor),
            NetEvent::Opened(_)
            | NetEvent::TurnedAway
            | NetEvent::Linked(_)
            | NetEvent::LinkTurnedAway
            | NetEvent::Ended(_, End::Failed(_) | End::Exhausted | End::Peer) => {}
        }
    }

    fn echo(&mut self, now: Timestamp, id: ClientId) {
        // Ends because every step consumes bytes that arrived, or stops.
        while let Some(socket) = self.net.socket(id) {
            if socket.outbox().pending_bytes() > self.outbox_high_bytes {
                return self.net.pause(id);
            }
            let Some(chunk) = self.net.next_chunk(id, &mut self.events) else { break };
            let Some(outbox) = self.net.outbox(id) else { break };
            outbox.payload(chunk.chunk());
            let consumed = Consumed { bytes: chunk.len(), need: 0 };
            self.net.consume(id, consumed, &mut self.events);
        }
        if self.net.socket(id).is_some_and(|socket| socket.peer_ended()) {
            self.net.finish(now, id);
        }
    }
}

impl<E: Env> Echo<E> {
    /// Asks for a sign at its next deadline.
    fn set_alarm(&mut self) {
        let deadlines = [self.net.deadline(), self.trimming.due(self.net.all_pools())];
        if let Some(at) = deadlines.into_iter().flatten().min() {
            self.net.wake_at(at);
        }
    }
}

impl<E: Env> Turn for Echo<E> {
    fn now(&mut self) -> Timestamp {
        self.env.now()
    }

    fn turn(&mut self, now: Timestamp) -> io::Result<Work> {
        let mut events = std::mem::take(&mut self.events);
        let mut work = self.net.poll(now, &mut events)?;
        self.net.tick(now);
        for event in events.drain(..) {
            self.on_event(now, event);
        }
        events.append(&mut self.events);
        if self.stopping {
            self.end_all();
        }
        self.net.flush(now, &mut events)?;
        let Echo { env, net, trimming, .. } = self;
        // SAFETY: the memory came from the same environment, and free blocks have no holder.
        trimming.trim(now, net.all_pools(), |base, len| unsafe { env.discard(base, len) });
        work += events.len();
        self.events = events;
        if self.stopping && self.net.is_deaf() && self.net.socket_count() == 0 {
            return Ok(Work::Done);
        }
        let more = work > 0 || self.net.has_link_work();
        Ok(if more { Work::More } else { Work::Idle })
    }

    fn nap(&mut self, ns: u64) -> io::Result<bool> {
        self.set_alarm();
        Ok(self.net.has_link_work() || self.net.wait(ns)?)
    }

    fn prepare_park(&mut self) -> io::Result<bool> {
        self.set_alarm();
        let idle = self.net.ring_mut().prepare_park()?;
        Ok(idle && !self.net.has_link_work())
    }

    fn end_park(&mut self) {
        self.net.ring_mut().end_park();
    }
}
