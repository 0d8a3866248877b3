//! What an answer is owed to, as a ticket.
//!
//! ```text
//! ticket   | kind, from 1 | in a hurry | op_id |
//!            63        33          32   31   0
//! ```

use crate::elbus::frame::Frame;
use crate::model::Ticket;

/// What an answer is owed to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Question {
    /// A message to one name.
    Message(Asked),
    /// What goes to a topic or to a mask of names: it does not matter whether there are any receivers.
    Published(Asked),
    /// One topic of SUBSCRIBE; its refusal is told.
    Subscribed(Asked),
    /// The same, and nobody wants to know.
    SubscribedQuietly,
    /// The end of a frame with many topics, at a barrier.
    Topics(Asked),
}

/// A frame that is to be acknowledged.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Asked {
    /// The client's number for it.
    pub(super) op_id: u32,
    /// The acknowledgement shall not wait for more to go out with it.
    pub(super) realtime: bool,
}

impl Asked {
    /// What a frame asks for.
    pub(super) fn by(frame: &Frame) -> Asked {
        Asked { op_id: frame.op_id, realtime: frame.qos.is_realtime() }
    }
}

impl Question {
    pub(super) fn ticket(self) -> Ticket {
        let nobody = Asked { op_id: 0, realtime: false };
        let (kind, asked): (u64, Asked) = match self {
            Question::Message(asked) => (1, asked),
            Question::Published(asked) => (2, asked),
            Question::Subscribed(asked) => (3, asked),
            Question::SubscribedQuietly => (4, nobody),
            Question::Topics(asked) => (5, asked),
        };
        Ticket(kind << 33 | u64::from(asked.realtime) << 32 | u64::from(asked.op_id))
    }

    pub(super) fn of(ticket: Ticket) -> Option<Question> {
        let op_id = (ticket.0 & u64::from(u32::MAX)) as u32;
        let asked = Asked { op_id, realtime: ticket.0 >> 32 & 1 != 0 };
        match ticket.0 >> 33 {
            1 => Some(Question::Message(asked)),
            2 => Some(Question::Published(asked)),
            3 => Some(Question::Subscribed(asked)),
            4 => Some(Question::SubscribedQuietly),
            5 => Some(Question::Topics(asked)),
            _ => None,
        }
    }
}
