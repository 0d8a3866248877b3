//! One control line of the text protocol: a verb and its words, up to a line feed.

use coilgun_protocol::model::Span;

/// Longest control line, in bytes.
const LINE_BYTES_MAX: usize = 4096;

/// Most words a line has behind its verb.
const WORDS_MAX: usize = 3;

/// What a line says; spans lie in the chunk.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Line {
    /// CONNECT {options}
    Connect(Options),
    /// PUB subject [reply] bytes; the payload and a line end follow.
    Publish {
        subject: Span,
        reply: Span,
        payload_bytes: usize,
    },
    /// SUB filter [group] sid
    Subscribe {
        filter: Span,
        group: Span,
        sid: Span,
    },
    /// UNSUB sid [max]
    Unsubscribe {
        sid: Span,
        deliveries_max: u32,
    },
    Ping,
    Pong,
}

/// What a client chooses at CONNECT; this is also what it gets if it says nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Options {
    /// Answer every line with +OK.
    pub(super) verbose: bool,
    /// Deliver what the client itself published.
    pub(super) echo: bool,
}

impl Default for Options {
    fn default() -> Self {
        Options { verbose: true, echo: true }
    }
}

/// What the front of some bytes is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Reading {
    /// A line of so many bytes, its end included.
    Line(Line, usize),
    /// The beginning of a line.
    Incomplete,
    /// No line that there is.
    Unknown,
}

/// Reads the line that begins at `at` of the chunk.
pub(super) fn read_line(chunk: &[u8], at: usize) -> Reading {
    let rest = &chunk[at..];
    let searched = &rest[..rest.len().min(LINE_BYTES_MAX)];
    let Some(end) = searched.iter().position(|byte| *byte == b'\n') else {
        let is_long = rest.len() >= LINE_BYTES_MAX;
        return if is_long { Reading::Unknown } else { Reading::Incomplete };
    };
    let line = rest[..end].strip_suffix(b"\r").unwrap_or(&rest[..end]);
    match parse(chunk, at, line) {
        Some(line) => Reading::Line(line, end + 1),
        None => Reading::Unknown,
    }
}

fn parse(chunk: &[u8], at: usize, line: &[u8]) -> Option<Line> {
    let verb_end = line.iter().position(|byte| is_space(*byte)).unwrap_or(line.len());
    let (verb, rest) = line.split_at(verb_end);
    let verb = verb.to_ascii_uppercase();
    if verb == b"CONNECT" {
        return Some(Line::Connect(options(rest)));
    }
    let words = words(rest, at + verb_end)?;
    let number = |span: Span| decimal(&chunk[span.offset()..span.end()]);
    match (verb.as_slice(), words.as_slice()) {
        (b"PING", []) => Some(Line::Ping),
        (b"PONG", []) => Some(Line::Pong),
        (b"PUB", &[subject, bytes]) => {
            let payload_bytes = number(bytes)? as usize;
            Some(Line::Publish { subject, reply: Span::EMPTY, payload_bytes })
        }
        (b"PUB", &[subject, reply, bytes]) => {
            Some(Line::Publish { subject, reply, payload_bytes: number(bytes)? as usize })
        }
        (b"SUB", &[filter, sid]) => Some(Line::Subscribe { filter, group: Span::EMPTY, sid }),
        (b"SUB", &[filter, group, sid]) => Some(Line::Subscribe { filter, group, sid }),
        (b"UNSUB", &[sid]) => Some(Line::Unsubscribe { sid, deliveries_max: 0 }),
        (b"UNSUB", &[sid, max]) => Some(Line::Unsubscribe { sid, deliveries_max: number(max)? }),
        _ => None,
    }
}

/// The words of a text that begins at `at` of the chunk; nothing if there are too many.
fn words(text: &[u8], at: usize) -> Option<Vec<Span>> {
    let mut words = Vec::with_capacity(WORDS_MAX);
    let mut begin = 0;
    for word in text.split(|byte| is_space(*byte)) {
        if !word.is_empty() {
            words.push(Span::chunk(at + begin, word.len()));
        }
        begin += word.len() + 1;
    }
    (words.len() <= WORDS_MAX).then_some(words)
}

fn is_space(byte: u8) -> bool {
    byte == b' ' || byte == b'\t'
}

fn decimal(text: &[u8]) -> Option<u32> {
    let is_number = !text.is_empty() && text.iter().all(u8::is_ascii_digit);
    std::str::from_utf8(text).ok().filter(|_| is_number)?.parse().ok()
}

/// Reads two switches out of the options; a real gateway reads JSON.
fn options(json: &[u8]) -> Options {
    let dense: Vec<u8> = json.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let says = |switch: &[u8]| dense.windows(switch.len()).any(|window| window == switch);
    Options { verbose: !says(b"\"verbose\":false"), echo: !says(b"\"echo\":false") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_are_and_are_not() {
        let publish =
            |subject, reply, payload_bytes| Line::Publish { subject, reply, payload_bytes };
        let chunk = b"PING\r\npub a.b  in 12\r\nPUB x 0\n";
        assert_eq!(read_line(chunk, 0), Reading::Line(Line::Ping, 6));
        let with_reply = publish(Span::chunk(10, 3), Span::chunk(15, 2), 12);
        assert_eq!(read_line(chunk, 6), Reading::Line(with_reply, 16));
        let plain = publish(Span::chunk(26, 1), Span::EMPTY, 0);
        assert_eq!(read_line(chunk, 22), Reading::Line(plain, 8));
        for bad in
            ["FROB\r\n", "\r\n", "PUB x\r\n", "PUB x -1\r\n", "SUB a b c d\r\n", "PING x\r\n"]
        {
            assert_eq!(read_line(bad.as_bytes(), 0), Reading::Unknown, "{bad:?}");
        }
        assert_eq!(read_line(b"PUB x 99999999999\r\n", 0), Reading::Unknown);
        assert_eq!(read_line(&[b'a'; LINE_BYTES_MAX - 1], 0), Reading::Incomplete);
        assert_eq!(read_line(&[b'a'; LINE_BYTES_MAX], 0), Reading::Unknown);
    }
}
