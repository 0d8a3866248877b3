//! One simulated client: its socket, what it has still to write, and how it reads.

use coilgun_protocol::native::{ClientFrame, Preface, encode_frame};
use coilgun_server::env::sim::{PeerId, SimClient, SimWorld};

use crate::shadow::ClientNumber;

/// How a client reads.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reading {
    /// Everything that is there, most of the time.
    All,
    /// At most so many bytes at a time.
    Pieces(usize),
    /// Nothing before this round.
    Deaf(u64),
}

/// One client.
#[derive(Debug)]
pub struct Client {
    /// What the model calls it.
    pub number: ClientNumber,
    /// Its end of the connection.
    pub socket: SimClient,
    /// How it reads.
    pub reading: Reading,
    /// Numbers of its subscriptions that it has not ended.
    pub subscriptions: Vec<u64>,
    /// It writes nothing more.
    pub has_ended: bool,
    /// It was seen that the broker closed the connection.
    pub is_gone: bool,
    /// The number of its next subscription.
    next_subscription: u64,
    /// The token of its next PING.
    next_token: u64,
    /// Frames that are not written yet.
    outgoing: Vec<u8>,
}

impl Client {
    /// A client on a connection, that is about to write its preface.
    #[must_use]
    pub fn new(number: ClientNumber, world: SimWorld, id: PeerId) -> Client {
        Client {
            number,
            socket: SimClient::new(world, id),
            reading: Reading::All,
            subscriptions: Vec::new(),
            has_ended: false,
            is_gone: false,
            next_subscription: 1,
            next_token: 1,
            outgoing: Preface::OURS.encode().to_vec(),
        }
    }

    /// Puts a frame behind what is still to be written.
    ///
    /// # Panics
    /// If the frame is longer than any broker accepts.
    pub fn queue(&mut self, frame: &ClientFrame<'_>) {
        encode_frame(frame, &mut self.outgoing).expect("simulated frames are short");
    }

    /// Writes at most `bytes_max` of what is still to be written.
    pub fn write(&mut self, bytes_max: usize) {
        let len = bytes_max.min(self.outgoing.len());
        self.socket.write(&self.outgoing[..len]);
        self.outgoing.drain(..len);
    }

    /// How many bytes are still to be written.
    #[must_use]
    pub fn unwritten(&self) -> usize {
        self.outgoing.len()
    }

    /// A number for a new subscription.
    pub fn next_subscription(&mut self) -> u64 {
        let id = self.next_subscription;
        self.next_subscription += 1;
        self.subscriptions.push(id);
        id
    }

    /// A token for a new PING.
    pub fn next_token(&mut self) -> u64 {
        let token = self.next_token;
        self.next_token += 1;
        token
    }
}
