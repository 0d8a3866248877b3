//! Why a call failed, in the words that C reads.

use std::ffi::CString;

use coilgun_client::ClientError;
use coilgun_protocol::model::InvalidHeaders;

use crate::code::Code;

/// Why a call failed.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) code: Code,
    /// Number of the reason in the broker's table of errors, or the one that a handler gave; 0: none.
    pub(crate) broker_code: u16,
    pub(crate) is_retryable: bool,
    pub(crate) is_fatal: bool,
    pub(crate) message: CString,
    pub(crate) name: CString,
    pub(crate) help: CString,
}

impl Failure {
    /// An argument that cannot be used.
    pub(crate) fn argument(message: &str) -> Failure {
        let help = "Compare the call with the header it was compiled with.";
        Failure::own(Code::CoilgunErrorInvalidArgument, "invalid_argument", message, help)
    }

    /// Another call with the same handle is under way.
    pub(crate) fn busy(what: &str) -> Failure {
        let message = format!("another thread is in a call with this {what}");
        let help = "Give each thread a client of its own, or let them take turns.";
        Failure {
            is_retryable: true,
            ..Failure::own(Code::CoilgunErrorBusy, "busy", &message, help)
        }
    }

    /// A call ended in a panic with these words.
    pub(crate) fn panicked(words: &str) -> Failure {
        let message = format!("a mistake in the library: {words}");
        let help = "Free the handle, make a new one, and report these words.";
        let failure = Failure::own(Code::CoilgunErrorPanic, "panic", &message, help);
        Failure { is_fatal: true, ..failure }
    }

    /// An earlier call with this handle ended in a panic.
    pub(crate) fn poisoned(what: &str) -> Failure {
        let message = format!("an earlier call with this {what} ended half way");
        let help = "Free the handle and make a new one.";
        let failure = Failure::own(Code::CoilgunErrorPoisoned, "poisoned", &message, help);
        Failure { is_fatal: true, ..failure }
    }

    /// A reply to a message that wants none.
    pub(crate) fn no_reply_wanted() -> Failure {
        let message = "the message names no subject for replies";
        let help = "Reply to requests only: coilgun_message_reply tells whether one is wanted.";
        Failure::own(Code::CoilgunErrorNoReplyWanted, "no_reply_wanted", message, help)
    }

    fn own(code: Code, name: &str, message: &str, help: &str) -> Failure {
        Failure {
            code,
            broker_code: 0,
            is_retryable: false,
            is_fatal: false,
            message: for_c(message),
            name: for_c(name),
            help: for_c(help),
        }
    }
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Failure {
        let said = match &error {
            // These may have numbers that only a newer version knows.
            ClientError::Refused { code, .. } => Some(*code),
            ClientError::Ended(said) => Some(said.code),
            ClientError::Handler { code, .. } => Some(*code),
            ClientError::Address(_)
            | ClientError::Connect { .. }
            | ClientError::Io(_)
            | ClientError::Protocol(_)
            | ClientError::InvalidSubject { .. }
            | ClientError::InvalidFilter { .. }
            | ClientError::InvalidHeaders(_)
            | ClientError::PayloadTooLarge { .. }
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
            | ClientError::Closed => None,
        };
        Failure {
            code: Code::of(&error),
            broker_code: said.unwrap_or_else(|| error.code().map_or(0, |code| code as u16)),
            is_retryable: error.is_retryable(),
            is_fatal: error.is_fatal(),
            message: for_c(&error.to_string()),
            name: for_c(error.name()),
            help: for_c(error.help()),
        }
    }
}

impl From<InvalidHeaders> for Failure {
    fn from(error: InvalidHeaders) -> Failure {
        Failure::from(ClientError::from(error))
    }
}

/// The text with an end that C finds: a broker may have sent NUL bytes within it.
fn for_c(text: &str) -> CString {
    let text = text.replace('\0', "\u{fffd}");
    CString::new(text).expect("every NUL was replaced")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nul_in_the_words_of_a_broker_does_not_cut_them_off() {
        let failure = Failure::argument("a\0b");
        assert_eq!(failure.message.to_str(), Ok("a\u{fffd}b"));
    }
}
