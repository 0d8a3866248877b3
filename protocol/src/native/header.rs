//! The eight bytes before every frame.
//!
//! ```text
//!  0        4    5       6          8
//!  | length | op | flags | head_len |      u32, u8, u8, u16, little-endian
//! ```

use super::error::DecodeError;
use super::operation::Operation;

/// Length of a frame's header in bytes.
pub const HEADER_BYTES: usize = 8;

/// What the header of a frame says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FrameHeader {
    /// Bytes behind the header: head and body.
    pub length: u32,
    /// What the frame is for.
    pub operation: Operation,
    /// The operation's flags.
    pub flags: u8,
    /// Length of the head in bytes.
    pub head_len: u16,
}

impl FrameHeader {
    /// Reads a header. Only the operation is checked; the framer checks the rest against it.
    ///
    /// # Errors
    /// If there is no such operation.
    #[inline]
    pub fn decode(bytes: [u8; HEADER_BYTES]) -> Result<FrameHeader, DecodeError> {
        let [l0, l1, l2, l3, number, flags, h0, h1] = bytes;
        let Some(operation) = Operation::from_number(number) else {
            return Err(DecodeError::UnknownOperation { number });
        };
        Ok(FrameHeader {
            length: u32::from_le_bytes([l0, l1, l2, l3]),
            operation,
            flags,
            head_len: u16::from_le_bytes([h0, h1]),
        })
    }

    /// The bytes on the wire.
    #[inline]
    #[must_use]
    pub fn encode(self) -> [u8; HEADER_BYTES] {
        let [l0, l1, l2, l3] = self.length.to_le_bytes();
        let [h0, h1] = self.head_len.to_le_bytes();
        [l0, l1, l2, l3, self.operation as u8, self.flags, h0, h1]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_reads_back() {
        for &operation in Operation::ALL {
            let header = FrameHeader { length: 0x0102_0304, operation, flags: 5, head_len: 0x0607 };
            let bytes = header.encode();
            assert_eq!(bytes, [4, 3, 2, 1, operation as u8, 5, 7, 6]);
            assert_eq!(FrameHeader::decode(bytes), Ok(header));
        }
        assert_eq!(
            FrameHeader::decode([0, 0, 0, 0, 0x7f, 0, 0, 0]),
            Err(DecodeError::UnknownOperation { number: 0x7f })
        );
    }
}
