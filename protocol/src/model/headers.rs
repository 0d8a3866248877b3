//! The headers of a message: names with values, in order, repeats allowed.
//!
//! ```text
//! block   = header*                  nothing at all when there are no headers
//! header  = name_len u16 LE | value_len u16 LE | name | value
//! ```
//!
//! Case, order and repeats are kept; a value may be empty and may hold any byte; a name has at
//! least one byte, none of them a control byte, a space or a colon, so that every protocol can
//! carry it.

use super::limits::{HEADER_COUNT_MAX, HEADERS_BYTES_MAX};

/// A checked block of headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Headers<'a>(&'a [u8]);

/// One header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header<'a> {
    /// 1 to 65,535 bytes.
    pub name: &'a [u8],
    /// 0 to 65,535 bytes.
    pub value: &'a [u8],
}

/// Why bytes are not a block of headers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum InvalidHeaders {
    /// The block is longer than [`HEADERS_BYTES_MAX`].
    #[error("the headers are longer than {HEADERS_BYTES_MAX} bytes")]
    TooLong,
    /// The block has more than [`HEADER_COUNT_MAX`] headers.
    #[error("there are more than {HEADER_COUNT_MAX} headers")]
    TooMany,
    /// A header ends behind the end of the block.
    #[error("the header at byte {0} ends behind the end of the headers")]
    Truncated(usize),
    /// A name is empty or holds a control byte, a space or a colon.
    #[error("the header at byte {0} has a name that is empty or holds a byte no name may hold")]
    Name(usize),
}

impl<'a> Headers<'a> {
    /// Checks a block of headers.
    ///
    /// # Errors
    /// Says what is wrong with it, and where.
    pub fn parse(block: &'a [u8]) -> Result<Headers<'a>, InvalidHeaders> {
        if block.len() > HEADERS_BYTES_MAX {
            return Err(InvalidHeaders::TooLong);
        }
        let mut rest = block;
        let mut count = 0;
        while !rest.is_empty() {
            let at = block.len() - rest.len();
            let (header, tail) = split_header(rest).ok_or(InvalidHeaders::Truncated(at))?;
            if !is_name(header.name) {
                return Err(InvalidHeaders::Name(at));
            }
            count += 1;
            if count > HEADER_COUNT_MAX {
                return Err(InvalidHeaders::TooMany);
            }
            rest = tail;
        }
        Ok(Headers(block))
    }

    /// The block as it travels.
    #[must_use]
    pub fn block(self) -> &'a [u8] {
        self.0
    }

    /// The headers in their order.
    pub fn iter(self) -> impl Iterator<Item = Header<'a>> {
        let mut rest = self.0;
        core::iter::from_fn(move || {
            let (header, tail) = split_header(rest)?;
            rest = tail;
            Some(header)
        })
    }
}

/// Appends one header to a block.
///
/// # Errors
/// If the name is not one, or name or value is longer than 65,535 bytes.
pub fn encode_header(header: Header<'_>, block: &mut Vec<u8>) -> Result<(), InvalidHeaders> {
    let at = block.len();
    if !is_name(header.name) {
        return Err(InvalidHeaders::Name(at));
    }
    let name_len = u16::try_from(header.name.len()).map_err(|_| InvalidHeaders::TooLong)?;
    let value_len = u16::try_from(header.value.len()).map_err(|_| InvalidHeaders::TooLong)?;
    block.extend_from_slice(&name_len.to_le_bytes());
    block.extend_from_slice(&value_len.to_le_bytes());
    block.extend_from_slice(header.name);
    block.extend_from_slice(header.value);
    Ok(())
}

fn is_name(name: &[u8]) -> bool {
    !name.is_empty() && !name.iter().any(|byte| byte.is_ascii_control() || b" :".contains(byte))
}

fn split_header(block: &[u8]) -> Option<(Header<'_>, &[u8])> {
    let (name_len, rest) = block.split_first_chunk::<2>()?;
    let (value_len, rest) = rest.split_first_chunk::<2>()?;
    let (name, rest) = rest.split_at_checked(u16::from_le_bytes(*name_len).into())?;
    let (value, rest) = rest.split_at_checked(u16::from_le_bytes(*value_len).into())?;
    Some((Header { name, value }, rest))
}

/// Fuzz entry: any bytes are either refused, or read back to the very same block.
pub fn fuzz_headers(bytes: &[u8]) {
    if let Ok(headers) = Headers::parse(bytes) {
        let mut again = Vec::new();
        for header in headers.iter() {
            encode_header(header, &mut again).expect("what was parsed can be encoded");
        }
        assert_eq!(again, bytes, "the headers read back to the same block");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_keep_case_order_repeats_and_empty_values() {
        let headers: [(&[u8], &[u8]); 4] =
            [(b"Trace-Id", b"7"), (b"trace-id", b""), (b"Trace-Id", b"8"), (b"x", b"\0\r\n")];
        let mut block = Vec::new();
        for (name, value) in headers {
            encode_header(Header { name, value }, &mut block).expect("the name is one");
        }
        let read = Headers::parse(&block).expect("the block is one");
        let read: Vec<_> = read.iter().map(|header| (header.name, header.value)).collect();
        assert_eq!(read, headers);
        fuzz_headers(&block);
    }

    #[test]
    fn bad_blocks_are_refused_with_their_place() {
        assert_eq!(Headers::parse(&[1, 0, 0, 0]), Err(InvalidHeaders::Truncated(0)));
        assert_eq!(
            Headers::parse(&[1, 0, 0, 0, b'a', 1, 0, 1, 0, b'b']),
            Err(InvalidHeaders::Truncated(5))
        );
        assert_eq!(Headers::parse(&[0, 0, 0, 0]), Err(InvalidHeaders::Name(0)));
        assert_eq!(Headers::parse(&[1, 0, 0, 0, b':']), Err(InvalidHeaders::Name(0)));
        let many = [1, 0, 0, 0, b'a'].repeat(HEADER_COUNT_MAX + 1);
        assert!(Headers::parse(&many[5..]).is_ok());
        assert_eq!(Headers::parse(&many), Err(InvalidHeaders::TooMany));
        assert_eq!(Headers::parse(&vec![0; HEADERS_BYTES_MAX + 1]), Err(InvalidHeaders::TooLong));
    }
}
