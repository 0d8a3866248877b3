//! The name of the log that lives in a data directory, as one block.
//!
//! ```text
//! 0      8     12        16       20          32                       56          4096
//! | magic | version | length | crc32c | zeros  | archive (rkyv, length) | zeros     |
//! ```
//!
//! Numbers are little-endian. The checksum (CRC-32C, polynomial 0x1EDC6F41) covers the whole block
//! with its own four bytes as zeros, so a flip anywhere is found. The envelope stays as it is in
//! every version of the format; only the archive may change, with the version.

use rkyv::rancor::Failure;

use crate::disk::{BLOCK_BYTES, Block};
use crate::format::{checksum_around, put_u32, u32_at};

const MAGIC: [u8; 8] = *b"COILGUNi";
/// The version of the format that this code writes.
const VERSION: u32 = 1;
const VERSION_AT: usize = 8;
const LENGTH_AT: usize = 12;
const CRC_AT: usize = 16;
const ARCHIVE_AT: usize = 32;

/// Who a log is, from its first day on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Identity {
    /// A random number that no other log has.
    pub log_id: u128,
    /// When the log was made, in milliseconds since 1970-01-01T00:00:00Z.
    pub created_unix_ms: u64,
}

/// What stands in the archive.
#[derive(rkyv::Archive, rkyv::Serialize)]
struct Record {
    created_unix_ms: u64,
    /// Little-endian; as bytes, so that the archive needs no more alignment than eight bytes.
    log_id: [u8; 16],
}

const ARCHIVE_BYTES: usize = size_of::<ArchivedRecord>();

/// Why a block is no identity.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum InvalidIdentity {
    /// The file is not as long as one block.
    #[error("it is not {BLOCK_BYTES} bytes long, but {found_bytes} or more")]
    Length {
        /// How many bytes it holds, counted up to two blocks.
        found_bytes: usize,
    },
    /// The block does not begin like an identity.
    #[error("it was not written by Coilgun: its first eight bytes are others")]
    Foreign,
    /// The checksum does not fit the bytes.
    #[error("it is damaged: the checksum at byte {CRC_AT} does not fit")]
    Checksum,
    /// A newer Coilgun wrote it.
    #[error(
        "version {found} of the format is newer than version {VERSION}, which this Coilgun knows"
    )]
    NewerVersion {
        /// The version it was written in.
        found: u32,
    },
    /// The version never existed.
    #[error("it claims version 0 of the format, which does not exist")]
    NoVersion,
    /// The archive is not what the version says it is.
    #[error("it is damaged: the archive at byte {ARCHIVE_AT} is not valid")]
    Archive,
}

impl Identity {
    /// The identity as it stands on the disk.
    #[must_use]
    pub fn to_block(&self) -> Block {
        let record =
            Record { created_unix_ms: self.created_unix_ms, log_id: self.log_id.to_le_bytes() };
        let archive = rkyv::to_bytes::<Failure>(&record)
            .expect("a record without pointers always has an archive");
        assert!(archive.len() == ARCHIVE_BYTES, "the archive is the record and nothing else");

        let mut block = Block::zeroed();
        let bytes = block.bytes_mut();
        bytes[..VERSION_AT].copy_from_slice(&MAGIC);
        put_u32(bytes, VERSION_AT, VERSION);
        put_u32(bytes, LENGTH_AT, ARCHIVE_BYTES as u32);
        bytes[ARCHIVE_AT..ARCHIVE_AT + ARCHIVE_BYTES].copy_from_slice(&archive);
        let crc = checksum_around(bytes, CRC_AT);
        put_u32(bytes, CRC_AT, crc);
        block
    }

    /// Reads an identity from a block of any bytes.
    ///
    /// # Errors
    /// Says what is wrong with the block.
    pub fn from_block(block: &Block) -> Result<Identity, InvalidIdentity> {
        let bytes = block.bytes();
        if bytes[..VERSION_AT] != MAGIC {
            return Err(InvalidIdentity::Foreign);
        }
        if u32_at(bytes, CRC_AT) != checksum_around(bytes, CRC_AT) {
            return Err(InvalidIdentity::Checksum);
        }
        match u32_at(bytes, VERSION_AT) {
            0 => return Err(InvalidIdentity::NoVersion),
            VERSION => {}
            found => return Err(InvalidIdentity::NewerVersion { found }),
        }
        if u32_at(bytes, LENGTH_AT) as usize != ARCHIVE_BYTES {
            return Err(InvalidIdentity::Archive);
        }
        let archive = &bytes[ARCHIVE_AT..ARCHIVE_AT + ARCHIVE_BYTES];
        let record = rkyv::access::<ArchivedRecord, Failure>(archive)
            .map_err(|_| InvalidIdentity::Archive)?;
        Ok(Identity {
            log_id: u128::from_le_bytes(record.log_id),
            created_unix_ms: record.created_unix_ms.to_native(),
        })
    }
}

const _: () = assert!(CRC_AT + 4 <= ARCHIVE_AT && ARCHIVE_AT + ARCHIVE_BYTES <= BLOCK_BYTES);
const _: () = assert!(ARCHIVE_AT.is_multiple_of(align_of::<ArchivedRecord>()));
const _: () = assert!(ARCHIVE_BYTES == 24, "the archive's length is part of the format");

#[cfg(test)]
mod tests {
    use super::*;

    const SAMPLE: Identity = Identity { log_id: 0x0123_4567_89ab_cdef, created_unix_ms: 7 };

    /// Changes a block and makes its checksum fit again.
    fn resealed(change: impl FnOnce(&mut [u8; BLOCK_BYTES])) -> Block {
        let mut block = SAMPLE.to_block();
        change(block.bytes_mut());
        let crc = checksum_around(block.bytes(), CRC_AT);
        put_u32(block.bytes_mut(), CRC_AT, crc);
        block
    }

    #[test]
    fn an_identity_reads_back() {
        for log_id in [0, 1, u128::MAX, SAMPLE.log_id] {
            for created_unix_ms in [0, 1, u64::MAX] {
                let identity = Identity { log_id, created_unix_ms };
                assert_eq!(Identity::from_block(&identity.to_block()), Ok(identity));
            }
        }
    }

    #[test]
    fn a_flip_of_any_bit_is_found() {
        let block = SAMPLE.to_block();
        for at in 0..BLOCK_BYTES {
            for bit in 0..8 {
                let mut damaged = block.clone();
                damaged.bytes_mut()[at] ^= 1 << bit;
                let expected = if at < VERSION_AT {
                    InvalidIdentity::Foreign
                } else {
                    InvalidIdentity::Checksum
                };
                assert_eq!(Identity::from_block(&damaged), Err(expected), "byte {at} bit {bit}");
            }
        }
    }

    #[test]
    fn a_sealed_block_of_another_kind_is_refused() {
        let newer = resealed(|bytes| put_u32(bytes, VERSION_AT, VERSION + 1));
        let found = VERSION + 1;
        assert_eq!(Identity::from_block(&newer), Err(InvalidIdentity::NewerVersion { found }));
        let none = resealed(|bytes| put_u32(bytes, VERSION_AT, 0));
        assert_eq!(Identity::from_block(&none), Err(InvalidIdentity::NoVersion));
        let long = resealed(|bytes| put_u32(bytes, LENGTH_AT, u32::MAX));
        assert_eq!(Identity::from_block(&long), Err(InvalidIdentity::Archive));
        let foreign = resealed(|bytes| bytes[0] = b'c');
        assert_eq!(Identity::from_block(&foreign), Err(InvalidIdentity::Foreign));
        assert_eq!(Identity::from_block(&Block::zeroed()), Err(InvalidIdentity::Foreign));
    }
}
