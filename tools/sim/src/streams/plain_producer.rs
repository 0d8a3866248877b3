//! A producer that sends each batch once, and may say which offset it expects. Now and then it is somebody
//! who appends once and never comes again.

use coilgun_core::stream::AppendRefusal;
use coilgun_protocol::model::AckLevel;
use coilgun_storage::disk::sim::Dice;

use super::batch::{Identity, Sent};
use super::model::Answer;
use super::producer::Request;

/// The numbers of those who never come again begin here.
const PASSING_FIRST: u64 = 1_000_000;

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
        let producer = PASSING_FIRST + body;
        let passing = Identity { producer, epoch: 0, sequence: 0 };
        let identity = dice.chance(400).then_some(passing);
        let sent = Sent { partition: self.partition, count, body, identity, expected };
        Request { sent, level, is_again: false }
    }

    /// Hears what became of a batch.
    pub(super) fn on_answer(&mut self, answer: &Answer) {
        if let Answer::Refused(AppendRefusal::UnexpectedOffset { next }) = answer {
            self.known_end = self.known_end.map(|_| next.0);
        }
    }
}
