//! The bytes of a native client on a simulated socket.

use coilgun_protocol::native::{
    ClientFrame, DecodeError, Hello, Incoming, Preface, ServerFrame, ServerReader, encode_frame,
};

use super::socket::PeerId;
use super::world::SimWorld;

/// A native client that remembers nothing but bytes that are no whole frame yet.
#[derive(Debug)]
pub struct SimClient {
    world: SimWorld,
    id: PeerId,
    reader: ServerReader,
    bytes: Vec<u8>,
}

impl SimClient {
    /// The client at the other end of a simulated connection; it has said nothing yet.
    #[must_use]
    pub fn new(world: SimWorld, id: PeerId) -> SimClient {
        SimClient { world, id, reader: ServerReader::default(), bytes: Vec::new() }
    }

    /// Its connection.
    #[must_use]
    pub fn id(&self) -> PeerId {
        self.id
    }

    /// Writes bytes, whatever they are.
    pub fn write(&self, bytes: &[u8]) {
        self.world.write(self.id, bytes);
    }

    /// Writes a frame.
    ///
    /// # Panics
    /// If a part of it is longer than any broker accepts.
    pub fn send(&self, frame: &ClientFrame<'_>) {
        let mut bytes = Vec::new();
        encode_frame(frame, &mut bytes).expect("the frame is within the limits");
        self.write(&bytes);
    }

    /// Writes the preface and HELLO.
    ///
    /// # Panics
    /// If a part of it is longer than any broker accepts.
    pub fn greet(&self, hello: Hello<'_>) {
        self.write(&Preface::OURS.encode());
        self.send(&ClientFrame::Hello(hello));
    }

    /// Reads at most `bytes_max`, and shows every frame that is whole.
    ///
    /// # Errors
    /// If the broker broke the protocol.
    pub fn read(
        &mut self,
        bytes_max: usize,
        mut on_frame: impl FnMut(ServerFrame<'_>),
    ) -> Result<(), DecodeError> {
        self.bytes.extend(self.world.read(self.id, bytes_max));
        let mut at = 0;
        // Ends because every frame takes bytes away.
        loop {
            match self.reader.read(&self.bytes[at..])? {
                Incoming::Preface { used, .. } => at += used,
                Incoming::Incomplete { .. } => break,
                Incoming::Frame { frame, used } => {
                    at += used;
                    on_frame(frame);
                }
            }
        }
        self.bytes.drain(..at);
        Ok(())
    }
}
