//! How requests are served, and what their handlers answer; the same for every client.

use crate::subscription::SubscribeOptions;

/// The longest text of an error that is told, in bytes: it travels in a header.
#[cfg(any(feature = "async", feature = "blocking"))]
const TEXT_BYTES_MAX: usize = 1024;

/// How requests are served.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ServeOptions {
    /// How the messages are received: queue group, credit, and what waits while all handlers are busy.
    pub subscribe: SubscribeOptions,
    /// How many requests are handled at once; at least 1. A blocking client handles one after the
    /// other, whatever this says.
    pub concurrency_max: usize,
}

impl Default for ServeOptions {
    /// Without a queue group, 256 at once.
    fn default() -> Self {
        ServeOptions { subscribe: SubscribeOptions::default(), concurrency_max: 256 }
    }
}

impl ServeOptions {
    /// The same as a member of this queue group, whose members share the requests.
    #[must_use]
    pub fn with_queue_group(mut self, name: impl Into<String>) -> ServeOptions {
        self.subscribe = self.subscribe.with_queue_group(name);
        self
    }

    /// The same with at most so many requests at once.
    ///
    /// # Panics
    /// If that is none.
    #[must_use]
    pub fn with_concurrency_max(mut self, concurrency_max: usize) -> ServeOptions {
        assert!(concurrency_max > 0, "whoever serves handles at least one request at once");
        self.concurrency_max = concurrency_max;
        self
    }
}

/// What a handler answers.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Reply {
    payload: Vec<u8>,
    headers: Vec<(String, Vec<u8>)>,
}

impl Reply {
    /// A reply with this payload.
    #[must_use]
    pub fn new(payload: impl Into<Vec<u8>>) -> Reply {
        Reply { payload: payload.into(), headers: Vec::new() }
    }

    /// The same with one header more. One that cannot be sent is an error to whoever asked.
    #[must_use]
    pub fn with_header(mut self, name: impl Into<String>, value: impl Into<Vec<u8>>) -> Reply {
        self.headers.push((name.into(), value.into()));
        self
    }
}

/// Why a handler could not do what was asked. Whoever asked gets
/// [`ClientError::Handler`](crate::ClientError::Handler).
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{text} (error {code})")]
pub struct HandlerError {
    /// A number for programs; those of HTTP are the custom.
    pub code: u16,
    /// What went wrong, for people. On its way it is cut after 1,024 bytes, and control characters
    /// become spaces.
    pub text: String,
}

impl HandlerError {
    /// A failure with this number and text.
    #[must_use]
    pub fn new(code: u16, text: impl Into<String>) -> HandlerError {
        HandlerError { code, text: text.into() }
    }
}

#[cfg(any(feature = "async", feature = "blocking"))]
mod sending {
    use super::{HandlerError, Reply, TEXT_BYTES_MAX};
    use crate::error::ClientError;
    use crate::message::{HANDLER_ERROR, HANDLER_ERROR_CODE};
    use crate::publication::Publication;

    impl Reply {
        /// The message with all that is in the reply.
        pub(crate) fn fill<'a>(
            &'a self,
            to: Publication<'a>,
        ) -> Result<Publication<'a>, ClientError> {
            let mut headers = self.headers.iter();
            let to = to.with_payload(&self.payload);
            Ok(headers.try_fold(to, |to, (name, value)| to.with_header(name, value))?)
        }
    }

    impl HandlerError {
        /// The message with the headers that tell the error.
        pub(crate) fn fill<'a>(&self, to: Publication<'a>) -> Result<Publication<'a>, ClientError> {
            let text = &self.text[..self.text.floor_char_boundary(TEXT_BYTES_MAX)];
            // A header is one line.
            let text: String =
                text.chars().map(|it| if it.is_control() { ' ' } else { it }).collect();
            let to = to.with_header(HANDLER_ERROR, text.as_bytes())?;
            Ok(to.with_header(HANDLER_ERROR_CODE, self.code.to_string().as_bytes())?)
        }
    }
}
