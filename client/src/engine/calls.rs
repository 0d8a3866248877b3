//! What somebody waits for: each call has a number, a time limit, and one end.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::time::Duration;

use coilgun_protocol::model::{FollowId, SubscriptionId, Timestamp};

use crate::engine::answer::Answer;
use crate::engine::fixed_state::FixedState;
use crate::error::ClientError;
use crate::message::Message;
use crate::stream::{StreamInfo, StreamSummary};

/// Something that was asked for and whose answer is fetched with
/// [`Engine::take_answer`](crate::engine::Engine::take_answer).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Call(pub(super) u64);

/// When a request has had all its replies.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RequestMode {
    /// With the first reply.
    One,
    /// Behind the first reply that does not say that more follow. Each may take the whole time.
    Many,
    /// When nothing came for `quiet` since the reply before, or the time is over, neither of which is
    /// an error; nor is it one that nobody serves the subject. The first reply has the whole time.
    Gather {
        /// For how long no reply may follow the one before.
        quiet: Duration,
    },
}

/// What a call is about.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    /// A barrier. `mark`: how many messages were sent before it.
    Flush { mark: u64 },
    /// The barrier behind the ends of all subscriptions.
    Drain,
    /// A message that the broker acknowledges.
    Ack { subject: String },
    /// The beginning of a subscription.
    Subscribe { subscription: SubscriptionId, filter: String },
    /// The end of a subscription.
    Unsubscribe { subscription: SubscriptionId },
    /// A request.
    Request { subject: String, mode: RequestMode },
    /// The end of the client.
    Close,
    /// Something about streams.
    Stream(StreamKind),
}

/// What a call about streams is about.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum StreamKind {
    /// A stream is made, or described. `what`: for people; `so_far`: what the frames said that came.
    Describe { what: String, so_far: Option<StreamInfo> },
    /// A stream is deleted.
    Delete { stream: String },
    /// All streams are listed.
    List { so_far: Vec<StreamSummary> },
    /// A batch is appended.
    Append { stream: String },
    /// A partition is read.
    Follow { follower: FollowId, what: String },
}

/// One call.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) kind: Kind,
    /// Its frame was appended to what the connection sends, so that its outcome is open.
    pub(super) is_sent: bool,
    /// When it ends without an answer.
    deadline: Timestamp,
    /// When it ends even if replies still come.
    deadline_last: Timestamp,
    timeout: Duration,
    replies: VecDeque<Message>,
    reply_bytes: usize,
    end: Option<Result<Answer, ClientError>>,
}

/// All calls that were not fetched yet.
#[derive(Debug)]
pub(super) struct Calls {
    entries: HashMap<u64, Entry, FixedState>,
    deadlines: BTreeSet<(Timestamp, u64)>,
    /// Acknowledgements of replies, which carry their requester's number: that number with the call.
    replies_acked: HashMap<u64, Call>,
    /// The next number.
    next: u64,
    woken: Vec<Call>,
}

impl Calls {
    /// None. The upper half of all numbers is drawn from `seed`, so that a reply, which carries its
    /// requester's number, is not taken for a call of this client.
    pub(super) fn new(seed: u64) -> Calls {
        Calls {
            entries: HashMap::default(),
            deadlines: BTreeSet::new(),
            replies_acked: HashMap::new(),
            next: (seed >> 1) & !0xffff_ffff | 1 << 62 | 1,
            woken: Vec::new(),
        }
    }

    /// A number that no call has.
    pub(super) fn next_number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    pub(super) fn insert(&mut self, kind: Kind, now: Timestamp, timeout: Duration) -> Call {
        let number = self.next_number();
        let deadline = after(now, timeout);
        let entry = Entry {
            kind,
            is_sent: false,
            deadline,
            deadline_last: deadline,
            timeout,
            replies: VecDeque::new(),
            reply_bytes: 0,
            end: None,
        };
        self.deadlines.insert((deadline, number));
        self.entries.insert(number, entry);
        Call(number)
    }

    /// Has an outcome for the number of somebody else end this call.
    pub(super) fn answer_to(&mut self, foreign: u64, call: Call) {
        // Two of one number at once cannot be told apart: the older one ends at its time limit.
        self.replies_acked.insert(foreign, call);
    }

    /// The call that an outcome of this number is about.
    pub(super) fn of_outcome(&mut self, number: u64) -> Call {
        self.replies_acked.remove(&number).unwrap_or(Call(number))
    }

    /// A call that still waits.
    pub(super) fn pending(&mut self, call: Call) -> Option<&mut Entry> {
        self.entries.get_mut(&call.0).filter(|entry| entry.end.is_none())
    }

    /// How many still wait.
    pub(super) fn pending_count(&self) -> usize {
        self.deadlines.len()
    }

    /// Ends a call that still waits.
    pub(super) fn end(&mut self, call: Call, result: Result<Answer, ClientError>) {
        if let Some(entry) = self.entries.get_mut(&call.0).filter(|entry| entry.end.is_none()) {
            self.deadlines.remove(&(entry.deadline, call.0));
            entry.end = Some(result);
            self.woken.push(call);
        }
    }

    /// Ends every call that still waits and that `which` picks.
    pub(super) fn end_all(
        &mut self,
        which: impl Fn(&Entry) -> bool,
        result: impl Fn(&Entry) -> Result<Answer, ClientError>,
    ) {
        let mut found: Vec<_> = self.deadlines.iter().map(|(_, number)| Call(*number)).collect();
        found.retain(|call| which(&self.entries[&call.0]));
        for call in found {
            let result = result(&self.entries[&call.0]);
            self.end(call, result);
        }
        self.replies_acked.retain(|_, call| self.entries.contains_key(&call.0));
    }

    /// Whether a call waits for this connection.
    pub(super) fn are_any_sent(&self) -> bool {
        self.entries.values().any(|entry| entry.is_sent && entry.end.is_none())
    }

    /// How many messages stand before the last barrier that was sent and still waits.
    pub(super) fn barrier_mark(&self) -> u64 {
        let mark = |entry: &Entry| match entry.kind {
            Kind::Flush { mark } if entry.is_sent && entry.end.is_none() => mark,
            Kind::Flush { .. }
            | Kind::Drain
            | Kind::Ack { .. }
            | Kind::Subscribe { .. }
            | Kind::Unsubscribe { .. }
            | Kind::Request { .. }
            | Kind::Stream(_)
            | Kind::Close => 0,
        };
        self.entries.values().map(mark).max().unwrap_or(0)
    }

    /// Adds a reply to a request, and says whether there was room and somebody waits.
    pub(super) fn add_reply(
        &mut self,
        call: Call,
        message: Message,
        now: Timestamp,
        messages_max: usize,
        bytes_max: usize,
    ) -> bool {
        let Some(entry) = self.entries.get_mut(&call.0).filter(|entry| entry.end.is_none()) else {
            return false;
        };
        let Kind::Request { mode, .. } = entry.kind else { return false };
        let is_last = match mode {
            RequestMode::One => true,
            RequestMode::Many => !message.has_more(),
            RequestMode::Gather { .. } => false,
        };
        let has_room = entry.replies.is_empty()
            || (entry.replies.len() < messages_max
                && entry.reply_bytes + message.bytes_len() <= bytes_max);
        if has_room {
            entry.reply_bytes += message.bytes_len();
            entry.replies.push_back(message);
        } else if mode == RequestMode::Many {
            // They are one answer in pieces: one with a hole must not look whole.
            let (messages, bytes) = (entry.replies.len(), entry.reply_bytes);
            self.end(call, Err(ClientError::QueueFull { messages, bytes }));
            return false;
        }
        let renewed = match mode {
            RequestMode::One => entry.deadline,
            RequestMode::Many => after(now, entry.timeout),
            RequestMode::Gather { quiet } => entry.deadline_last.min(after(now, quiet)),
        };
        self.deadlines.remove(&(entry.deadline, call.0));
        self.deadlines.insert((renewed, call.0));
        entry.deadline = renewed;
        if is_last {
            self.end(call, Ok(Answer::End));
        } else {
            self.woken.push(call);
        }
        has_room
    }

    /// The next answer, if there is one; after its last one the call is over. Nothing for a call
    /// that still waits.
    pub(super) fn take(&mut self, call: Call) -> Option<Result<Answer, ClientError>> {
        let Some(entry) = self.entries.get_mut(&call.0) else {
            return Some(Ok(Answer::End));
        };
        if let Some(reply) = entry.replies.pop_front() {
            entry.reply_bytes -= reply.bytes_len();
            if matches!(entry.kind, Kind::Request { mode: RequestMode::One, .. }) {
                self.entries.remove(&call.0);
            }
            return Some(Ok(Answer::Reply(reply)));
        }
        let end = entry.end.take()?;
        self.entries.remove(&call.0);
        Some(end)
    }

    /// Forgets a call in which nobody is interested any more, and says what it was about if it
    /// still waited, or nobody has fetched that it succeeded.
    pub(super) fn forget(&mut self, call: Call) -> Option<Kind> {
        let entry = self.entries.remove(&call.0)?;
        self.deadlines.remove(&(entry.deadline, call.0));
        if matches!(entry.kind, Kind::Ack { .. }) {
            self.replies_acked.retain(|_, other| *other != call);
        }
        (!matches!(entry.end, Some(Err(_)))).then_some(entry.kind)
    }

    /// When the next call ends without an answer.
    pub(super) fn deadline(&self) -> Option<Timestamp> {
        self.deadlines.first().map(|(at, _)| *at)
    }

    /// Ends one call whose time is over, and says which and what it was about.
    pub(super) fn expire(&mut self, now: Timestamp) -> Option<(Call, Kind)> {
        let (at, number) = *self.deadlines.first()?;
        if at > now {
            return None;
        }
        let entry = &self.entries[&number];
        let kind = entry.kind.clone();
        let waited = entry.timeout;
        let timed_out = |waited_for| Err(ClientError::TimedOut { waited_for, waited });
        let result = match &kind {
            Kind::Flush { .. } | Kind::Drain => timed_out("answer to a barrier"),
            Kind::Ack { .. } => timed_out("acknowledgement"),
            Kind::Subscribe { .. } => timed_out("answer to a subscription"),
            Kind::Unsubscribe { .. } => timed_out("answer to the end of a subscription"),
            Kind::Request { mode: RequestMode::Gather { .. }, .. } => Ok(Answer::End),
            Kind::Request { .. } => timed_out("reply"),
            Kind::Stream(StreamKind::Append { .. }) => timed_out("answer to an append"),
            Kind::Stream(_) => timed_out("answer about a stream"),
            Kind::Close => timed_out("end of the connection"),
        };
        if matches!(kind, Kind::Ack { .. }) {
            self.replies_acked.retain(|_, call| call.0 != number);
        }
        self.end(Call(number), result);
        Some((Call(number), kind))
    }

    /// How many milliseconds a call still has at `now`; at least 1.
    pub(super) fn ms_left(&self, call: Call, now: Timestamp) -> u32 {
        let left = self.entries.get(&call.0).map_or(0, |entry| entry.deadline_last.ms_since(now));
        u32::try_from(left).unwrap_or(u32::MAX).max(1)
    }

    /// A call for which something came since it was last said.
    pub(super) fn next_woken(&mut self) -> Option<Call> {
        self.woken.pop()
    }
}

/// The moment `time` later.
pub(super) fn after(now: Timestamp, time: Duration) -> Timestamp {
    let nanoseconds = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
    Timestamp(now.0.saturating_add(nanoseconds))
}
