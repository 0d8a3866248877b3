//! GOAWAY: the broker is about to end the connection although nothing is wrong with it.

use flatbuffers::FlatBufferBuilder;

use super::super::error::DecodeError;
use super::super::operation::Operation;
use super::super::schema_generated::{GoAwayTable, GoAwayTableArgs};
use super::table::{cut_text, read_table, write_table};

/// Longest text in the frame, in bytes; a longer one is cut.
const TEXT_BYTES_MAX: usize = 4096;

/// Why the client should go elsewhere, and how soon.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct GoAway<'a> {
    /// Number of the reason in the table of errors, which may be one this version does not know.
    pub code: u16,
    /// More about it, for a person; may be empty.
    pub detail: &'a str,
    /// How many milliseconds are left to finish; 0: none.
    pub drain_ms: u32,
}

impl<'a> GoAway<'a> {
    /// Appends the frame; a text of more than 4,096 bytes is cut.
    pub fn encode(&self, out: &mut Vec<u8>) {
        write_table(Operation::GoAway, out, |builder| self.build(builder))
            .expect("the cut text fits a control frame");
    }

    fn build(&self, builder: &mut FlatBufferBuilder<'_>) {
        let detail = Some(builder.create_string(cut_text(self.detail, TEXT_BYTES_MAX)));
        let arguments = GoAwayTableArgs { code: self.code, detail, drain_ms: self.drain_ms };
        let table = GoAwayTable::create(builder, &arguments);
        builder.finish_minimal(table);
    }

    /// Verifies and reads the head of the frame.
    ///
    /// # Errors
    /// If the table does not verify.
    pub fn decode(head: &'a [u8]) -> Result<GoAway<'a>, DecodeError> {
        let table = read_table::<GoAwayTable<'_>>(Operation::GoAway, head)?;
        Ok(GoAway {
            code: table.code(),
            detail: table.detail().unwrap_or(""),
            drain_ms: table.drain_ms(),
        })
    }
}

/// Fuzz entry: any bytes are refused, or are a table whose values read back, a long text cut.
pub fn fuzz_go_away(bytes: &[u8]) {
    let Ok(mut go_away) = GoAway::decode(bytes) else { return };
    let mut again = Vec::new();
    go_away.encode(&mut again);
    go_away.detail = cut_text(go_away.detail, TEXT_BYTES_MAX);
    assert_eq!(GoAway::decode(&again[8..]), Ok(go_away), "the values read back");
}
