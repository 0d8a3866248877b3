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
    /// Where the broker runs.
    pub cores: Cores,
    /// The scenarios, in order.
    pub scenarios: Vec<Scenario>,
}

/// Where a broker runs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cores {
    /// On all cores that it was given.
    All,
    /// On the first of them.
    First,
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
    /// Pairs as above, on shards of the broker that are chosen.
    PlacedPairs {
        /// How many pairs.
        pairs: usize,
        /// Which way their messages go.
        way: Way,
    },
    /// Publishers each of which sends to two subscribers in turns, as many messages to the one as to the
    /// other, on shards that are chosen.
    Forks {
        /// How many publish.
        publishers: usize,
        /// Which way their messages go.
        way: Way,
    },
    /// Connections that were all opened before the first of them was subscribed or sent anything, where
    /// the broker put them. They are pairs, half of which cross if it used its shards in turns.
    OpenedFirst {
        /// How many connections, a multiple of 8.
        connections: usize,
    },
    /// One connection that sends requests, and one that replies, on shards that are chosen.
    PlacedRequestReply {
        /// Which way requests go.
        way: Way,
    },
    /// Nobody is connected to the broker.
    Nobody,
    /// One connection that sends requests, and one that replies.
    RequestReply,
}

/// Which way messages go among the first two shards of a broker.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Way {
    /// From the first shard to itself.
    Stays,
    /// From the first shard to the second.
    Crosses,
    /// From each of the two shards to both: half of the messages cross.
    Mixed,
}

impl Way {
    /// The shards of publisher and subscriber of a pair, or of a road of a fork, by its number.
    #[must_use]
    pub fn of_pair(self, number: usize) -> (usize, usize) {
        match self {
            Way::Stays => (0, 0),
            Way::Crosses => (0, 1),
            Way::Mixed => (number >> 1 & 1, number & 1),
        }
    }
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
            | Shape::PlacedPairs { .. }
            | Shape::Forks { .. }
            | Shape::OpenedFirst { .. }
            | Shape::PlacedRequestReply { .. }
            | Shape::Nobody
            | Shape::RequestReply => Peer::Broker,
        }
    }
}
