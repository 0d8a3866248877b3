//! Texts of the binary protocol into the native grammar and back (law S31).
//!
//! ```text
//! topic or its mask    /   between levels    +  one level    #  one or more to the end
//! name  or its mask    .   between parts     ?  one part     *  one or more to the end
//! ```
//!
//! Levels and parts are any bytes but the separator and NUL, also none at all; what the native
//! grammar cannot spell it escapes. That way is a bijection onto the native texts it produces. The
//! other way, a native token may hold what no text here can: a separator or NUL. Those two bytes
//! are shown as `%2F`, `%2E` or `%00`, so that they never end a level or a field of a frame; a text
//! that really holds these three letters looks the same, which a gateway has to settle.

use coilgun_protocol::model::{decode_token, encode_token};

/// One of the two ways texts are written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Grammar {
    separator: u8,
    one: &'static [u8],
    rest: &'static [u8],
}

/// How topics and their masks are written.
pub(super) const TOPIC: Grammar = Grammar { separator: b'/', one: b"+", rest: b"#" };
/// How names of clients and their masks are written.
pub(super) const NAME: Grammar = Grammar { separator: b'.', one: b"?", rest: b"*" };

impl Grammar {
    /// Appends the native subject of a text, in which wildcards stand for themselves.
    pub(super) fn subject(self, text: &[u8], native: &mut Vec<u8>) {
        for (at, token) in text.split(|byte| *byte == self.separator).enumerate() {
            if at > 0 {
                native.push(b'.');
            }
            encode_token(token, native);
        }
    }

    /// Appends the native filter of a mask. What stands behind the wildcard for the rest does not
    /// count.
    pub(super) fn filter(self, mask: &[u8], native: &mut Vec<u8>) {
        for (at, token) in mask.split(|byte| *byte == self.separator).enumerate() {
            if at > 0 {
                native.push(b'.');
            }
            if token == self.rest {
                return native.push(b'>');
            }
            if token == self.one {
                native.push(b'*');
            } else {
                encode_token(token, native);
            }
        }
    }

    /// Appends the text of a native subject.
    pub(super) fn text(self, native: &[u8], text: &mut Vec<u8>) {
        let mut token = Vec::new();
        for (at, spelled) in native.split(|byte| *byte == b'.').enumerate() {
            if at > 0 {
                text.push(self.separator);
            }
            token.clear();
            decode_token(spelled, &mut token);
            for byte in &token {
                if *byte == self.separator || *byte == 0 {
                    text.extend_from_slice(format!("%{byte:02X}").as_bytes());
                } else {
                    text.push(*byte);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use coilgun_protocol::model::{Filter, Subject, Visibility};
    use proptest::prelude::*;

    use super::*;

    fn subject(grammar: Grammar, text: &str) -> String {
        let mut native = Vec::new();
        grammar.subject(text.as_bytes(), &mut native);
        String::from_utf8(native).expect("the text is text")
    }

    fn filter(grammar: Grammar, mask: &str) -> String {
        let mut native = Vec::new();
        grammar.filter(mask.as_bytes(), &mut native);
        String::from_utf8(native).expect("the text is text")
    }

    fn shown(grammar: Grammar, native: &str) -> String {
        let mut text = Vec::new();
        grammar.text(native.as_bytes(), &mut text);
        String::from_utf8(text).expect("the text is text")
    }

    #[test]
    fn s31_examples() {
        for (text, native) in [
            ("x/1", "x.1"),
            ("unit/v1.2/a b", "unit.v1%2E2.a%20b"),
            (".broker/info", "%2Ebroker.info"),
            ("a//b/", "a.%00.b.%00"),
            ("", "%00"),
            ("*/>/+/#", "%2A.%3E.+.#"),
        ] {
            assert_eq!(subject(TOPIC, text), native);
            assert_eq!(shown(TOPIC, native), text);
        }
        assert_eq!(filter(TOPIC, "a/+/*/#/b"), "a.*.%2A.>");
        assert_eq!(subject(NAME, ".broker"), "%00.broker");
        assert_eq!(filter(NAME, "a.?.+.*"), "a.*.+.>");
        assert_eq!(shown(NAME, "%00.broker"), ".broker");
    }

    #[test]
    fn what_no_text_can_hold_ends_no_level_and_no_field() {
        assert_eq!(shown(TOPIC, "a/b.c\0d"), "a%2Fb/c%00d");
        assert_eq!(shown(NAME, "a%2Eb.c"), "a%2Eb.c");
    }

    /// Whether a mask matches a text, level by level: what clients of the protocol rely on.
    fn matches(grammar: Grammar, mask: &str, text: &str) -> bool {
        let split = |text: &str| -> Vec<String> {
            text.split(char::from(grammar.separator)).map(str::to_owned).collect()
        };
        let (mask, text) = (split(mask), split(text));
        let rest = mask.iter().position(|token| token.as_bytes() == grammar.rest);
        let wanted = &mask[..rest.unwrap_or(mask.len())];
        let long_enough = match rest {
            Some(_) => text.len() > wanted.len(),
            None => text.len() == wanted.len(),
        };
        long_enough
            && wanted
                .iter()
                .zip(&text)
                .all(|(want, have)| want.as_bytes() == grammar.one || want == have)
    }

    /// Texts made of what is likely to collide with either grammar.
    fn tricky() -> impl Strategy<Value = String> {
        let pieces = ["/", ".", "/", ".", "+", "#", "*", "?", ">", " ", "%", "2E", "00", "a", ""];
        prop::collection::vec(prop::sample::select(pieces.to_vec()), 0..8)
            .prop_map(|parts| parts.concat())
    }

    proptest! {
        #[test]
        fn s31_every_text_comes_back(text in prop_oneof![tricky(), "[^\0]{0,20}"]) {
            for grammar in [TOPIC, NAME] {
                let native = subject(grammar, &text);
                prop_assert!(Subject::parse(native.as_bytes()).is_ok(), "{native}");
                prop_assert_eq!(shown(grammar, &native), text.clone());
            }
        }

        #[test]
        fn s31_masks_match_as_their_native_filters_do(mask in tricky(), text in tricky()) {
            for grammar in [TOPIC, NAME] {
                let (native_mask, native) = (filter(grammar, &mask), subject(grammar, &text));
                let filter = Filter::parse(native_mask.as_bytes());
                let subject = Subject::parse(native.as_bytes());
                let (Ok(filter), Ok(subject)) = (filter, subject) else {
                    return Err(TestCaseError::fail(format!("{native_mask} {native}")));
                };
                let expected = matches(grammar, &mask, &text);
                prop_assert_eq!(filter.matches(subject, Visibility::ALL), expected);
            }
        }
    }
}
