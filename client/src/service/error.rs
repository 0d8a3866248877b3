//! How a service says that a request failed.

use coilgun_protocol::model::InvalidHeaders;

use crate::message::{HANDLER_ERROR, HANDLER_ERROR_CODE, Message};
use crate::publication::Publication;

/// The longest text that is told, in bytes: it travels in a header and stands in statistics.
const TEXT_BYTES_MAX: usize = 1024;
/// The number of a failure that says no number that can be read.
const CODE_UNKNOWN: u16 = 500;

/// What a service answers when it cannot do what it was asked for.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{code}:{text}")]
pub struct ServiceError {
    code: u16,
    text: String,
}

impl ServiceError {
    /// A failure with this number, by custom one of HTTP, and this text. A text is one line of at
    /// most 1,024 bytes: what is longer is cut, and control characters become spaces.
    #[must_use]
    pub fn new(code: u16, text: impl AsRef<str>) -> ServiceError {
        let text = text.as_ref();
        let text = &text[..text.floor_char_boundary(TEXT_BYTES_MAX)];
        let text = text.chars().map(|it| if it.is_control() { ' ' } else { it }).collect();
        ServiceError { code, text }
    }

    /// Its number.
    #[must_use]
    pub fn code(&self) -> u16 {
        self.code
    }

    /// What went wrong.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The failure that a reply tells of, if it does.
    #[must_use]
    pub fn of(reply: &Message) -> Option<ServiceError> {
        let text = reply.header(HANDLER_ERROR);
        let code = reply.header(HANDLER_ERROR_CODE);
        if text.is_none() && code.is_none() {
            return None;
        }
        let code = code.and_then(|code| core::str::from_utf8(code).ok()?.trim().parse().ok());
        let text = String::from_utf8_lossy(text.unwrap_or_default());
        Some(ServiceError::new(code.unwrap_or(CODE_UNKNOWN), text))
    }

    /// The same reply with the headers that tell of this failure.
    ///
    /// # Errors
    /// If the reply has no room for more headers.
    pub fn in_reply<'a>(&self, reply: Publication<'a>) -> Result<Publication<'a>, InvalidHeaders> {
        let reply = reply.with_header(HANDLER_ERROR, self.text.as_bytes())?;
        reply.with_header(HANDLER_ERROR_CODE, self.code.to_string().as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_one_line_of_bounded_length() {
        let error = ServiceError::new(404, format!("no\r\n{}", "\u{e9}".repeat(600)));
        assert_eq!(error.text().len(), 1024);
        assert!(error.text().starts_with("no  \u{e9}"), "{error}");
        assert_eq!(ServiceError::new(400, "bad").to_string(), "400:bad");
    }
}
