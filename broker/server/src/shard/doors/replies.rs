//! Answers that leave in the order of their questions, whenever they come (law S20).

use std::collections::VecDeque;

use coilgun_protocol::buffer::OutBuf;
use coilgun_protocol::model::Ticket;

/// Answers that are owed, oldest first; `P` says what was asked.
#[derive(Debug)]
pub(super) struct Replies<P> {
    owed: VecDeque<Owed<P>>,
    /// Ticket of the oldest.
    first: u64,
}

#[derive(Debug)]
struct Owed<P> {
    question: P,
    /// The answer, once it is known.
    answer: Option<Vec<u8>>,
}

impl<P> Default for Replies<P> {
    fn default() -> Self {
        Replies { owed: VecDeque::new(), first: 1 }
    }
}

impl<P: Clone> Replies<P> {
    /// Owes one answer more, to be given under this ticket.
    pub(super) fn owe(&mut self, question: P) -> Ticket {
        self.owed.push_back(Owed { question, answer: None });
        Ticket(self.first + self.owed.len() as u64 - 1)
    }

    /// What was asked under this ticket, if the answer is still owed.
    pub(super) fn question(&self, ticket: Ticket) -> Option<P> {
        let at = ticket.0.checked_sub(self.first)?;
        let owed = self.owed.get(usize::try_from(at).ok()?)?;
        owed.answer.is_none().then(|| owed.question.clone())
    }

    /// Gives an answer, and writes all those that no earlier one holds back.
    pub(super) fn answer(&mut self, ticket: Ticket, answer: Vec<u8>, out: &mut OutBuf) {
        let at = (ticket.0 - self.first) as usize;
        self.owed[at].answer = Some(answer);
        while let Some(owed) = self.owed.front_mut()
            && let Some(answer) = owed.answer.take()
        {
            out.copy(&answer);
            self.owed.pop_front();
            self.first += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use coilgun_protocol::buffer::{Pool, Region};

    use super::*;

    fn written(out: &mut OutBuf) -> Vec<u8> {
        let bytes = out.segments().collect::<Vec<_>>().concat();
        out.consume(bytes.len());
        bytes
    }

    #[test]
    fn s20_answers_leave_in_the_order_of_the_questions() {
        let mut out = OutBuf::new(Pool::new(Region::heap(4096), 1024), 64);
        let mut replies = Replies::default();
        let tickets = ["a", "b", "c"].map(|question| replies.owe(question));
        assert!(tickets.iter().all(|ticket| ticket.is_some()));
        replies.answer(tickets[1], b"2".to_vec(), &mut out);
        assert_eq!(replies.question(tickets[1]), None, "it was answered");
        assert_eq!(written(&mut out), b"");
        replies.answer(tickets[0], b"1".to_vec(), &mut out);
        assert_eq!(written(&mut out), b"12");
        let fourth = replies.owe("d");
        assert_eq!(replies.question(fourth), Some("d"));
        replies.answer(fourth, b"4".to_vec(), &mut out);
        replies.answer(tickets[2], b"3".to_vec(), &mut out);
        assert_eq!(written(&mut out), b"34");
        assert_eq!(replies.question(tickets[0]), None, "nothing is owed any more");
    }
}
