//! The shard's end of a connection inside the process.

use std::sync::Arc;

use coilgun_protocol::model::ClientId;

use super::origin::LinkOrigin;
use super::pipe::{FOR_BYTES, FOR_ROOM, Pipe};

/// The shard's end of a connection inside the process. Dropping it ends the connection: the client
/// receives what was sent before, and then learns the end.
#[derive(Debug)]
pub struct BrokerEnd(Arc<Pipe>);

impl BrokerEnd {
    pub(super) fn new(pipe: Arc<Pipe>) -> BrokerEnd {
        BrokerEnd(pipe)
    }

    /// Gives the connection the name under which its doorbell is told.
    pub(crate) fn set_name(&self, id: ClientId) {
        self.0.set_name(id);
    }

    /// Where the connection comes from.
    pub(crate) fn origin(&self) -> LinkOrigin {
        self.0.origin
    }

    /// Whether there is something to receive, or the client is gone.
    pub(crate) fn has_news(&self) -> bool {
        self.0.is_client_gone() || self.0.to_broker.len() > 0
    }

    /// Whether something is there to receive.
    pub(crate) fn has_bytes(&self) -> bool {
        self.0.to_broker.len() > 0
    }

    /// Whether the client is gone and all it sent was received.
    pub(crate) fn is_over(&self) -> bool {
        // In this order: what it sent before it went is seen by whoever sees that it is gone.
        self.0.is_client_gone() && self.0.to_broker.len() == 0
    }

    /// Whether the client is gone: nobody receives what is sent.
    pub(crate) fn is_peer_gone(&self) -> bool {
        self.0.is_client_gone()
    }

    /// Receives into `room`, and returns how many bytes came.
    pub(crate) fn receive(&mut self, room: &mut [u8]) -> usize {
        // SAFETY: the shard's one end of this connection is the reader.
        let count = unsafe { self.0.to_broker.read(room) };
        self.tell_of_room();
        count
    }

    /// Throws away what has arrived.
    pub(crate) fn discard(&mut self) {
        // SAFETY: the shard's one end of this connection is the reader.
        unsafe { self.0.to_broker.skip() };
        self.tell_of_room();
    }

    fn tell_of_room(&self) {
        if self.0.to_broker.has_much_room() {
            self.0.tell_client(FOR_ROOM);
        }
    }

    /// Sends the beginning of `bytes`, as much as there is room for, and returns how much that was.
    /// The client is woken by [`BrokerEnd::announce`] only.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> usize {
        // SAFETY: the shard's one end of this connection is the writer.
        unsafe { self.0.to_client.write(bytes) }
    }

    /// Wakes the client, if it waits for what was sent.
    pub(crate) fn announce(&self) {
        self.0.tell_client(FOR_BYTES);
    }

    /// Has the doorbell rung when the client has made much room. Returns whether there is none, and it
    /// will be.
    pub(crate) fn wait_for_room(&self) -> bool {
        self.0.broker_waits();
        !self.0.to_client.has_much_room() && !self.0.is_client_gone()
    }

    /// Ends the connection.
    pub(crate) fn end(&self) {
        self.0.end_by_broker();
    }
}

impl Drop for BrokerEnd {
    fn drop(&mut self) {
        self.end();
    }
}
