//! Topics and names of elbus in the native grammar and back (law S31).
//!
//! ```text
//! topic or its mask    /   between levels    +  one level    #  one or more to the end
//! name  or its mask    .   between parts     ?  one part     *  one or more to the end
//! ```
//!
//! A level is any text without a slash and NUL, a part any text without a dot and NUL, also none at
//! all; a token is any bytes. What a level cannot hold is spelled with a percent sign in it, as the
//! native grammar does in its tokens, and what looks like such a spelling gets one `25` more:
//!
//! ```text
//! level   a slash %2F    NUL %00        the token `%2F` is the level `%252F`
//! part    a dot   %2E    NUL %00        the token `%2E` is the part  `%252E`
//! ```
//!
//! So `a/b/c` is the subject `a.b.c`, the topic `v1.2/x` the subject `v1%2E2.x`, and the subject
//! `a/b.c` the topic `a%2Fb/c`: every topic is one subject and every subject one topic. Only where
//! clients of other protocols use subjects that are no UTF-8, which no topic can be, what cannot be
//! shown is shown as U+FFFD.

use crate::model::{Code, decode_token, encode_token, escape, unescape};

/// The name of the client that is the broker itself, in the native grammar.
pub const BROKER_NAME: &[u8] = b"%00.broker";

/// What stands between the name of a primary and what its secondary adds to it.
const SECONDARY_SEPARATOR: &str = "%%";

/// The name of the primary of the client with this name, as elbus writes both; none: it is a primary
/// itself.
#[must_use]
pub fn primary_of(name: &str) -> Option<&str> {
    name.split_once(SECONDARY_SEPARATOR).map(|(primary, _)| primary)
}

/// One of the two ways texts are written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Grammar {
    separator: u8,
    one: &'static [u8],
    rest: &'static [u8],
    /// What a level or part cannot hold.
    codes: &'static [Code],
}

/// How topics and their masks are written.
pub const TOPIC: Grammar =
    Grammar { separator: b'/', one: b"+", rest: b"#", codes: &[(b"2F", b'/'), (b"00", 0)] };

/// How names of clients and their masks are written.
pub const NAME: Grammar =
    Grammar { separator: b'.', one: b"?", rest: b"*", codes: &[(b"2E", b'.'), (b"00", 0)] };

/// Whether a byte means the same to both grammars and the native one wherever it stands.
const fn is_plain(byte: u8) -> bool {
    byte > b' '
        && byte < 0x7F
        && !matches!(byte, b'.' | b'/' | b'%' | b'*' | b'>' | b'+' | b'#' | b'?')
}

/// [`is_plain`] for every byte.
const PLAIN: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < table.len() {
        table[byte] = is_plain(byte as u8);
        byte += 1;
    }
    table
};

impl Grammar {
    /// Appends the native subject of a text, in which wildcards stand for themselves.
    #[inline]
    pub fn subject(self, text: &[u8], native: &mut Vec<u8>) {
        let begin = native.len();
        native.extend_from_slice(text);
        if !change_separators(&mut native[begin..], self.separator, b'.') {
            native.truncate(begin);
            self.subject_slowly(text, native);
        }
    }

    #[cold]
    fn subject_slowly(self, text: &[u8], native: &mut Vec<u8>) {
        for (at, level) in self.levels(text).enumerate() {
            if at > 0 {
                native.push(b'.');
            }
            self.token(level, native);
        }
    }

    /// Appends the native filter of a mask. What stands behind the wildcard for the rest does not
    /// count.
    pub fn filter(self, mask: &[u8], native: &mut Vec<u8>) {
        for (at, level) in self.levels(mask).enumerate() {
            if at > 0 {
                native.push(b'.');
            }
            if level == self.rest {
                return native.push(b'>');
            }
            if level == self.one {
                native.push(b'*');
            } else {
                self.token(level, native);
            }
        }
    }

    /// Whether the text of a native subject is the same but for its separators: then it is as long.
    #[inline]
    #[must_use]
    pub fn is_plain(self, native: &[u8]) -> bool {
        native.iter().all(|byte| PLAIN[usize::from(*byte)] || *byte == b'.')
    }

    /// Writes the text of a native subject that [is plain](Grammar::is_plain) into as many bytes.
    ///
    /// # Panics
    /// If there are not as many.
    #[inline]
    pub fn write_plain(self, native: &[u8], text: &mut [u8]) {
        text.copy_from_slice(native);
        if self.separator != b'.' {
            for byte in text.iter_mut().filter(|byte| **byte == b'.') {
                *byte = self.separator;
            }
        }
    }

    /// Appends the text of a native subject; what is no UTF-8 is shown as U+FFFD.
    pub fn text(self, native: &[u8], text: &mut Vec<u8>) {
        let begin = text.len();
        for (at, spelled) in native.split(|byte| *byte == b'.').enumerate() {
            if at > 0 {
                text.push(self.separator);
            }
            let level = text.len();
            decode_token(spelled, text);
            if text[level..].iter().any(|byte| self.is_escaped(*byte)) {
                let token = text.split_off(level);
                escape(&token, self.codes, text);
            }
        }
        if core::str::from_utf8(&text[begin..]).is_err() {
            let shown = String::from_utf8_lossy(&text[begin..]).into_owned();
            text.truncate(begin);
            text.extend_from_slice(shown.as_bytes());
        }
    }

    /// Whether a level with this byte may have to be spelled in another way.
    fn is_escaped(self, byte: u8) -> bool {
        byte == b'%' || self.codes.iter().any(|(_, plain)| *plain == byte)
    }

    fn levels(self, text: &[u8]) -> impl Iterator<Item = &[u8]> {
        text.split(move |byte| *byte == self.separator)
    }

    /// Appends the native spelling of the token that a level or part stands for.
    fn token(self, level: &[u8], native: &mut Vec<u8>) {
        if !level.contains(&b'%') {
            return encode_token(level, native);
        }
        let mut token = Vec::new();
        unescape(level, self.codes, &mut token);
        encode_token(&token, native);
    }
}

/// Changes one separator into the other, if all else is plain and no level is empty.
#[inline]
fn change_separators(text: &mut [u8], from: u8, to: u8) -> bool {
    let mut level_begins = true;
    for byte in text {
        if *byte == from {
            if level_begins {
                return false;
            }
            *byte = to;
            level_begins = true;
        } else if PLAIN[usize::from(*byte)] {
            level_begins = false;
        } else {
            return false;
        }
    }
    !level_begins
}

/// Fuzz entry: a topic and a name of any text without NUL come back, and so does every subject.
pub fn fuzz_text(bytes: &[u8]) {
    let is_text = core::str::from_utf8(bytes).is_ok();
    for grammar in [TOPIC, NAME] {
        let (mut there, mut back) = (Vec::new(), Vec::new());
        if is_text && !bytes.contains(&0) {
            grammar.subject(bytes, &mut there);
            grammar.text(&there, &mut back);
            assert_eq!(back, bytes, "every text comes back");
        }
        (there, back) = (Vec::new(), Vec::new());
        if is_text && crate::model::Subject::parse(bytes).is_ok() {
            grammar.text(bytes, &mut there);
            grammar.subject(&there, &mut back);
            assert_eq!(back, bytes, "every subject comes back");
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::{Filter, Subject, Visibility};

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

    fn shown(grammar: Grammar, native: &[u8]) -> String {
        let mut text = Vec::new();
        grammar.text(native, &mut text);
        if grammar.is_plain(native) {
            let mut plain = vec![0; native.len()];
            grammar.write_plain(native, &mut plain);
            assert_eq!(plain, text, "both ways agree");
        }
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
            ("a%2Fb/c", "a/b.c"),
            ("a%252Fb", "a%2Fb"),
            ("%00/%2500", "\0.%2500"),
            ("v%2E", "v%252E"),
        ] {
            assert_eq!(subject(TOPIC, text), native);
            assert_eq!(shown(TOPIC, native.as_bytes()), text);
        }
        assert_eq!(filter(TOPIC, "a/+/*/#/b"), "a.*.%2A.>");
        assert_eq!(filter(NAME, "a.?.+.*"), "a.*.+.>");
        for (name, native) in [
            (".broker", "%00.broker"),
            ("a%2Eb.c", "a%2Eb.c"),
            ("a/b%%1", "a/b%%1"),
            ("a%252Eb", "a%252Eb"),
        ] {
            assert_eq!(subject(NAME, name), native);
            assert_eq!(shown(NAME, native.as_bytes()), name);
        }
        assert_eq!(subject(NAME, ".broker").as_bytes(), BROKER_NAME);
    }

    #[test]
    fn what_is_no_utf_8_is_shown_all_the_same() {
        assert_eq!(shown(TOPIC, b"a\xFF.b"), "a\u{FFFD}/b");
    }

    /// Whether a mask matches a text, level by level: what clients of the protocol rely on.
    fn matches(grammar: Grammar, mask: &str, text: &str) -> bool {
        let split = |text: &str| -> Vec<String> {
            text.split(char::from(grammar.separator)).map(str::to_owned).collect()
        };
        let (mask, text) = (split(mask), split(text));
        let rest = mask.iter().position(|level| level.as_bytes() == grammar.rest);
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
        let pieces = [
            "/", ".", "/", ".", "+", "#", "*", "?", ">", " ", "%", "2E", "2F", "00", "25", "a", "",
        ];
        prop::collection::vec(prop::sample::select(pieces.to_vec()), 0..8)
            .prop_map(|parts| parts.concat())
    }

    proptest! {
        /// Every topic is one subject, and every name.
        #[test]
        fn s31_every_text_comes_back(text in prop_oneof![tricky(), "[^\0]{0,20}"]) {
            for grammar in [TOPIC, NAME] {
                let native = subject(grammar, &text);
                prop_assert!(Subject::parse(native.as_bytes()).is_ok(), "{native}");
                prop_assert_eq!(shown(grammar, native.as_bytes()), text.clone());
            }
        }

        /// Every subject that is text is one topic, and one name: with the one above, a bijection.
        #[test]
        fn s31_every_subject_is_the_subject_of_one_text(
            native in prop_oneof![tricky(), "\\PC{0,20}", "[a./%250EF\0]{1,12}"],
        ) {
            prop_assume!(Subject::parse(native.as_bytes()).is_ok());
            for grammar in [TOPIC, NAME] {
                let text = shown(grammar, native.as_bytes());
                prop_assert!(!text.contains('\0'), "{text:?} would end a field of a frame");
                prop_assert_eq!(subject(grammar, &text), native.clone());
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
