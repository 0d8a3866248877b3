//! What a client of the binary protocol is told.

use coilgun_protocol::buffer::OutBuf;
use coilgun_protocol::model::{
    Closing, Delivery, ErrorCode, Outcome, PublishFlags, SubscriptionId, Ticket,
};

use super::elbus::{ElbusProbe, Question, State};
use super::elbus_frame::{
    RESULT_ACCESS, RESULT_BUSY, RESULT_DATA, RESULT_NOT_REGISTERED, RESULT_NOT_SUPPORTED,
    RESULT_OK, RESULT_OTHER, write_ack,
};
use super::elbus_text::{Grammar, NAME, TOPIC};

impl ElbusProbe {
    pub(super) fn on_outcome(&mut self, outcome: Outcome, out: &mut OutBuf) {
        let Some(question) = self.replies.question(outcome.ticket) else { return };
        let refused = outcome.code != ErrorCode::Ok;
        let (op_id, result) = match question {
            Question::Done { op_id } => {
                (Some(op_id), if refused { RESULT_DATA } else { RESULT_OK })
            }
            Question::Message { op_id } => {
                let missed = refused || outcome.receivers == 0;
                (Some(op_id), if missed { RESULT_NOT_REGISTERED } else { RESULT_OK })
            }
            Question::Subscribed { op_id, subscription } => {
                if refused {
                    self.topics.forget(subscription);
                }
                (op_id.filter(|_| refused), RESULT_ACCESS)
            }
            Question::Unsubscribed { subscription } => {
                self.topics.forget(subscription);
                (None, RESULT_OK)
            }
        };
        self.acknowledge(outcome.ticket, op_id, result, out);
    }

    fn acknowledge(&mut self, ticket: Ticket, op_id: Option<u32>, result: u8, out: &mut OutBuf) {
        let mut answer = Vec::new();
        if let Some(op_id) = op_id {
            write_ack(op_id, result, &mut answer);
        }
        self.replies.answer(ticket, answer, out);
    }

    pub(super) fn on_barrier(&mut self, ticket: Ticket, out: &mut OutBuf) {
        if let Some(Question::Done { op_id }) = self.replies.question(ticket) {
            self.acknowledge(ticket, Some(op_id), RESULT_OK, out);
        }
    }

    /// A frame to the client: `kind | len u32 LE | realtime | sender NUL [topic NUL] payload`.
    pub(super) fn write_delivery(&mut self, delivery: &Delivery<'_>, out: &mut OutBuf) {
        let by_name = delivery.subscription == SubscriptionId::NAME;
        let kind = match (by_name, delivery.flags.contains(PublishFlags::BROADCAST)) {
            (true, true) => 0x13,
            (true, false) => 0x12,
            (false, _) => 0x01,
        };
        self.scratch.clear();
        self.scratch.extend_from_slice(&[kind, 0, 0, 0, 0]);
        self.scratch.push(delivery.flags.contains(PublishFlags::REALTIME).into());
        let mut field = |grammar: Grammar, native| {
            grammar.text(native, &mut self.scratch);
            self.scratch.push(0);
        };
        // The sender of a message from a protocol without names is the empty text, which is spelled
        // like the one empty part.
        field(NAME, if delivery.sender.is_empty() { b"%00".as_slice() } else { delivery.sender });
        if !by_name {
            field(TOPIC, delivery.subject);
        }
        let len = (self.scratch.len() - 6 + delivery.payload.len()) as u32;
        self.scratch[1..5].copy_from_slice(&len.to_le_bytes());
        out.copy(&self.scratch);
        out.payload(delivery.payload);
    }

    /// One byte says why somebody is not let in; nothing says why somebody is thrown out.
    pub(super) fn on_closing(&mut self, closing: Closing<'_>, out: &mut OutBuf) {
        match self.state {
            State::Greeting => out.copy(&[RESULT_NOT_SUPPORTED]),
            State::Naming | State::Registering => out.copy(&[refusal(closing.code)]),
            State::Open | State::Over => {}
        }
        self.state = State::Over;
    }
}

/// Why somebody is not let in.
fn refusal(code: ErrorCode) -> u8 {
    if code == ErrorCode::NameTaken {
        RESULT_BUSY
    } else if code == ErrorCode::InvalidName {
        RESULT_DATA
    } else {
        RESULT_OTHER
    }
}
