//! Topics that a client subscribes to by their text, many in one frame, each once.

use std::collections::{BTreeMap, VecDeque};

use super::machine::ElbusSession;
use super::question::{Asked, Question};
use crate::elbus::frame::{Frame, HEADER_BYTES, Operation};
use crate::elbus::text::TOPIC;
use crate::model::{
    Barrier, Command, Commands, Exclude, SlowConsumerWish, Span, Subscribe, SubscriptionId, Ticket,
    Unsubscribe, Visibility, limits,
};

/// The topics of one connection, by their native filters, with their numbers.
#[derive(Debug, Default)]
pub(super) struct Topics {
    by_filter: BTreeMap<Box<[u8]>, u64>,
    /// Those of which it is not known yet whether they were taken, in the order of the commands.
    pending: VecDeque<(Box<[u8]>, u64)>,
    last: u64,
}

impl Topics {
    /// A number for a filter, unless it has one.
    fn begin(&mut self, filter: &[u8]) -> Option<SubscriptionId> {
        if self.by_filter.contains_key(filter) {
            return None;
        }
        self.last += 1;
        self.by_filter.insert(Box::from(filter), self.last);
        self.pending.push_back((Box::from(filter), self.last));
        Some(SubscriptionId(self.last))
    }

    /// Takes a filter's number away.
    fn end(&mut self, filter: &[u8]) -> Option<SubscriptionId> {
        self.by_filter.remove(filter).map(SubscriptionId)
    }

    /// The answer to the oldest one came.
    pub(super) fn settle(&mut self, is_refused: bool) {
        if let Some((filter, number)) = self.pending.pop_front()
            && is_refused
            && self.by_filter.get(&filter) == Some(&number)
        {
            self.by_filter.remove(&filter);
        }
    }
}

/// What is done with the topics of a frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Change {
    Subscribe,
    Unsubscribe,
    Exclude,
    Unexclude,
}

impl Change {
    pub(super) fn of(operation: Operation) -> Option<Change> {
        match operation {
            Operation::Subscribe => Some(Change::Subscribe),
            Operation::Unsubscribe => Some(Change::Unsubscribe),
            Operation::Exclude => Some(Change::Exclude),
            Operation::Unexclude => Some(Change::Unexclude),
            Operation::Nop
            | Operation::Publish
            | Operation::PublishFor
            | Operation::Message
            | Operation::Broadcast => None,
        }
    }
}

/// A frame with topics, as far as it is not done.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct TopicRun {
    change: Change,
    /// The frame is to be acknowledged.
    asked: Option<Asked>,
    /// Bytes before the next topic: the header, or the NUL between two topics.
    before: usize,
    /// Bytes of topics that are not done.
    left: usize,
}

impl TopicRun {
    /// All topics of a frame.
    pub(super) fn new(frame: &Frame, change: Change) -> TopicRun {
        let asked = frame.qos.wants_ack().then(|| Asked::by(frame));
        TopicRun { change, asked, before: HEADER_BYTES, left: frame.body_bytes }
    }
}

/// How far one look at the bytes came.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Taken {
    /// These many bytes are used up.
    Bytes(usize),
    /// So many bytes are needed from here.
    Needs(usize),
    /// There is no room for the next command.
    Full,
}

impl ElbusSession {
    /// Takes one topic of a frame, with what stands before it; the last needs room for two commands,
    /// because nobody asks again once the bytes are used up.
    pub(super) fn take_topic(
        &mut self,
        run: TopicRun,
        bytes: &[u8],
        at: usize,
        commands: &mut Commands,
    ) -> Taken {
        let begin = at + run.before;
        let Some(rest) = bytes.get(begin..begin + run.left) else {
            return Taken::Needs(run.before + run.left);
        };
        if commands.room() < 2 {
            return Taken::Full;
        }
        let nul = rest.iter().position(|byte| *byte == 0);
        let topic = &rest[..nul.unwrap_or(rest.len())];
        let text_before = commands.text().len();
        match self.topic(run, topic, begin, commands) {
            Some(command) => commands.push(command),
            None => commands.text_mut().truncate(text_before),
        }
        self.run = nul.map(|nul| TopicRun { before: 1, left: run.left - nul - 1, ..run });
        if self.run.is_none()
            && let Some(asked) = run.asked
        {
            let Ticket(token) = Question::Topics(asked).ticket();
            commands.push(Command::Barrier(Barrier { token }));
        }
        Taken::Bytes(run.before + topic.len())
    }

    /// The command that one topic at `begin` of the chunk calls for, if any.
    fn topic(
        &mut self,
        run: TopicRun,
        topic: &[u8],
        begin: usize,
        commands: &mut Commands,
    ) -> Option<Command> {
        let filter = translate(topic, begin, commands, |topic, text| TOPIC.filter(topic, text));
        let native = native(filter, topic, commands.text());
        match run.change {
            Change::Subscribe => {
                let subscription = self.topics.begin(native)?;
                let question = run.asked.map_or(Question::SubscribedQuietly, Question::Subscribed);
                Some(subscribe(subscription, filter, question))
            }
            Change::Unsubscribe => {
                let subscription = self.topics.end(native)?;
                let ticket = Ticket::NONE;
                Some(Command::Unsubscribe(Unsubscribe { subscription, ticket, deliveries_max: 0 }))
            }
            Change::Exclude | Change::Unexclude => Some(Command::Exclude(Exclude {
                filter,
                ticket: Ticket::NONE,
                begins: run.change == Change::Exclude,
            })),
        }
    }

    /// Subscribes to a topic without being asked to.
    pub(super) fn subscribe_by_itself(&mut self, topic: &[u8], commands: &mut Commands) {
        let filter = translate(topic, 0, commands, |topic, text| TOPIC.filter(topic, text));
        let native = native(filter, topic, commands.text());
        if let Some(subscription) = self.topics.begin(native) {
            commands.push(subscribe(subscription, filter, Question::SubscribedQuietly));
        }
    }
}

fn subscribe(subscription: SubscriptionId, filter: Span, question: Question) -> Command {
    Command::Subscribe(Subscribe {
        subscription,
        filter,
        group: Span::EMPTY,
        ticket: question.ticket(),
        credit: u32::MAX,
        deliveries_max: 0,
        visibility: Visibility::BROKER,
        slow_consumer: SlowConsumerWish::default(),
    })
}

/// Writes the native text of what lies at `at` of the chunk into the scratch text. What is too long
/// for any subject stays what it is, and is refused for its length.
pub(super) fn translate(
    text: &[u8],
    at: usize,
    commands: &mut Commands,
    native: impl Fn(&[u8], &mut Vec<u8>),
) -> Span {
    if text.len() > limits::SUBJECT_BYTES_MAX {
        return Span::chunk(at, text.len());
    }
    let scratch = commands.text_mut();
    let begin = scratch.len();
    native(text, scratch);
    Span::scratch(begin, scratch.len() - begin)
}

/// What [`translate`] made of a text.
fn native<'a>(span: Span, text: &'a [u8], scratch: &'a [u8]) -> &'a [u8] {
    if span.is_scratch() { &scratch[span.offset()..span.end()] } else { text }
}
