//! What the model knows of clients, subscriptions and messages.

use std::collections::{BTreeMap, VecDeque};

/// A place in the order of everything that happened, from 1 on.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub struct Moment(pub u64);

/// A client, by the order in which they came, from 0 on.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct ClientNumber(pub usize);

/// A message, by the order in which they were written, from 0 on; its payload begins with it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct MessageNumber(pub usize);

/// A subscription of any client, by the order in which they were asked for, from 0 on.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct SubscriptionNumber(pub usize);

/// How a client wants to be treated.
#[derive(Clone, Debug, Default)]
pub struct Manners {
    /// In which of the namespaces it is.
    pub namespace: usize,
    /// Its name; empty: none.
    pub name: String,
    /// It does not want what it published.
    pub is_without_echo: bool,
    /// It wants each message once.
    pub wants_once: bool,
    /// Messages that reach it by its name may be dropped.
    pub may_drop: bool,
}

/// One client.
#[derive(Debug)]
pub struct ClientFacts {
    /// How it wants to be treated.
    pub manners: Manners,
    /// When it said HELLO.
    pub begun: Moment,
    /// When it saw WELCOME.
    pub opened: Option<Moment>,
    /// When it began to go.
    pub leaving: Option<Moment>,
    /// When it was seen that the broker had closed the connection.
    pub gone: Option<Moment>,
    /// It was in the broker at this moment, and has read everything that was for it until then.
    pub proven: Moment,
    /// Messages that it was told were dropped when they were published.
    pub dropped_newest: u64,
    /// The broker may cut it off: it did not behave, or time jumped.
    pub may_be_cut_off: bool,
    /// Some message may go to more of its subscriptions than outboxes leave room for.
    pub overlaps: bool,
    /// Its subscriptions, the one by its name included.
    pub subscriptions: Vec<SubscriptionNumber>,
    /// Its PINGs without PONG, oldest first.
    pub pings: VecDeque<(u64, Moment)>,
    /// What it asked under a correlation and was not answered.
    pub asked: BTreeMap<u64, Asked>,
    /// Its messages of which it is not known that they have taken effect.
    pub under_way: Vec<MessageNumber>,
    /// How many messages it published.
    pub published: u32,
    /// The code of the ERROR it saw.
    pub error: Option<u16>,
}

/// A question under a correlation.
#[derive(Clone, Copy, Debug)]
pub struct Asked {
    /// When it was written.
    pub at: Moment,
    /// What was asked.
    pub question: Question,
}

/// What is asked under a correlation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Question {
    /// A subscription begins.
    Subscribe(SubscriptionNumber),
    /// A subscription ends.
    Unsubscribe(SubscriptionNumber),
    /// A message that wants an ack.
    Publish(MessageNumber),
    /// A request without ack: it is answered only if nobody can reply.
    Request(MessageNumber),
}

/// How a subscription is reached.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Reach {
    /// By a filter.
    Plain,
    /// By a filter, as a member of this queue group.
    Group(String),
    /// By the client's name.
    Name,
}

/// What a client asks for with SUBSCRIBE.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// The client's number for it; 0: the client's name.
    pub id: u64,
    /// The filter, or the client's name.
    pub filter: String,
    /// How it is reached.
    pub reach: Reach,
    /// Its leading wildcard sees inboxes.
    pub sees_inboxes: bool,
    /// Messages it may get; none: any number.
    pub credit: Option<u64>,
    /// It ends after so many deliveries; none: it does not.
    pub deliveries_max: Option<u64>,
    /// Its messages may be dropped.
    pub may_drop: bool,
}

/// One subscription.
#[derive(Debug)]
pub struct SubscriptionFacts {
    /// Whose it is.
    pub client: ClientNumber,
    /// What it wants.
    pub wanted: Wanted,
    /// When it was asked for.
    pub begun: Moment,
    /// When it was known to be in force.
    pub acked: Option<Moment>,
    /// It was to end after some deliveries, which may have been made already.
    pub may_have_ended: bool,
    /// When its end was asked for, or its client began to go.
    pub ending: Option<Moment>,
    /// When it was known to have ended.
    pub ended: Option<Moment>,
    /// How many messages it got.
    pub delivered: u64,
    /// How many it was told it missed.
    pub missed: u64,
    /// How many messages may have been meant for it.
    pub candidates: u64,
    /// Messages it must get, or miss and be told so, that were not compared yet.
    pub due: Vec<MessageNumber>,
    /// The last number of each publisher.
    pub last: BTreeMap<ClientNumber, u32>,
}

impl SubscriptionFacts {
    /// Whether it may have ended by itself.
    #[must_use]
    pub fn is_limited(&self) -> bool {
        self.wanted.deliveries_max.is_some() || self.may_have_ended
    }

    /// The name of its queue group, if it is in one.
    #[must_use]
    pub fn group(&self) -> Option<&str> {
        match &self.wanted.reach {
            Reach::Group(name) => Some(name),
            Reach::Plain | Reach::Name => None,
        }
    }
}

/// What a client publishes.
#[derive(Clone, Debug, Default)]
pub struct Published {
    /// The subject, or for a broadcast the filter over names.
    pub subject: String,
    /// The subject for replies; empty: none.
    pub reply: String,
    /// Its correlation; 0: none.
    pub correlation: u64,
    /// It goes to names.
    pub is_broadcast: bool,
    /// Somebody has to reply.
    pub is_request: bool,
    /// Its publisher wants to know how many receivers there were.
    pub wants_ack: bool,
    /// Bytes behind the number in the payload.
    pub len: usize,
}

/// One message.
#[derive(Debug)]
pub struct MessageFacts {
    /// Who published it.
    pub publisher: ClientNumber,
    /// The publisher's own number for it, from 1 on.
    pub sequence: u32,
    /// What it is.
    pub published: Published,
    /// When it was written.
    pub begun: Moment,
    /// When it was known to have taken effect.
    pub done: Option<Moment>,
    /// Its OUTCOME: when, which code, how many receivers.
    pub outcome: Option<(Moment, u16, u32)>,
    /// Who may get it.
    pub candidates: Vec<Candidate>,
    /// Who got it.
    pub received: Vec<SubscriptionNumber>,
}

/// A subscription that may get a message.
#[derive(Clone, Copy, Debug)]
pub struct Candidate {
    /// Which one.
    pub subscription: SubscriptionNumber,
    /// It was in force before the message was written.
    pub was_there: bool,
}

/// The payload of a message: its number, and bytes that can be checked.
#[must_use]
pub fn payload(number: MessageNumber, len: usize) -> Vec<u8> {
    let mut bytes = (number.0 as u32).to_le_bytes().to_vec();
    bytes.extend((0..len).map(|at| (at as u32 ^ number.0 as u32) as u8));
    bytes
}
