//! What all tables share: the frame around them, and the verifier's limits.

use flatbuffers::{FlatBufferBuilder, Follow, Vector, Verifiable, VerifierOptions, root_with_opts};

use super::super::error::DecodeError;
use super::super::header::{FrameHeader, HEADER_BYTES};
use super::super::operation::{HeadKind, Operation};
use crate::model::limits::CONTROL_FRAME_BYTES_MAX;

/// A table holds no other table, and no byte of it is worth reading twice.
const VERIFIER: VerifierOptions = VerifierOptions {
    max_depth: 1,
    max_tables: 1,
    max_apparent_size: 2 * CONTROL_FRAME_BYTES_MAX,
    ignore_missing_null_terminator: false,
};

/// Verifies the table in the head of an operation's frame.
pub(super) fn read_table<'a, T>(
    operation: Operation,
    head: &'a [u8],
) -> Result<T::Inner, DecodeError>
where
    T: Follow<'a> + Verifiable + 'a,
{
    root_with_opts::<T>(&VERIFIER, head).map_err(|error| {
        let words: Vec<_> = error.to_string().split_whitespace().map(str::to_owned).collect();
        DecodeError::Table { operation, reason: words.join(" ").into() }
    })
}

/// Appends a frame with the table that `build` finishes, and says how long it is in bytes.
///
/// The frame may be longer than a control frame may be: who calls it compares.
pub(super) fn write_table(
    operation: Operation,
    out: &mut Vec<u8>,
    build: impl FnOnce(&mut FlatBufferBuilder<'_>),
) -> Result<(), TableTooLong> {
    assert!(operation.head() == HeadKind::Table, "the operation's head is a table");
    let mut builder = FlatBufferBuilder::with_capacity(512);
    build(&mut builder);
    let table = builder.finished_data();
    let bytes = HEADER_BYTES + table.len();
    if bytes > CONTROL_FRAME_BYTES_MAX {
        return Err(TableTooLong { operation, bytes });
    }
    // The limit of a control frame is below 2^16, so neither cast cuts anything off.
    let (length, head_len) = (table.len() as u32, table.len() as u16);
    out.extend_from_slice(&FrameHeader { length, operation, flags: 0, head_len }.encode());
    out.extend_from_slice(table);
    Ok(())
}

const _: () = assert!(CONTROL_FRAME_BYTES_MAX <= u16::MAX as usize, "a table's length has 16 bits");

/// The values do not fit a control frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{operation} of {bytes} bytes; {CONTROL_FRAME_BYTES_MAX} is the limit")]
pub struct TableTooLong {
    /// The operation.
    pub operation: Operation,
    /// Length the frame would have.
    pub bytes: usize,
}

/// The bytes of a vector that may be absent.
pub(super) fn bytes_or_empty(field: Option<Vector<'_, u8>>) -> &[u8] {
    field.map_or(&[], |vector| vector.bytes())
}

/// The longest beginning of a text that has at most `bytes_max` bytes.
pub(super) fn cut_text(text: &str, bytes_max: usize) -> &str {
    &text[..text.floor_char_boundary(bytes_max)]
}
