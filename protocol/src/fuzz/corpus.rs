//! The text form of a corpus: one input to a line, so that a change of it can be read.

use core::fmt::Write as _;

/// Writes inputs as text: printable ASCII as it is, everything else as `\n`, `\\` or `\x7f`.
#[must_use]
pub fn write_corpus(inputs: &[Vec<u8>]) -> String {
    let mut text = String::new();
    for input in inputs {
        writeln!(text, "{}", input.escape_ascii()).expect("a string takes everything");
    }
    text
}

/// Reads inputs back; nothing if a line is none that [`write_corpus`] writes.
#[must_use]
pub fn read_corpus(text: &str) -> Option<Vec<Vec<u8>>> {
    text.lines().map(read_line).collect()
}

fn read_line(line: &str) -> Option<Vec<u8>> {
    let mut input = Vec::with_capacity(line.len());
    let mut rest = line.bytes();
    // Ends because every step takes a byte of the line.
    while let Some(byte) = rest.next() {
        input.push(if byte == b'\\' { read_escape(&mut rest)? } else { byte });
    }
    Some(input)
}

fn read_escape(rest: &mut impl Iterator<Item = u8>) -> Option<u8> {
    match rest.next()? {
        b't' => Some(b'\t'),
        b'r' => Some(b'\r'),
        b'n' => Some(b'\n'),
        b'x' => Some(read_digit(rest.next()?)? << 4 | read_digit(rest.next()?)?),
        quoted @ (b'\\' | b'\'' | b'"') => Some(quoted),
        _ => None,
    }
}

fn read_digit(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).map(|value| value as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inputs_of_any_bytes_read_back() {
        let inputs = vec![vec![], (0..=255).collect(), b"\\x41 'a' \"b\"".to_vec(), vec![]];
        let text = write_corpus(&inputs);
        assert_eq!(text.lines().count(), 4);
        assert!(text.is_ascii());
        assert_eq!(read_corpus(&text), Some(inputs));
        assert_eq!(read_corpus(""), Some(vec![]));
    }

    #[test]
    fn a_line_that_nobody_wrote_is_refused() {
        for line in ["\\", "\\q", "\\x", "\\x4", "\\x4g"] {
            assert_eq!(read_corpus(line), None, "{line}");
        }
    }
}
