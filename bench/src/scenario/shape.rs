//! One scenario, as data.

use serde::Serialize;

use crate::traffic::driver::Pace;

/// One scenario.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Scenario {
    /// Its name, unique in its suite.
    pub name: String,
    /// The connections and lanes it plays on.
    pub shape: Shape,
    /// Bytes of a payload; on the echo the payload is the whole frame.
    pub payload_bytes: usize,
    /// When messages are sent.
    pub pace: Pace,
    /// What goes on beside it.
    pub beside: Beside,
}

/// Scenarios that are played against one broker.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Group {
    /// What the broker is told beside where to listen and where its data is.
    pub broker_arguments: Vec<String>,
    /// The scenarios, in order.
    pub scenarios: Vec<Scenario>,
}

/// What goes on beside the messages that are measured.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Beside {
    /// Nothing.
    Nothing,
    /// Connections that have shaken hands and say nothing more.
    IdleConnections {
        /// How many.
        count: usize,
    },
    /// A reader that never reads, to whom somebody publishes.
    StalledReader,
}

/// Which server a scenario is played against.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Peer {
    /// The bare ring echo.
    Echo,
    /// The broker.
    Broker,
}

/// Connections, and the lanes over them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Shape {
    /// Connections to the echo, each with a lane back to itself.
    Echo {
        /// How many.
        connections: usize,
    },
    /// Connections to the broker, each subscribed to the subject it publishes to.
    ToItself {
        /// How many.
        connections: usize,
    },
    /// Pairs of connections to the broker: one publishes, the other is subscribed.
    Pairs {
        /// How many pairs.
        pairs: usize,
    },
    /// Publishers of one subject, and subscribers each of which gets everything.
    FanOut {
        /// How many connections publish.
        publishers: usize,
        /// How many connections are subscribed.
        subscribers: usize,
    },
    /// Nobody is connected to the broker.
    Nobody,
    /// One connection that sends requests, and one that replies.
    RequestReply,
}

impl Shape {
    /// The server it is played against.
    #[must_use]
    pub fn peer(self) -> Peer {
        match self {
            Shape::Echo { .. } => Peer::Echo,
            Shape::ToItself { .. }
            | Shape::Pairs { .. }
            | Shape::FanOut { .. }
            | Shape::Nobody
            | Shape::RequestReply => Peer::Broker,
        }
    }
}
