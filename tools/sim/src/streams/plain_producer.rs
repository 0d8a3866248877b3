//! A producer that numbers nothing, and may say which offset it expects.

use coilgun_core::stream::AppendRefusal;
use coilgun_protocol::model::AckLevel;
use coilgun_storage::disk::sim::Dice;

use super::batch::Sent;
use super::model::Answer;
use super::producer::Request;

/// A producer that sends each batch once.
#[derive(Clone, Debug)]
pub(super) struct PlainProducer {
    pub(super) partition: u64,
    /// Where it believes that its partition ends; nothing: it does not care.
    known_end: Option<u64>,
}

impl PlainProducer {
    pub(super) fn new(partition: u64, expects: bool) -> PlainProducer {
        PlainProducer { partition, known_end: expects.then_some(0) }
    }

    /// What it sends next.
    pub(super) fn send(&mut self, next_body: &mut u64, dice: &mut Dice) -> Request {
        let count = 1 + dice.below(5) as u32;
        let levels = [AckLevel::None, AckLevel::Leader, AckLevel::Durable, AckLevel::Durable];
        let level = levels[dice.below(levels.len())];
        let (body, expected) = (*next_body, self.known_end);
        *next_body += 1;
        self.known_end = expected.map(|end| end + u64::from(count));
        let sent = Sent { partition: self.partition, count, body, identity: None, expected };
        Request { sent, level, is_again: false }
    }

    /// Hears what became of a batch.
    pub(super) fn on_answer(&mut self, answer: &Answer) {
        if let Answer::Refused(AppendRefusal::UnexpectedOffset { next }) = answer {
            self.known_end = self.known_end.map(|_| next.0);
        }
    }
}
