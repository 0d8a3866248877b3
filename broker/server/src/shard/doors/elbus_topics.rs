//! Topics that a client subscribes to by their text, many in one frame, each once.

use std::collections::BTreeMap;

use coilgun_protocol::model::{
    Command, Commands, SlowConsumerWish, Span, Subscribe, SubscriptionId, Unsubscribe, Visibility,
};

use super::elbus::{ElbusProbe, Question, translate};
use super::elbus_frame::{Frame, HEADER_BYTES};
use super::elbus_text::TOPIC;

/// The topics of one connection, with their numbers.
#[derive(Debug, Default)]
pub(super) struct Topics {
    by_text: BTreeMap<Vec<u8>, u64>,
    texts: BTreeMap<u64, Vec<u8>>,
    last: u64,
}

impl Topics {
    /// A number for a topic, unless it has one.
    fn begin(&mut self, topic: &[u8]) -> Option<SubscriptionId> {
        if self.by_text.contains_key(topic) {
            return None;
        }
        self.last += 1;
        self.by_text.insert(topic.to_vec(), self.last);
        self.texts.insert(self.last, topic.to_vec());
        Some(SubscriptionId(self.last))
    }

    /// Takes a topic's number away; what is still delivered under it is shown all the same.
    fn end(&mut self, topic: &[u8]) -> Option<SubscriptionId> {
        self.by_text.remove(topic).map(SubscriptionId)
    }

    /// The subscription is over, or never began.
    pub(super) fn forget(&mut self, subscription: SubscriptionId) {
        if let Some(text) = self.texts.remove(&subscription.0)
            && self.by_text.get(&text) == Some(&subscription.0)
        {
            self.by_text.remove(&text);
        }
    }
}

/// A frame with topics, as far as it is not done.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct TopicRun {
    /// SUBSCRIBE, not UNSUBSCRIBE.
    pub(super) is_subscribe: bool,
    /// The frame is to be acknowledged under this number.
    pub(super) op_id: Option<u32>,
    /// Bytes before the next topic: the header, or the NUL between two topics.
    pub(super) before: usize,
    /// Bytes of topics that are not done.
    pub(super) left: usize,
}

impl TopicRun {
    /// All topics of a frame.
    pub(super) fn new(frame: &Frame, is_subscribe: bool) -> TopicRun {
        let op_id = frame.wants_ack.then_some(frame.op_id);
        TopicRun { is_subscribe, op_id, before: HEADER_BYTES, left: frame.body_bytes }
    }
}

impl ElbusProbe {
    /// The command that one topic at `begin` of the chunk calls for, if any.
    pub(super) fn topic(
        &mut self,
        run: TopicRun,
        topic: &[u8],
        begin: usize,
        commands: &mut Commands,
    ) -> Option<Command> {
        if !run.is_subscribe {
            let subscription = self.topics.end(topic)?;
            let ticket = self.replies.owe(Question::Unsubscribed { subscription });
            return Some(Command::Unsubscribe(Unsubscribe {
                subscription,
                ticket,
                deliveries_max: 0,
            }));
        }
        let subscription = self.topics.begin(topic)?;
        let ticket = self.replies.owe(Question::Subscribed { op_id: run.op_id, subscription });
        let filter = translate(topic, begin, commands, |topic, text| TOPIC.filter(topic, text));
        Some(Command::Subscribe(Subscribe {
            subscription,
            filter,
            group: Span::EMPTY,
            ticket,
            credit: u32::MAX,
            deliveries_max: 0,
            visibility: Visibility::BROKER,
            slow_consumer: SlowConsumerWish::default(),
        }))
    }
}
