//! The client's end of a connection inside the process.

use std::sync::Arc;

use coilgun_protocol::link::{Link, LinkEnded};

use super::door::Door;
use super::pipe::{FOR_BYTES, FOR_ROOM, Pipe};

/// The client's end of a connection inside the process: [`Link`] as the broker keeps it.
#[derive(Debug)]
pub struct ClientEnd {
    pipe: Arc<Pipe>,
    door: Arc<Door>,
}

impl ClientEnd {
    pub(super) fn new(pipe: Arc<Pipe>, door: Arc<Door>) -> ClientEnd {
        ClientEnd { pipe, door }
    }

    /// Tells the shard that something has happened.
    pub(super) fn ring(&self) {
        self.door.ring(&self.pipe);
    }
}

impl Link for ClientEnd {
    fn send(&mut self, bytes: &[u8]) -> Result<usize, LinkEnded> {
        if self.pipe.is_broker_gone() {
            return Err(LinkEnded);
        }
        // SAFETY: the client's one end of this connection is the writer.
        let count = unsafe { self.pipe.to_broker.write(bytes) };
        if count > 0 {
            self.ring();
        }
        Ok(count)
    }

    fn receive(&mut self, room: &mut [u8]) -> Result<usize, LinkEnded> {
        // In this order: what the shard sent before it ended is seen by whoever sees the end.
        let is_ended = self.pipe.is_broker_gone();
        // SAFETY: the client's one end of this connection is the reader.
        let count = unsafe { self.pipe.to_client.read(room) };
        if count > 0 && self.pipe.must_ring_for_room() {
            self.ring();
        }
        if count == 0 && is_ended && self.pipe.to_client.len() == 0 {
            return Err(LinkEnded);
        }
        Ok(count)
    }

    fn wake(&mut self, waker: &core::task::Waker, for_room: bool) -> bool {
        self.pipe.client_waits(waker, FOR_BYTES | if for_room { FOR_ROOM } else { 0 });
        self.pipe.is_broker_gone()
            || self.pipe.to_client.len() > 0
            || for_room && self.pipe.to_broker.room() > 0
    }
}

impl Drop for ClientEnd {
    fn drop(&mut self) {
        self.pipe.end_by_client();
        self.ring();
    }
}
