//! What can go wrong, and what to do about it.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use coilgun_protocol::model::{ErrorCode, InvalidFilter, InvalidHeaders, InvalidSubject};
use coilgun_protocol::native::{DecodeError, EncodeError, RecordTooLarge, UnreadableBatch};

use crate::address::{Address, InvalidAddress};
use crate::broker_error::BrokerError;

/// Why a call of the client failed.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ClientError {
    /// The text of an address is none.
    #[error(transparent)]
    Address(#[from] InvalidAddress),
    /// Nothing could be reached at the address.
    #[error("cannot connect to {address}: {source}")]
    Connect {
        /// Where.
        address: Address,
        /// What the system says.
        source: Arc<io::Error>,
    },
    /// The connection broke, or the system refused to carry on with it.
    #[error("the connection to the broker broke: {0}")]
    Io(Arc<io::Error>),
    /// What the other side sent is not the native protocol.
    #[error("the other side does not speak the native protocol: {0}")]
    Protocol(#[from] DecodeError),
    /// The subject to publish to, or the one for replies, is none.
    #[error("{text:?} is no subject: {reason}")]
    InvalidSubject {
        /// The text.
        text: String,
        /// What is wrong with it.
        reason: InvalidSubject,
    },
    /// The filter, or the mask of a broadcast, is none.
    #[error("{text:?} is no filter: {reason}")]
    InvalidFilter {
        /// The text.
        text: String,
        /// What is wrong with it.
        reason: InvalidFilter,
    },
    /// A header cannot be sent.
    #[error(transparent)]
    InvalidHeaders(#[from] InvalidHeaders),
    /// The payload is larger than this broker accepts.
    #[error("a payload of {bytes} bytes; this broker accepts {bytes_max}")]
    PayloadTooLarge {
        /// Its length.
        bytes: usize,
        /// The limit.
        bytes_max: usize,
    },
    /// A frame cannot be sent.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// The broker does not offer what was asked for.
    #[error("this broker does not offer {0}")]
    NotOffered(&'static str),
    /// The broker refused one operation; the connection goes on.
    #[error("{what}: {}", refusal_text(*code, *detail))]
    Refused {
        /// What was refused.
        what: String,
        /// Number of the reason in the table of errors.
        code: u16,
        /// What the reason is about, where it is about a number: for an append, the offset, sequence or
        /// epoch that the broker has; for a reader that was reading, the first offset that can be read; otherwise 0.
        detail: u64,
    },
    /// A record fits no batch.
    #[error(transparent)]
    RecordTooLarge(RecordTooLarge),
    /// A batch that was read is damaged, or was written wrongly.
    #[error("{what}, at offset {offset}: {reason}")]
    Unreadable {
        /// What was read.
        what: String,
        /// The offset of its first record.
        offset: u64,
        /// What is wrong with it.
        reason: UnreadableBatch,
    },
    /// The broker ended the connection, and said why.
    #[error("the broker ended the connection: {0}")]
    Ended(BrokerError),
    /// The connection ended without a word.
    #[error("the broker is gone: it closed the connection")]
    Gone,
    /// There was no answer in time.
    #[error("no {waited_for} within {}", seconds(*waited))]
    TimedOut {
        /// What was waited for.
        waited_for: &'static str,
        /// For how long.
        waited: Duration,
    },
    /// Messages came while the client waited for something else, and nobody took them out.
    #[error(
        "{messages} messages of {bytes} bytes wait in the client, and there is no room for more"
    )]
    QueueFull {
        /// How many.
        messages: usize,
        /// How many bytes they hold.
        bytes: usize,
    },
    /// The connection broke before the answer came: nobody knows whether what was asked took effect.
    #[error(
        "the connection was lost before the broker answered, so the outcome is unknown: {reason}"
    )]
    Lost {
        /// Why the connection is lost.
        reason: Arc<str>,
    },
    /// There is no connection just now, and as much waits for the next one as may.
    #[error("there is no connection, and {bytes_max} bytes wait for the next one already")]
    AwayFull {
        /// How many bytes may wait.
        bytes_max: usize,
    },
    /// Nobody knows whether an earlier batch of this producer for the partition is stored, and another one
    /// would be taken for it. Nothing was sent.
    #[error("an earlier batch for partition {partition} is in doubt, and this is another one")]
    InDoubt {
        /// Index of the partition.
        partition: u32,
    },
    /// The client was closed.
    #[error("the client was closed")]
    Closed,
    /// Whoever serves the request answered that it failed.
    #[error("the handler of the request failed: {text} (error {code})")]
    Handler {
        /// The number the handler gave it.
        code: u16,
        /// What the handler says.
        text: String,
    },
}

impl ClientError {
    /// The error for an operation that an outcome with this code answers.
    pub(crate) fn refused(what: String, code: u16) -> ClientError {
        ClientError::refused_about(what, code, 0)
    }

    /// The same with the number that the code is about.
    pub(crate) fn refused_about(what: String, code: u16, detail: u64) -> ClientError {
        ClientError::Refused { what, code, detail }
    }

    /// The error for a connection that broke.
    #[cfg(any(feature = "async", feature = "blocking"))]
    pub(crate) fn io(error: io::Error) -> ClientError {
        ClientError::Io(Arc::new(error))
    }

    /// The broker's code, where it gave one that this version knows.
    #[must_use]
    pub fn code(&self) -> Option<ErrorCode> {
        match self {
            ClientError::Refused { code, .. } => ErrorCode::from_number(*code),
            ClientError::Ended(error) => ErrorCode::from_number(error.code),
            ClientError::Protocol(error) => Some(error.code()),
            ClientError::InvalidSubject { .. } => Some(ErrorCode::InvalidSubject),
            ClientError::InvalidFilter { .. } => Some(ErrorCode::InvalidFilter),
            ClientError::PayloadTooLarge { .. } => Some(ErrorCode::PayloadTooLarge),
            ClientError::Address(_)
            | ClientError::Connect { .. }
            | ClientError::Io(_)
            | ClientError::InvalidHeaders(_)
            | ClientError::Encode(_)
            | ClientError::RecordTooLarge(_)
            | ClientError::Unreadable { .. }
            | ClientError::NotOffered(_)
            | ClientError::Gone
            | ClientError::TimedOut { .. }
            | ClientError::QueueFull { .. }
            | ClientError::Lost { .. }
            | ClientError::AwayFull { .. }
            | ClientError::InDoubt { .. }
            | ClientError::Closed
            | ClientError::Handler { .. } => None,
        }
    }

    /// A short name in lower case, for machines and logs: the code's, where there is one.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            ClientError::Address(_) => "invalid_address",
            ClientError::Connect { .. } => "cannot_connect",
            ClientError::Io(_) => "connection_broke",
            ClientError::InvalidHeaders(_) => "invalid_headers",
            ClientError::Encode(_) => "cannot_encode",
            ClientError::RecordTooLarge(_) => "record_too_large",
            ClientError::Unreadable { .. } => "unreadable_records",
            ClientError::NotOffered(_) => "not_offered",
            ClientError::Gone => "connection_closed",
            ClientError::TimedOut { .. } => "timed_out",
            ClientError::QueueFull { .. } => "client_queue_full",
            ClientError::Lost { .. } => "connection_lost",
            ClientError::AwayFull { .. } => "away_buffer_full",
            ClientError::InDoubt { .. } => "append_in_doubt",
            ClientError::Closed => "client_closed",
            ClientError::Handler { .. } => "handler_failed",
            ClientError::Ended(error) => &error.name,
            ClientError::Protocol(_) => "not_coilgun",
            ClientError::Refused { .. }
            | ClientError::InvalidSubject { .. }
            | ClientError::InvalidFilter { .. }
            | ClientError::PayloadTooLarge { .. } => {
                self.code().map_or("unknown_error", ErrorCode::name)
            }
        }
    }

    /// What to do about it; empty where there is nothing to say.
    #[must_use]
    pub fn help(&self) -> &str {
        match self {
            ClientError::Address(_) => {
                "An address is host:port, coilgun://host:port, unix:PATH, or a path with a slash."
            }
            ClientError::Connect { .. } => {
                "Check the address, and that a broker runs there: `coilgun serve` starts one."
            }
            ClientError::Io(_) | ClientError::Gone => "Connect again; the broker's log says more.",
            ClientError::Protocol(_) => {
                "Check the port: 7700 is the native one, others belong to other protocols."
            }
            ClientError::InvalidHeaders(_) => {
                "A header's name has no space, colon or control byte; all headers fit 64 KiB."
            }
            ClientError::Encode(_) => "Shorten the longest part.",
            ClientError::RecordTooLarge(_) => "Make it smaller, or begin another batch.",
            ClientError::Unreadable { .. } => {
                "Read on behind it; on the broker's machine, `coilgun log verify` says what is damaged."
            }
            ClientError::NotOffered(_) => "Ask for less, or use a newer broker.",
            ClientError::TimedOut { .. } => "Wait longer, or check that the other side is alive.",
            ClientError::QueueFull { .. } => {
                "Take messages out with next_message, or subscribe with credit."
            }
            ClientError::Lost { .. } => {
                "Repeat it if it may happen twice; the client comes back to the broker by itself."
            }
            ClientError::AwayFull { .. } => {
                "Publish less until the broker is back, or raise away_bytes_max in the options."
            }
            ClientError::InDoubt { .. } => {
                "Append the earlier batch again, which is stored once; or begin another producer."
            }
            ClientError::Closed => "Connect a new client.",
            ClientError::Handler { .. } => "Ask whoever runs the responder.",
            ClientError::Ended(error) => &error.help,
            ClientError::Refused { .. }
            | ClientError::InvalidSubject { .. }
            | ClientError::InvalidFilter { .. }
            | ClientError::PayloadTooLarge { .. } => self.code().map_or("", ErrorCode::help),
        }
    }

    /// Whether the same may succeed later without being changed.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            ClientError::Refused { .. } => self.code().is_some_and(ErrorCode::retryable),
            ClientError::Ended(error) => error.retryable,
            ClientError::Connect { .. }
            | ClientError::Io(_)
            | ClientError::Gone
            | ClientError::TimedOut { .. }
            | ClientError::QueueFull { .. }
            | ClientError::Lost { .. }
            | ClientError::AwayFull { .. } => true,
            ClientError::Address(_)
            | ClientError::Protocol(_)
            | ClientError::InvalidSubject { .. }
            | ClientError::InvalidFilter { .. }
            | ClientError::InvalidHeaders(_)
            | ClientError::PayloadTooLarge { .. }
            | ClientError::Encode(_)
            | ClientError::RecordTooLarge(_)
            | ClientError::Unreadable { .. }
            | ClientError::NotOffered(_)
            | ClientError::InDoubt { .. }
            | ClientError::Closed
            | ClientError::Handler { .. } => false,
        }
    }

    /// Whether the connection is lost, so that only a new one helps.
    #[must_use]
    pub fn is_fatal(&self) -> bool {
        match self {
            ClientError::Address(_)
            | ClientError::Connect { .. }
            | ClientError::Io(_)
            | ClientError::Protocol(_)
            | ClientError::Ended(_)
            | ClientError::Gone
            | ClientError::Closed => true,
            ClientError::InvalidSubject { .. }
            | ClientError::InvalidFilter { .. }
            | ClientError::InvalidHeaders(_)
            | ClientError::PayloadTooLarge { .. }
            | ClientError::Encode(_)
            | ClientError::RecordTooLarge(_)
            | ClientError::Unreadable { .. }
            | ClientError::NotOffered(_)
            | ClientError::Refused { .. }
            | ClientError::TimedOut { .. }
            | ClientError::QueueFull { .. }
            | ClientError::Lost { .. }
            | ClientError::AwayFull { .. }
            | ClientError::InDoubt { .. }
            | ClientError::Handler { .. } => false,
        }
    }
}

/// The text of a refusal, also of one that only a newer version knows.
fn refusal_text(code: u16, detail: u64) -> String {
    let Some(known) = ErrorCode::from_number(code) else {
        return format!("error {code}, which this client does not know");
    };
    #[expect(clippy::wildcard_enum_match_arm, reason = "no other code is about a number")]
    let about = match known {
        ErrorCode::UnexpectedOffset => format!("; offset {detail} comes next"),
        ErrorCode::SequenceGap => format!("; sequence {detail} comes next"),
        ErrorCode::SequenceForgotten => format!("; {detail} is the first that is remembered"),
        ErrorCode::ProducerFenced => format!("; the epoch is {detail} now"),
        // An outcome has no detail, and then it is 0 whatever the first offset is.
        ErrorCode::OffsetOutOfRange if detail > 0 => format!("; the first offset is {detail}"),
        _ => String::new(),
    };
    format!("{known}{about}")
}

/// A time for people: `1.5 s`.
fn seconds(time: Duration) -> String {
    format!("{} s", time.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_says_what_and_what_to_do() {
        let error = ClientError::refused("request to a.b".to_owned(), 202);
        assert_eq!(error.to_string(), "request to a.b: nobody serves this subject");
        assert_eq!(error.code(), Some(ErrorCode::NoResponders));
        assert!(error.help().starts_with("Start a responder"));
        let unknown = ClientError::refused("x".to_owned(), 60_000);
        assert_eq!(unknown.to_string(), "x: error 60000, which this client does not know");
        assert_eq!((unknown.name(), unknown.help()), ("unknown_error", ""));
        let outside = |detail| ClientError::refused_about("x".to_owned(), 403, detail).to_string();
        assert_eq!(outside(0), "x: there is nothing at this offset");
        assert!(outside(7).ends_with("; the first offset is 7"));
    }
}
