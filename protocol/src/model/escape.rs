//! Tokens of any bytes, written in the native grammar.
//!
//! A subject is a list of tokens, and a token is any string of bytes, also an empty one (law S31).
//! The native grammar writes that list as text with `.` between the tokens, which leaves a few
//! bytes and three whole tokens without a spelling. They are spelled with a percent sign and two
//! upper-case hexadecimal digits:
//!
//! ```text
//! inside a token    .   %2E    space %20    tab %09    line feed %0A    carriage return %0D
//! a whole token     *   %2A    >     %3E    the empty token %00
//! ```
//!
//! Any other text stands for itself, percent signs included, so that nearly every text is its own
//! spelling. A token that *looks* like an escape gets one `25` more behind its percent sign:
//! the token `%2E` is written `%252E`, the token `%252E` is written `%25252E`.
//!
//! Invariant: [`encode_token`] and [`decode_token`] are inverse to each other over all byte
//! strings on one side and all token texts of the grammar on the other.

/// Codes of bytes that cannot stand inside a token.
const INSIDE: [Code; 5] =
    [(b"2E", b'.'), (b"20", b' '), (b"09", b'\t'), (b"0A", b'\n'), (b"0D", b'\r')];

/// Two hexadecimal digits behind a percent sign, and the byte they stand for.
pub(crate) type Code = (&'static [u8; 2], u8);

/// Codes of tokens that cannot stand as they are.
const WHOLE: [(&[u8; 2], &[u8]); 3] = [(b"2A", b"*"), (b"3E", b">"), (b"00", b"")];

/// Appends the text of `token` in the native grammar to `text`.
pub fn encode_token(token: &[u8], text: &mut Vec<u8>) {
    if let Some((code, _)) = WHOLE.iter().find(|(_, whole)| *whole == token) {
        text.push(b'%');
        text.extend_from_slice(*code);
        return;
    }
    if whole_escape(token).is_some() {
        text.extend_from_slice(b"%25");
        text.extend_from_slice(&token[1..]);
        return;
    }
    escape(token, &INSIDE, text);
}

/// Appends `token` with these codes in the place of their bytes, and with one `25` more behind the
/// percent sign of whatever looks like one of them.
pub(crate) fn escape(token: &[u8], codes: &[Code], text: &mut Vec<u8>) {
    for (at, &byte) in token.iter().enumerate() {
        if let Some((code, _)) = codes.iter().find(|(_, plain)| *plain == byte) {
            text.push(b'%');
            text.extend_from_slice(*code);
        } else {
            text.push(byte);
            if inside_escape(&token[at..], codes).is_some() {
                text.extend_from_slice(b"25");
            }
        }
    }
}

/// Appends the bytes of the token that `text` spells to `token`.
///
/// `text` is one token of a subject or filter: without `.`, and not a wildcard.
pub fn decode_token(text: &[u8], token: &mut Vec<u8>) {
    if let Some((depth, whole)) = whole_escape(text) {
        if depth == 0 {
            token.extend_from_slice(whole);
        } else {
            token.push(b'%');
            token.extend_from_slice(&text[3..]);
        }
        return;
    }
    unescape(text, &INSIDE, token);
}

/// Appends what [`escape`] made this text of with the same codes.
pub(crate) fn unescape(text: &[u8], codes: &[Code], token: &mut Vec<u8>) {
    let mut rest = text;
    // Ends because every step takes a byte at least.
    while let Some((&byte, tail)) = rest.split_first() {
        match inside_escape(rest, codes) {
            Some((0, plain)) => {
                token.push(plain);
                rest = &rest[3..];
            }
            Some(_) => {
                token.push(b'%');
                rest = &rest[3..];
            }
            None => {
                token.push(byte);
                rest = tail;
            }
        }
    }
}

/// How many `25` follow the percent sign `text` begins with, and what is behind them.
fn stuffing(text: &[u8]) -> Option<(usize, &[u8])> {
    let mut rest = text.strip_prefix(b"%")?;
    let mut depth = 0;
    while let Some(tail) = rest.strip_prefix(b"25") {
        rest = tail;
        depth += 1;
    }
    Some((depth, rest))
}

/// Whether `text` begins with an escape for inside a token: its depth and its byte.
fn inside_escape(text: &[u8], codes: &[Code]) -> Option<(usize, u8)> {
    let (depth, rest) = stuffing(text)?;
    let (_, plain) = codes.iter().find(|(code, _)| rest.starts_with(*code))?;
    Some((depth, *plain))
}

/// Whether `text` is an escape of a whole token: its depth and that token.
fn whole_escape(text: &[u8]) -> Option<(usize, &'static [u8])> {
    let (depth, rest) = stuffing(text)?;
    let (_, whole) = WHOLE.iter().find(|(code, _)| rest == *code)?;
    Some((depth, whole))
}

/// Fuzz entry: any bytes are a token whose text reads back; and where they are the text of a token,
/// that token is spelled so.
pub fn fuzz_escape(bytes: &[u8]) {
    let (mut text, mut token) = (Vec::new(), Vec::new());
    encode_token(bytes, &mut text);
    decode_token(&text, &mut token);
    assert_eq!(token, bytes, "every token reads back");
    let is_text = !bytes.is_empty() && bytes != b"*" && bytes != b">";
    if is_text && !bytes.iter().any(|byte| b". \t\r\n".contains(byte)) {
        (text, token) = (Vec::new(), Vec::new());
        decode_token(bytes, &mut token);
        encode_token(&token, &mut text);
        assert_eq!(text, bytes, "every text is the only spelling of its token");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn encoded(token: &[u8]) -> Vec<u8> {
        let mut text = Vec::new();
        encode_token(token, &mut text);
        text
    }

    fn decoded(text: &[u8]) -> Vec<u8> {
        let mut token = Vec::new();
        decode_token(text, &mut token);
        token
    }

    #[test]
    fn the_spellings_of_the_module_head() {
        let cases: [(&[u8], &[u8]); 16] = [
            (b"orders", b"orders"),
            (b"a.b", b"a%2Eb"),
            (b"a b", b"a%20b"),
            (b"", b"%00"),
            (b"*", b"%2A"),
            (b">", b"%3E"),
            (b"b*r", b"b*r"),
            (b"%2E", b"%252E"),
            (b"%252E", b"%25252E"),
            (b"%2A", b"%252A"),
            (b"%252A", b"%25252A"),
            (b"%2Ax", b"%2Ax"),
            (b"100%", b"100%"),
            (b"%", b"%"),
            (b"%.", b"%%2E"),
            (b"%25.", b"%25%2E"),
        ];
        for (token, text) in cases {
            assert_eq!(encoded(token), text, "encode {}", token.escape_ascii());
            assert_eq!(decoded(text), token, "decode {}", text.escape_ascii());
        }
    }

    /// Bytes that are likely to collide with the escapes.
    fn tricky() -> impl Strategy<Value = Vec<u8>> {
        let pieces: [&[u8]; 14] = [
            b"%", b"25", b"2E", b"2A", b"00", b"3E", b"0", b"2", b".", b" ", b"*", b">", b"a", b"",
        ];
        prop::collection::vec(prop::sample::select(pieces.to_vec()), 0..8)
            .prop_map(|parts| parts.concat())
    }

    proptest! {
        /// S31: every token has a spelling in the grammar, and it reads back.
        #[test]
        fn s31_every_token_reads_back(token in prop_oneof![tricky(), any::<Vec<u8>>()]) {
            let text = encoded(&token);
            prop_assert!(!text.is_empty());
            prop_assert!(!text.iter().any(|byte| b". \t\r\n".contains(byte)));
            prop_assert!(text != b"*" && text != b">");
            prop_assert_eq!(decoded(&text), token);
        }

        /// S31: every text of the grammar is the one spelling of its token.
        #[test]
        fn s31_every_text_is_the_only_spelling(text in prop_oneof![tricky(), any::<Vec<u8>>()]) {
            let text: Vec<u8> =
                text.into_iter().filter(|byte| !b". \t\r\n".contains(byte)).collect();
            prop_assume!(!text.is_empty() && text != b"*" && text != b">");
            prop_assert_eq!(encoded(&decoded(&text)), text);
        }
    }
}
