//! The eight bytes with which each side begins.
//!
//! ```text
//!  0        4             6             8
//!  | "COIL" | version_min | version_max |      both u16, little-endian
//! ```
//!
//! Each side takes the lower of the two highest versions and requires that it is not below either
//! lowest one. The broker answers a client's preface with its own even if they share no version,
//! so that the client can say what the broker speaks.

use super::error::DecodeError;
use super::operation::Peer;

/// Length of a preface in bytes.
pub const PREFACE_BYTES: usize = 8;
/// Lowest version of the protocol this build speaks.
pub const VERSION_MIN: u16 = 1;
/// Highest version of the protocol this build speaks.
pub const VERSION_MAX: u16 = 1;

const MAGIC: [u8; 4] = *b"COIL";

const _: () = assert!(VERSION_MIN <= VERSION_MAX, "this build speaks a version");

/// The versions one side speaks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Preface {
    /// The lowest.
    pub version_min: u16,
    /// The highest.
    pub version_max: u16,
}

impl Preface {
    /// What this build says.
    pub const OURS: Preface = Preface { version_min: VERSION_MIN, version_max: VERSION_MAX };

    /// The bytes on the wire.
    #[must_use]
    pub fn encode(self) -> [u8; PREFACE_BYTES] {
        let mut bytes = [0; PREFACE_BYTES];
        bytes[..4].copy_from_slice(&MAGIC);
        bytes[4..6].copy_from_slice(&self.version_min.to_le_bytes());
        bytes[6..].copy_from_slice(&self.version_max.to_le_bytes());
        bytes
    }

    /// Reads the preface at the front of `bytes`; nothing if more bytes are needed, of which there
    /// are [`PREFACE_BYTES`] in all.
    ///
    /// # Errors
    /// As soon as the bytes that are there cannot begin a preface, or if the range is empty.
    pub fn decode(bytes: &[u8], sender: Peer) -> Result<Option<Preface>, DecodeError> {
        for (offset, (&byte, wanted)) in (0..).zip(bytes.iter().zip(MAGIC)) {
            if byte != wanted {
                return Err(DecodeError::NotCoilgun { sender, offset, byte });
            }
        }
        let Some(&[_, _, _, _, min_low, min_high, max_low, max_high]) = bytes.first_chunk() else {
            return Ok(None);
        };
        let version_min = u16::from_le_bytes([min_low, min_high]);
        let version_max = u16::from_le_bytes([max_low, max_high]);
        if version_min > version_max {
            return Err(DecodeError::VersionRange { version_min, version_max });
        }
        Ok(Some(Preface { version_min, version_max }))
    }

    /// The version that the sender of this preface and this build speak with each other.
    ///
    /// # Errors
    /// If they share none.
    pub fn negotiate(self, sender: Peer) -> Result<u16, DecodeError> {
        let version = self.version_max.min(VERSION_MAX);
        if version < self.version_min.max(VERSION_MIN) {
            let Preface { version_min, version_max } = self;
            return Err(DecodeError::NoSharedVersion { sender, version_min, version_max });
        }
        Ok(version)
    }
}

/// Fuzz entry: any bytes are a preface that reads back, the beginning of one, or refused.
pub fn fuzz_preface(bytes: &[u8]) {
    match Preface::decode(bytes, Peer::Client) {
        Ok(Some(preface)) => {
            assert_eq!(preface.encode(), bytes[..PREFACE_BYTES], "a preface reads back");
            if let Ok(version) = preface.negotiate(Peer::Client) {
                assert!((preface.version_min..=preface.version_max).contains(&version));
                assert!((VERSION_MIN..=VERSION_MAX).contains(&version));
            }
        }
        Ok(None) => assert!(bytes.len() < PREFACE_BYTES, "eight bytes are enough"),
        Err(error) => assert!(!error.to_string().is_empty(), "every refusal has a text"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_protocol_is_recognised_by_its_first_byte() {
        let error = Preface::decode(b"G", Peer::Client).expect_err("no preface begins with G");
        assert_eq!(error, DecodeError::NotCoilgun { sender: Peer::Client, offset: 0, byte: b'G' });
        assert!(error.to_string().contains("not a Coilgun client"), "{error}");
        let error = Preface::decode(b"COIN", Peer::Server).expect_err("no preface begins so");
        assert_eq!(error, DecodeError::NotCoilgun { sender: Peer::Server, offset: 3, byte: b'N' });
    }

    #[test]
    fn a_preface_is_awaited_while_it_may_become_one() {
        let whole = Preface::OURS.encode();
        for len in 0..whole.len() {
            assert_eq!(Preface::decode(&whole[..len], Peer::Client), Ok(None), "{len} bytes");
        }
        assert_eq!(Preface::decode(&whole, Peer::Client), Ok(Some(Preface::OURS)));
    }

    #[test]
    fn the_highest_version_both_speak_is_taken() {
        let versions = |version_min, version_max| Preface { version_min, version_max };
        for (theirs, expected) in [
            (versions(1, 1), Some(1)),
            (versions(0, 9), Some(1)),
            (versions(1, u16::MAX), Some(1)),
            (versions(0, 0), None),
            (versions(2, 9), None),
        ] {
            assert_eq!(theirs.negotiate(Peer::Client).ok(), expected, "{theirs:?}");
        }
    }

    #[test]
    fn an_empty_range_is_no_preface() {
        let bytes = Preface { version_min: 2, version_max: 1 }.encode();
        assert_eq!(
            Preface::decode(&bytes, Peer::Client),
            Err(DecodeError::VersionRange { version_min: 2, version_max: 1 })
        );
    }
}
