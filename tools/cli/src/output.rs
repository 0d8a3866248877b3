//! Standard output: messages as lines, as they are, or as JSON.

use std::io::{self, BufWriter, IsTerminal, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use coilgun_client::Message;
use coilgun_protocol::model::Header;
use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::failure::Failure;

/// How messages are written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Style {
    /// Subject, tab, payload with control characters escaped, line feed.
    Line,
    /// The payload and a line feed.
    Raw,
    /// One JSON object and a line feed.
    Json,
    /// The payload, and a line feed only where people read it.
    Exact,
}

/// Standard output with a buffer. What is in it is lost unless it is flushed.
pub(crate) struct Output {
    writer: BufWriter<io::Stdout>,
    style: Style,
}

impl Output {
    /// Writes in this style.
    pub(crate) fn new(style: Style) -> Output {
        Output { writer: BufWriter::with_capacity(64 * 1024, io::stdout()), style }
    }

    /// Writes a message.
    ///
    /// # Errors
    /// If standard output does not take it.
    pub(crate) fn message(&mut self, message: &Message) -> Result<(), Failure> {
        let is_for_people = self.style == Style::Exact && io::stdout().is_terminal();
        let mut line = Vec::new();
        match self.style {
            Style::Line => {
                line.extend_from_slice(escaped(message.subject()).as_bytes());
                line.push(b'\t');
                line.extend_from_slice(escaped(message.payload()).as_bytes());
                line.push(b'\n');
            }
            Style::Json => {
                let json = serde_json::to_writer(&mut line, &Record(message));
                json.expect("texts and numbers are JSON");
                line.push(b'\n');
            }
            Style::Raw => {
                line.extend_from_slice(message.payload());
                line.push(b'\n');
            }
            Style::Exact => {
                line.extend_from_slice(message.payload());
                if is_for_people && line.last().is_none_or(|last| *last != b'\n') {
                    line.push(b'\n');
                }
            }
        }
        self.writer.write_all(&line).map_err(Failure::output)
    }

    /// Writes a text as it is.
    ///
    /// # Errors
    /// If standard output does not take it.
    pub(crate) fn text(&mut self, text: &str) -> Result<(), Failure> {
        self.bytes(text.as_bytes())
    }

    /// Writes bytes as they are.
    ///
    /// # Errors
    /// If standard output does not take them.
    pub(crate) fn bytes(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.writer.write_all(bytes).map_err(Failure::output)
    }

    /// Writes how many received a message.
    ///
    /// # Errors
    /// If standard output does not take it.
    pub(crate) fn receivers(&mut self, count: u32) -> Result<(), Failure> {
        match self.style {
            Style::Json => writeln!(self.writer, "{{\"receivers\":{count}}}"),
            Style::Line | Style::Raw | Style::Exact => writeln!(self.writer, "{count}"),
        }
        .map_err(Failure::output)
    }

    /// Hands everything to the system.
    ///
    /// # Errors
    /// If standard output does not take it.
    pub(crate) fn flush(&mut self) -> Result<(), Failure> {
        self.writer.flush().map_err(Failure::output)
    }
}

/// Writes a text to standard output, and hands it to the system.
///
/// # Errors
/// If standard output does not take it.
pub(crate) fn print_text(text: &str) -> Result<(), Failure> {
    let mut output = Output::new(Style::Raw);
    output.text(text)?;
    output.flush()
}

/// Says something on standard error; if nobody listens there, nobody is told.
pub(crate) fn note(text: &str) {
    let _ = writeln!(io::stderr(), "coilgun: {text}");
}

/// Bytes as one line of text: what is no UTF-8, and every control character, is escaped.
pub(crate) fn escaped(bytes: &[u8]) -> String {
    let mut text = String::new();
    for part in bytes.utf8_chunks() {
        for character in part.valid().chars() {
            match character {
                '\\' => text.push_str("\\\\"),
                it if it.is_control() => text.extend(it.escape_default()),
                it => text.push(it),
            }
        }
        text.push_str(&part.invalid().escape_ascii().to_string());
    }
    text
}

/// A message as a JSON object. What the message does not have, the object does not have either.
struct Record<'a>(&'a Message);

impl Serialize for Record<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let message = self.0;
        let mut map = serializer.serialize_map(None)?;
        bytes_entry(&mut map, "subject", message.subject())?;
        if let Some(reply) = message.reply() {
            bytes_entry(&mut map, "reply", reply)?;
        }
        let headers: Vec<_> = message.headers().iter().map(HeaderRecord).collect();
        if !headers.is_empty() {
            map.serialize_entry("headers", &headers)?;
        }
        bytes_entry(&mut map, "payload", message.payload())?;
        if let Some(sender) = message.sender() {
            bytes_entry(&mut map, "sender", sender)?;
        }
        if message.correlation().is_some() {
            // Sixty-four bits; readers that keep numbers as floating point would change them.
            map.serialize_entry("correlation", &message.correlation().0.to_string())?;
        }
        if message.missed() > 0 {
            map.serialize_entry("missed", &message.missed())?;
        }
        map.end()
    }
}

/// A header as a JSON object.
pub(crate) struct HeaderRecord<'a>(pub(crate) Header<'a>);

impl Serialize for HeaderRecord<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        bytes_entry(&mut map, "name", self.0.name)?;
        bytes_entry(&mut map, "value", self.0.value)?;
        map.end()
    }
}

/// Writes bytes as text under `key`, or as base64 under the key with `_base64` behind it.
pub(crate) fn bytes_entry<M: SerializeMap>(
    map: &mut M,
    key: &str,
    bytes: &[u8],
) -> Result<(), M::Error> {
    match std::str::from_utf8(bytes) {
        Ok(text) => map.serialize_entry(key, text),
        Err(_) => map.serialize_entry(&format!("{key}_base64"), &STANDARD.encode(bytes)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_one_line_whatever_is_in_it() {
        assert_eq!(escaped("a\nb\tc\\d\u{e9}".as_bytes()), "a\\nb\\tc\\\\d\u{e9}");
        assert_eq!(escaped(b"\xff\x00x"), "\\xff\\u{0}x");
    }
}
