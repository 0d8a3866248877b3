//! What an answer is owed to, as a ticket.
//!
//! ```text
//! ticket   | kind, from 1 | op_id |
//!            63        32   31   0
//! ```

use crate::model::Ticket;

/// What an answer is owed to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Question {
    /// A message to one name.
    Message { op_id: u32 },
    /// What goes to a topic or to a mask of names: it does not matter whether there are any receivers.
    Published { op_id: u32 },
    /// One topic of SUBSCRIBE; its refusal is told.
    Subscribed { op_id: u32 },
    /// The same, and nobody wants to know.
    SubscribedQuietly,
    /// The end of a frame with many topics, at a barrier.
    Topics { op_id: u32 },
}

impl Question {
    pub(super) fn ticket(self) -> Ticket {
        let (kind, op_id): (u64, u32) = match self {
            Question::Message { op_id } => (1, op_id),
            Question::Published { op_id } => (2, op_id),
            Question::Subscribed { op_id } => (3, op_id),
            Question::SubscribedQuietly => (4, 0),
            Question::Topics { op_id } => (5, op_id),
        };
        Ticket(kind << 32 | u64::from(op_id))
    }

    pub(super) fn of(ticket: Ticket) -> Option<Question> {
        let op_id = (ticket.0 & u64::from(u32::MAX)) as u32;
        match ticket.0 >> 32 {
            1 => Some(Question::Message { op_id }),
            2 => Some(Question::Published { op_id }),
            3 => Some(Question::Subscribed { op_id }),
            4 => Some(Question::SubscribedQuietly),
            5 => Some(Question::Topics { op_id }),
            _ => None,
        }
    }
}
