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

/// Shortest virtual table: its own length, and that of the table.
const VTABLE_BYTES_MIN: usize = 4;

/// Verifies the table in the head of an operation's frame.
///
/// # Errors
/// If it is no table, or one that no writer of tables makes.
pub(super) fn read_table<'a, T>(
    operation: Operation,
    head: &'a [u8],
) -> Result<T::Inner, DecodeError>
where
    T: Follow<'a> + Verifiable + 'a,
{
    let table = root_with_opts::<T>(&VERIFIER, head).map_err(|error| {
        let words: Vec<_> = error.to_string().split_whitespace().map(str::to_owned).collect();
        DecodeError::Table { operation, reason: words.join(" ").into() }
    })?;
    match overlap(head) {
        None => Ok(table),
        Some(reason) => Err(DecodeError::Table { operation, reason: reason.into() }),
    }
}

/// How the parts of a table lie over each other, if they do. The verifier lets such bytes pass: zeros
/// alone are a root at offset 0 whose virtual table lies at 0, too, and is 0 bytes long.
fn overlap(head: &[u8]) -> Option<&'static str> {
    let word = |at: usize| head.get(at..at + 4)?.try_into().ok().map(u32::from_le_bytes);
    let root = word(0)? as usize;
    if root < size_of::<u32>() {
        return Some("its root lies in the offset of the root");
    }
    let vtable = i64::try_from(root).ok()? - i64::from(word(root)?.cast_signed());
    let vtable = usize::try_from(vtable).ok()?;
    let bytes: [u8; 2] = head.get(vtable..vtable + 2)?.try_into().ok()?;
    if usize::from(u16::from_le_bytes(bytes)) < VTABLE_BYTES_MIN {
        return Some("its virtual table is shorter than 4 bytes");
    }
    None
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

#[cfg(test)]
mod tests {
    use super::super::super::schema_generated::HelloTable;
    use super::super::Hello;
    use super::*;

    fn reason(head: &[u8]) -> String {
        match read_table::<HelloTable<'_>>(Operation::Hello, head) {
            Ok(_) => String::new(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn zeros_are_no_table() {
        for len in [4, 8, 12, 24, 88] {
            let error = reason(&vec![0; len]);
            assert!(error.contains("its root lies in"), "{len} zeros: {error:?}");
        }
    }

    #[test]
    fn a_virtual_table_holds_at_least_its_own_lengths() {
        for len in 0..VTABLE_BYTES_MIN as u8 {
            // The root is at 8, and its virtual table 4 bytes before it.
            let error = reason(&[8, 0, 0, 0, len, 0, 4, 0, 4, 0, 0, 0]);
            assert!(!error.is_empty(), "{len} bytes");
        }
        assert_eq!(reason(&[8, 0, 0, 0, 4, 0, 4, 0, 4, 0, 0, 0]), "", "an empty table is one");
    }

    #[test]
    fn what_is_written_does_not_overlap() {
        let mut frame = Vec::new();
        Hello::default().encode(&mut frame).expect("it is short");
        assert_eq!(overlap(&frame[HEADER_BYTES..]), None);
    }
}
