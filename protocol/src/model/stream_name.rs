//! What a stream may be called.

use super::limits::STREAM_NAME_BYTES_MAX;
use super::subject::{InvalidSubject, Subject};

/// A valid name of a stream: a native text of at most [`STREAM_NAME_BYTES_MAX`] bytes that follows the
/// grammar of a subject and does not begin with `$`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamName<'a>(&'a [u8]);

/// Why a text is no name of a stream.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum InvalidStreamName {
    /// It is longer than [`STREAM_NAME_BYTES_MAX`].
    #[error("the name is longer than {STREAM_NAME_BYTES_MAX} bytes")]
    TooLong,
    /// Names that begin with `$` are the broker's.
    #[error("names that begin with $ belong to the broker")]
    Reserved,
    /// It breaks a rule that subjects have as well.
    #[error("as a name: {0}")]
    Text(#[from] InvalidSubject),
}

impl<'a> StreamName<'a> {
    /// Takes `text` as a name.
    ///
    /// # Errors
    /// Says what is wrong with it, and where.
    pub fn parse(text: &'a [u8]) -> Result<StreamName<'a>, InvalidStreamName> {
        if text.len() > STREAM_NAME_BYTES_MAX {
            return Err(InvalidStreamName::TooLong);
        }
        if text.first() == Some(&b'$') {
            return Err(InvalidStreamName::Reserved);
        }
        Subject::parse(text)?;
        Ok(StreamName(text))
    }

    /// The text in the native grammar.
    #[must_use]
    pub fn text(self) -> &'a [u8] {
        self.0
    }
}

impl core::fmt::Debug for StreamName<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "StreamName({})", self.0.escape_ascii())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_a_name_and_what_is_not() {
        for good in ["orders", "orders.eu.new", "a-b_c", "%24x", "a$"] {
            assert!(StreamName::parse(good.as_bytes()).is_ok(), "{good}");
        }
        let bad: [(&[u8], InvalidStreamName); 4] = [
            (b"", InvalidStreamName::Text(InvalidSubject::Empty)),
            (b"$offsets", InvalidStreamName::Reserved),
            (b"a..b", InvalidStreamName::Text(InvalidSubject::EmptyToken(2))),
            (b"a.*", InvalidStreamName::Text(InvalidSubject::Wildcard(2, '*'))),
        ];
        for (text, why) in bad {
            assert_eq!(StreamName::parse(text), Err(why), "{}", text.escape_ascii());
        }
        let long = [b'a'; STREAM_NAME_BYTES_MAX + 1];
        assert!(StreamName::parse(&long[1..]).is_ok());
        assert_eq!(StreamName::parse(&long), Err(InvalidStreamName::TooLong));
    }
}
