//! Which subjects a subscription wants: a subject with wildcards.

use super::flags::Visibility;
use super::subject::{InvalidSubject, Subject, SubjectClass, check_text};

/// A valid filter in the native grammar.
///
/// Like a subject, but a token may be `*`, which matches exactly one token, and the last token may
/// be `>`, which matches one or more. A wildcard is a whole token: `a*` is literal.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Filter<'a>(&'a [u8]);

/// One token of a filter.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FilterToken<'a> {
    /// Exactly this token.
    Literal(&'a [u8]),
    /// `*`: exactly one token, whatever it is.
    One,
    /// `>`: one or more tokens to the end.
    Rest,
}

/// Why a text is not a filter.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum InvalidFilter {
    /// It breaks a rule that subjects have as well.
    #[error("as a filter: {0}")]
    Text(#[from] InvalidSubject),
    /// `>` is not the last token.
    #[error("the filter has > at byte {0}, and > is only allowed as the last token")]
    RestNotLast(usize),
}

impl<'a> Filter<'a> {
    /// Takes `text` as a filter.
    ///
    /// # Errors
    /// Says what is wrong with it, and where.
    pub fn parse(text: &'a [u8]) -> Result<Filter<'a>, InvalidFilter> {
        check_text(text)?;
        let mut at = 0;
        for token in text.split(|byte| *byte == b'.') {
            if token == b">" && at + 1 != text.len() {
                return Err(InvalidFilter::RestNotLast(at));
            }
            at += token.len() + 1;
        }
        Ok(Filter(text))
    }

    /// The text in the native grammar.
    #[must_use]
    pub fn text(self) -> &'a [u8] {
        self.0
    }

    /// Its tokens, first to last.
    pub fn tokens(self) -> impl Iterator<Item = FilterToken<'a>> + Clone {
        self.0.split(|byte| *byte == b'.').map(|token| match token {
            b"*" => FilterToken::One,
            b">" => FilterToken::Rest,
            literal => FilterToken::Literal(literal),
        })
    }

    /// The subject this filter names, if it has no wildcard.
    #[must_use]
    pub fn literal(self) -> Option<Subject<'a>> {
        Subject::parse(self.0).ok()
    }

    /// Whether its first token is a wildcard, so that visibility matters.
    #[must_use]
    pub fn begins_wild(self) -> bool {
        !matches!(self.tokens().next(), Some(FilterToken::Literal(_)))
    }

    /// Whether `subject` matches, token by token: the definition that the router's trie must agree
    /// with.
    #[must_use]
    pub fn matches(self, subject: Subject<'_>, visibility: Visibility) -> bool {
        if self.begins_wild() && !visibility.shows(subject.class()) {
            return false;
        }
        let mut wanted = self.tokens();
        let mut given = subject.tokens();
        // Ends because every step takes a token of the filter.
        loop {
            match (wanted.next(), given.next()) {
                (Some(FilterToken::Rest), Some(_)) | (None, None) => return true,
                (Some(FilterToken::One), Some(_)) => {}
                (Some(FilterToken::Literal(want)), Some(have)) if want == have => {}
                (Some(_), _) | (None, Some(_)) => return false,
            }
        }
    }
}

impl FilterToken<'_> {
    /// Whether it stands for more than itself.
    #[must_use]
    pub fn is_wild(self) -> bool {
        match self {
            FilterToken::Literal(_) => false,
            FilterToken::One | FilterToken::Rest => true,
        }
    }
}

impl core::fmt::Debug for Filter<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Filter({})", self.0.escape_ascii())
    }
}

impl Visibility {
    /// Whether a leading wildcard may match a subject of this class.
    #[must_use]
    pub fn shows(self, class: SubjectClass) -> bool {
        match class {
            SubjectClass::Plain => true,
            SubjectClass::Reserved => false,
            SubjectClass::System => self.contains(Visibility::SYSTEM),
            SubjectClass::Inbox => self.contains(Visibility::INBOX),
            SubjectClass::Broker => self.contains(Visibility::BROKER),
        }
    }
}

/// Fuzz entry: the first byte cuts the rest into a filter and a subject; both are refused or read
/// back, and matching them never panics and agrees with what the wildcards say about tokens.
pub fn fuzz_filter(bytes: &[u8]) {
    let Some((&cut, bytes)) = bytes.split_first() else { return };
    let (filter, subject) = bytes.split_at(usize::from(cut).min(bytes.len()));
    let Ok(filter) = Filter::parse(filter) else { return };
    assert!(filter.literal().is_none() == filter.tokens().any(FilterToken::is_wild));
    let Ok(subject) = Subject::parse(subject) else { return };
    let (wanted, given) = (filter.tokens().count(), subject.tokens().count());
    let open_ended = filter.tokens().last() == Some(FilterToken::Rest);
    if filter.matches(subject, Visibility::ALL) {
        assert!(if open_ended { wanted <= given } else { wanted == given });
    }
    if filter.matches(subject, Visibility::PLAIN) {
        assert!(filter.matches(subject, Visibility::ALL), "who sees more matches more");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(filter: &str, subject: &str, visibility: Visibility) -> bool {
        let filter = Filter::parse(filter.as_bytes()).expect("the text is a filter");
        let subject = Subject::parse(subject.as_bytes()).expect("the text is a subject");
        filter.matches(subject, visibility)
    }

    #[test]
    fn the_grammar() {
        for (filter, subject, expected) in [
            ("a.b", "a.b", true),
            ("a.b", "a.b.c", false),
            ("a.b.c", "a.b", false),
            ("a.*", "a.b", true),
            ("a.*", "a", false),
            ("a.*", "a.b.c", false),
            ("*.*", "a.b", true),
            ("a.>", "a.b", true),
            ("a.>", "a.b.c.d", true),
            ("a.>", "a", false),
            (">", "a", true),
            ("*.b.>", "a.b.c", true),
            ("a*", "a*", true),
            ("a*", "ab", false),
            ("a.%2A", "a.b", false),
        ] {
            assert_eq!(matches(filter, subject, Visibility::PLAIN), expected, "{filter} {subject}");
        }
    }

    #[test]
    fn s31_leading_wildcards_see_what_they_may() {
        for (subject, flag) in [
            ("$SRV.x", Visibility::SYSTEM),
            ("_INBOX.x", Visibility::INBOX),
            ("%2Ebroker.x", Visibility::BROKER),
        ] {
            for filter in [">", "*.x", "*.*"] {
                assert!(!matches(filter, subject, Visibility::PLAIN), "{filter} {subject}");
                assert!(matches(filter, subject, flag), "{filter} {subject}");
            }
        }
        for filter in [">", "*.x", "*.>"] {
            assert!(!matches(filter, "$NAME.x", Visibility::ALL), "{filter}: S16");
            assert!(!matches(filter, "$SYS.x", Visibility::ALL), "{filter}: the broker's own");
        }
        assert!(matches("$SRV.>", "$SRV.x", Visibility::PLAIN));
        assert!(matches("_INBOX.*", "_INBOX.x", Visibility::PLAIN));
    }

    #[test]
    fn what_is_no_filter() {
        for bad in ["", "a..b", "a.>.b", ">.a", "a b", "a."] {
            assert!(Filter::parse(bad.as_bytes()).is_err(), "{bad}");
        }
        for good in ["*", ">", "*.>", "a.*.b", "a>.b"] {
            assert!(Filter::parse(good.as_bytes()).is_ok(), "{good}");
        }
    }
}
