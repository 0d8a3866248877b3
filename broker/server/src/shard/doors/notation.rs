//! Bytes as text that people can read and write.

/// Bytes without the escapes of `escape_ascii`.
pub(super) fn unescaped(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        if byte != b'\\' {
            bytes.push(byte);
            continue;
        }
        let (&code, tail) = rest.split_first().expect("an escape has a letter");
        rest = tail;
        match code {
            b'r' => bytes.push(b'\r'),
            b'n' => bytes.push(b'\n'),
            b't' => bytes.push(b'\t'),
            b'x' => {
                let (digits, tail) = rest.split_at(2);
                let digits = std::str::from_utf8(digits).expect("digits are text");
                bytes.push(u8::from_str_radix(digits, 16).expect("two digits a byte"));
                rest = tail;
            }
            plain => bytes.push(plain),
        }
    }
    bytes
}

/// Words of hexadecimal digits and of text in quotes, as in `52 06000000 "a.c" 00 "hi"`.
pub(super) fn binary(line: &str) -> Vec<u8> {
    line.split_whitespace()
        .flat_map(|word| match word.strip_prefix('"') {
            Some(text) => unescaped(text.strip_suffix('"').expect("quotes come in pairs")),
            None => hex(word),
        })
        .collect()
}

fn hex(word: &str) -> Vec<u8> {
    assert!(word.len().is_multiple_of(2), "{word} has two digits a byte");
    (0..word.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&word[at..at + 2], 16).expect("two digits a byte"))
        .collect()
}

/// Lines of a text protocol, each with its end.
pub(super) fn text_lines(bytes: &[u8]) -> Vec<String> {
    bytes
        .split_inclusive(|byte| *byte == b'\n')
        .map(|line| line.escape_ascii().to_string().replace("\\'", "'").replace("\\\"", "\""))
        .collect()
}

/// What a server of the binary protocol says: first `greeted` bytes of handshake are one by one,
/// then frames.
pub(super) fn binary_frames(bytes: &[u8], greeted: &mut usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        let len = match *greeted {
            0 => 3,
            1 | 2 => 1,
            _ => frame_len(rest),
        };
        *greeted += 1;
        let (frame, tail) = rest.split_at(len);
        lines.push(frame_line(frame));
        rest = tail;
    }
    lines
}

fn frame_len(bytes: &[u8]) -> usize {
    match bytes[0] {
        0x00 | 0xFE => 6,
        _ => 6 + u32::from_le_bytes([bytes[1], bytes[2], bytes[3], bytes[4]]) as usize,
    }
}

fn frame_line(frame: &[u8]) -> String {
    let digits = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    if frame.len() < 6 {
        return digits(frame);
    }
    let (kind, len, last) = (digits(&frame[..1]), digits(&frame[1..5]), digits(&frame[5..6]));
    if frame.len() == 6 {
        return format!("{kind} {len} {last}");
    }
    let body = frame[6..].escape_ascii().to_string().replace(' ', "\\x20");
    format!("{kind} {len} {last} \"{body}\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_read_and_written() {
        assert_eq!(binary("eb0100 \"a.b\\x00c\" 00"), b"\xEB\x01\0a.b\0c\0");
        assert_eq!(unescaped("PUB x 2\\r\\nhi\\r\\n"), b"PUB x 2\r\nhi\r\n");
        assert_eq!(text_lines(b"+OK\r\nPONG\r\n"), ["+OK\\r\\n", "PONG\\r\\n"]);
        let said = b"\xEB\x01\0\x01\x01\xFE\x05\0\0\0\x01\x12\x03\0\0\0\0a\0b";
        let lines = ["eb0100", "01", "01", "fe 05000000 01", "12 03000000 00 \"a\\x00b\""];
        let mut greeted = 0;
        assert_eq!(binary_frames(said, &mut greeted), lines);
    }
}
