//! ERROR: the connection ends, and why.

use flatbuffers::FlatBufferBuilder;

use super::super::error::DecodeError;
use super::super::operation::Operation;
use super::super::schema_generated::{ErrorTable, ErrorTableArgs};
use super::table::{cut_text, read_table, write_table};
use crate::model::ErrorCode;

/// Longest text of each kind in the frame, in bytes; a longer one is cut.
const TEXT_BYTES_MAX: usize = 4096;

/// Why the connection ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ErrorFrame<'a> {
    /// Number of the error, which may be one that this version does not know.
    pub code: u16,
    /// Its name, for machines and logs.
    pub name: &'a str,
    /// What was wrong here, for a person; may be empty.
    pub detail: &'a str,
    /// What to do about it, for a person; may be empty.
    pub help: &'a str,
    /// Whether the same may succeed later without being changed.
    pub retryable: bool,
}

impl<'a> ErrorFrame<'a> {
    /// The frame for an error of this version's table.
    #[must_use]
    pub fn new(code: ErrorCode, detail: &'a str) -> ErrorFrame<'a> {
        ErrorFrame {
            code: code as u16,
            name: code.name(),
            detail,
            help: code.help(),
            retryable: code.retryable(),
        }
    }

    /// Appends the frame; texts of more than 4,096 bytes are cut.
    pub fn encode(&self, out: &mut Vec<u8>) {
        write_table(Operation::Error, out, |builder| self.build(builder))
            .expect("the cut texts fit a control frame");
    }

    fn build(&self, builder: &mut FlatBufferBuilder<'_>) {
        let mut text = |text: &str| Some(builder.create_string(cut_text(text, TEXT_BYTES_MAX)));
        let (name, detail, help) = (text(self.name), text(self.detail), text(self.help));
        let (code, retryable) = (self.code, self.retryable);
        let arguments = ErrorTableArgs { code, name, detail, help, retryable };
        let table = ErrorTable::create(builder, &arguments);
        builder.finish_minimal(table);
    }

    /// Verifies and reads the head of the frame.
    ///
    /// # Errors
    /// If the table does not verify.
    pub fn decode(head: &'a [u8]) -> Result<ErrorFrame<'a>, DecodeError> {
        let table = read_table::<ErrorTable<'_>>(Operation::Error, head)?;
        Ok(ErrorFrame {
            code: table.code(),
            name: table.name().unwrap_or(""),
            detail: table.detail().unwrap_or(""),
            help: table.help().unwrap_or(""),
            retryable: table.retryable(),
        })
    }
}

/// Fuzz entry: any bytes are refused, or are a table whose values read back, long texts cut.
pub fn fuzz_error(bytes: &[u8]) {
    let Ok(mut error) = ErrorFrame::decode(bytes) else { return };
    let mut again = Vec::new();
    error.encode(&mut again);
    for text in [&mut error.name, &mut error.detail, &mut error.help] {
        *text = cut_text(text, TEXT_BYTES_MAX);
    }
    assert_eq!(ErrorFrame::decode(&again[8..]), Ok(error), "the values read back");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_are_cut_between_characters() {
        let long = "\u{e9}".repeat(TEXT_BYTES_MAX);
        let odd = format!("a{long}");
        let frame = ErrorFrame { code: 9, name: &long, detail: &odd, help: &long, retryable: true };
        let mut bytes = Vec::new();
        frame.encode(&mut bytes);
        let read = ErrorFrame::decode(&bytes[8..]).expect("the frame reads back");
        assert_eq!((read.name.len(), read.detail.len()), (TEXT_BYTES_MAX, TEXT_BYTES_MAX - 1));
        fuzz_error(&bytes[8..]);
    }
}
