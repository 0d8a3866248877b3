//! What a client receives.

use coilgun_protocol::elbus::{ServerKind, primary_of};

/// How a message came.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum FrameKind {
    /// It was sent to this client.
    Message,
    /// It was sent to a mask of names.
    Broadcast,
    /// It was published to a topic.
    Publish,
}

/// A message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Frame {
    pub(super) kind: FrameKind,
    pub(super) sender: String,
    pub(super) topic: Option<String>,
    pub(super) payload: Vec<u8>,
    pub(super) realtime: bool,
}

impl From<ServerKind> for FrameKind {
    fn from(kind: ServerKind) -> FrameKind {
        match kind {
            ServerKind::Message => FrameKind::Message,
            ServerKind::Broadcast => FrameKind::Broadcast,
            ServerKind::Publication => FrameKind::Publish,
        }
    }
}

impl Frame {
    /// How it came.
    #[must_use]
    pub fn kind(&self) -> FrameKind {
        self.kind
    }

    /// The name of the client that sent it.
    #[must_use]
    pub fn sender(&self) -> &str {
        &self.sender
    }

    /// The same without what a secondary client adds to the name of its primary.
    #[must_use]
    pub fn primary_sender(&self) -> &str {
        primary_of(&self.sender).unwrap_or(&self.sender)
    }

    /// The topic it was published to.
    #[must_use]
    pub fn topic(&self) -> Option<&str> {
        self.topic.as_deref()
    }

    /// The payload.
    #[must_use]
    pub fn payload(&self) -> &[u8] {
        &self.payload
    }

    /// The payload, for keeps.
    #[must_use]
    pub fn into_payload(self) -> Vec<u8> {
        self.payload
    }

    /// Whether its sender was in a hurry.
    #[must_use]
    pub fn is_realtime(&self) -> bool {
        self.realtime
    }
}
