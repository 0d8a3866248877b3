//! What became of what a client asked for, as acknowledgements.

use super::machine::{ElbusSession, State};
use super::question::{Asked, Question};
use crate::buffer::OutBuf;
use crate::elbus::code::ResultCode;
use crate::elbus::server_frame::{ACK, SERVER_HEADER_BYTES};
use crate::model::{Closing, ErrorCode, Outcome, Ticket};

impl ElbusSession {
    #[inline]
    pub(super) fn on_outcome(&mut self, outcome: &Outcome, out: &mut OutBuf) {
        match Question::of(outcome.ticket) {
            Some(Question::Message(asked)) => self.acknowledge(asked, of_message(outcome), out),
            Some(Question::Published(asked)) => {
                self.acknowledge(asked, of_request(outcome.code), out);
            }
            Some(Question::Subscribed(asked)) => {
                let is_refused = outcome.code != ErrorCode::Ok;
                self.topics.settle(is_refused);
                if is_refused {
                    self.acknowledge(asked, of_request(outcome.code), out);
                }
            }
            Some(Question::SubscribedQuietly) => {
                self.topics.settle(outcome.code != ErrorCode::Ok);
            }
            // It is answered by a barrier; no other ticket was given.
            Some(Question::Topics(_)) | None => {}
        }
    }

    #[inline]
    fn acknowledge(&mut self, asked: Asked, code: ResultCode, out: &mut OutBuf) {
        let [a, b, c, d] = asked.op_id.to_le_bytes();
        let ack: [u8; SERVER_HEADER_BYTES] = [ACK, a, b, c, d, code as u8];
        self.traffic.say(ack.len());
        out.copy(&ack);
        if asked.realtime {
            out.hurry();
        }
    }

    pub(super) fn on_barrier(&mut self, token: u64, out: &mut OutBuf) {
        if let Some(Question::Topics(asked)) = Question::of(Ticket(token)) {
            self.acknowledge(asked, ResultCode::Ok, out);
        }
    }

    /// One byte says why somebody is not let in; nothing says why somebody is thrown out.
    pub(super) fn on_closing(&mut self, closing: &Closing<'_>, out: &mut OutBuf) {
        match self.state {
            State::Greeting => out.copy(&[ResultCode::NotSupported as u8]),
            State::Naming | State::Registering => out.copy(&[of_entrance(closing.code) as u8]),
            State::Open | State::Over => {}
        }
        out.hurry();
        self.state = State::Over;
    }
}

/// What the sender of a message to one name is told.
#[inline]
fn of_message(outcome: &Outcome) -> ResultCode {
    if outcome.code == ErrorCode::Ok {
        return match (outcome.receivers, outcome.is_starved) {
            (0, true) => ResultCode::NotDelivered,
            (0, false) => ResultCode::NotRegistered,
            _ => ResultCode::Ok,
        };
    }
    // A name that nobody can have is one that nobody has.
    let is_no_name = outcome.code == ErrorCode::InvalidSubject;
    if is_no_name { ResultCode::NotRegistered } else { of_request(outcome.code) }
}

/// What a client is told about anything else it asked for.
#[inline]
fn of_request(code: ErrorCode) -> ResultCode {
    find(
        code,
        &[
            (ErrorCode::Ok, ResultCode::Ok),
            (ErrorCode::PermissionDenied, ResultCode::Access),
            (ErrorCode::ReservedSubject, ResultCode::Access),
            (ErrorCode::InvalidSubject, ResultCode::Data),
            (ErrorCode::InvalidFilter, ResultCode::Data),
        ],
    )
}

/// What somebody is told who is not let in.
fn of_entrance(code: ErrorCode) -> ResultCode {
    find(
        code,
        &[
            (ErrorCode::NameTaken, ResultCode::Busy),
            (ErrorCode::InvalidName, ResultCode::Data),
            (ErrorCode::PrimaryNotRegistered, ResultCode::NotRegistered),
            (ErrorCode::PermissionDenied, ResultCode::Access),
            (ErrorCode::AuthenticationRequired, ResultCode::Access),
            (ErrorCode::WrongCredentials, ResultCode::Access),
            (ErrorCode::HandshakeTimeout, ResultCode::Timeout),
        ],
    )
}

fn find(code: ErrorCode, table: &[(ErrorCode, ResultCode)]) -> ResultCode {
    let found = table.iter().find(|(known, _)| *known == code);
    found.map_or(ResultCode::Other, |(_, result)| *result)
}
