//! Where a message goes: a list of tokens, written in the native grammar.

use super::filter::Filter;
use super::flags::Visibility;
use super::limits::{SUBJECT_BYTES_MAX, SUBJECT_TOKENS_MAX};

/// A valid subject in the native grammar: tokens of bytes with `.` between them.
///
/// Valid means: 1 to [`SUBJECT_BYTES_MAX`] bytes; 1 to [`SUBJECT_TOKENS_MAX`] tokens, none of them
/// empty; no space, tab, line feed or carriage return; no token that is a wildcard (`*`, `>`).
/// Other bytes stand for themselves; what cannot stand here has an escape
/// ([`encode_token`](super::encode_token)).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Subject<'a>(&'a [u8]);

/// Which kind of subject this is, for the visibility of wildcards (law S31).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SubjectClass {
    /// Nothing special.
    Plain,
    /// The first token begins with `$` and is neither `$NAME` nor `$SYS`: it belongs to a service.
    System,
    /// The first token is `$NAME` or `$SYS`: it goes to the client of that name, or to the broker
    /// itself. No wildcard sees it.
    Reserved,
    /// The first token is `_INBOX`: it is where somebody waits for replies.
    Inbox,
    /// The first token is `.broker`, spelled `%2Ebroker`: an announcement of an elbus broker.
    Broker,
}

/// Why a text is not a subject.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum InvalidSubject {
    /// There is no byte at all.
    #[error("the subject is empty")]
    Empty,
    /// More than [`SUBJECT_BYTES_MAX`] bytes.
    #[error("the subject is longer than {SUBJECT_BYTES_MAX} bytes")]
    TooLong,
    /// More than [`SUBJECT_TOKENS_MAX`] tokens.
    #[error("the subject has more than {SUBJECT_TOKENS_MAX} tokens")]
    TooManyTokens,
    /// Two dots in a row, or a dot at the beginning or the end.
    #[error("the subject has an empty token at byte {0}; an empty token is written %00")]
    EmptyToken(usize),
    /// White space.
    #[error("the subject has white space at byte {0}; a space is written %20")]
    WhiteSpace(usize),
    /// A token that is a wildcard: nothing can be published to it.
    #[error("the subject has the wildcard {1} at byte {0}; nothing can be published to a wildcard")]
    Wildcard(usize, char),
}

impl<'a> Subject<'a> {
    /// Takes `text` as a subject.
    ///
    /// # Errors
    /// Says what is wrong with it, and where.
    pub fn parse(text: &'a [u8]) -> Result<Subject<'a>, InvalidSubject> {
        check_text(text)?;
        let mut at = 0;
        for token in text.split(|byte| *byte == b'.') {
            match token {
                b"*" => return Err(InvalidSubject::Wildcard(at, '*')),
                b">" => return Err(InvalidSubject::Wildcard(at, '>')),
                _ => at += token.len() + 1,
            }
        }
        Ok(Subject(text))
    }

    /// The text in the native grammar.
    #[must_use]
    pub fn text(self) -> &'a [u8] {
        self.0
    }

    /// The texts of its tokens, first to last.
    pub fn tokens(self) -> impl Iterator<Item = &'a [u8]> + Clone {
        self.0.split(|byte| *byte == b'.')
    }

    /// Which kind of subject it is.
    #[must_use]
    pub fn class(self) -> SubjectClass {
        match self.tokens().next() {
            Some(b"$NAME" | b"$SYS") => SubjectClass::Reserved,
            Some(token) if token.first() == Some(&b'$') => SubjectClass::System,
            Some(b"_INBOX") => SubjectClass::Inbox,
            Some(b"%2Ebroker") => SubjectClass::Broker,
            Some(_) | None => SubjectClass::Plain,
        }
    }
}

impl core::fmt::Debug for Subject<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Subject({})", self.0.escape_ascii())
    }
}

/// The rules that subjects and filters share: everything but wildcards.
pub(super) fn check_text(text: &[u8]) -> Result<(), InvalidSubject> {
    if text.is_empty() {
        return Err(InvalidSubject::Empty);
    }
    if text.len() > SUBJECT_BYTES_MAX {
        return Err(InvalidSubject::TooLong);
    }
    let mut tokens = 1;
    let mut token_begin = 0;
    for (at, byte) in text.iter().enumerate() {
        match byte {
            b' ' | b'\t' | b'\n' | b'\r' => return Err(InvalidSubject::WhiteSpace(at)),
            b'.' if at == token_begin => return Err(InvalidSubject::EmptyToken(at)),
            b'.' => {
                tokens += 1;
                token_begin = at + 1;
            }
            _ => {}
        }
    }
    if token_begin == text.len() {
        return Err(InvalidSubject::EmptyToken(token_begin));
    }
    if tokens > SUBJECT_TOKENS_MAX {
        return Err(InvalidSubject::TooManyTokens);
    }
    Ok(())
}

/// Fuzz entry: any bytes are refused, or are a subject whose tokens joined by dots are the very same
/// bytes, and which is also a filter without wildcards.
pub fn fuzz_subject(bytes: &[u8]) {
    let Ok(subject) = Subject::parse(bytes) else { return };
    let tokens: Vec<_> = subject.tokens().collect();
    assert!(tokens.len() <= SUBJECT_TOKENS_MAX && tokens.iter().all(|token| !token.is_empty()));
    assert_eq!(tokens.join(&b'.'), bytes, "the tokens are the text");
    let filter = Filter::parse(bytes).expect("a subject is a filter");
    assert_eq!(filter.literal(), Some(subject), "a subject has no wildcard");
    assert!(filter.matches(subject, Visibility::PLAIN), "a subject matches itself");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_a_subject_and_what_is_not() {
        for good in ["a", "a.b.c", "a.b*r.>x", "$SYS.x", "_INBOX.1", "100%.%2E", "\u{e9}.\u{7f}"] {
            assert!(Subject::parse(good.as_bytes()).is_ok(), "{good}");
        }
        let bad: [(&[u8], InvalidSubject); 8] = [
            (b"", InvalidSubject::Empty),
            (b".", InvalidSubject::EmptyToken(0)),
            (b"a.", InvalidSubject::EmptyToken(2)),
            (b"a..b", InvalidSubject::EmptyToken(2)),
            (b"a b", InvalidSubject::WhiteSpace(1)),
            (b"a\r\n", InvalidSubject::WhiteSpace(1)),
            (b"a.*.b", InvalidSubject::Wildcard(2, '*')),
            (b"a.b.>", InvalidSubject::Wildcard(4, '>')),
        ];
        for (text, why) in bad {
            assert_eq!(Subject::parse(text), Err(why), "{}", text.escape_ascii());
        }
    }

    #[test]
    fn limits_are_exact() {
        let long = vec![b'a'; SUBJECT_BYTES_MAX + 1];
        assert!(Subject::parse(&long[1..]).is_ok());
        assert_eq!(Subject::parse(&long), Err(InvalidSubject::TooLong));
        let many = vec!["a"; SUBJECT_TOKENS_MAX + 1].join(".");
        assert!(Subject::parse(&many.as_bytes()[2..]).is_ok());
        assert_eq!(Subject::parse(many.as_bytes()), Err(InvalidSubject::TooManyTokens));
    }

    #[test]
    fn classes() {
        let class = |text: &'static str| {
            Subject::parse(text.as_bytes()).expect("the text is a subject").class()
        };
        assert_eq!(class("orders.new"), SubjectClass::Plain);
        assert_eq!(class("$SRV.PING"), SubjectClass::System);
        assert_eq!(class("$NAMES.a"), SubjectClass::System);
        assert_eq!(class("$NAME.a"), SubjectClass::Reserved);
        assert_eq!(class("$SYS.COUNTERS"), SubjectClass::Reserved);
        assert_eq!(class("$SYSTEM.a"), SubjectClass::System);
        assert_eq!(class("_INBOX.7"), SubjectClass::Inbox);
        assert_eq!(class("_INBOXES.7"), SubjectClass::Plain);
        assert_eq!(class("%2Ebroker.info"), SubjectClass::Broker);
    }
}
