//! The client's reader against any bytes.

use super::reader::{Incoming, ServerReader};
use crate::native::DecodeError;

/// What a reader made of some bytes.
struct Reading {
    items: Vec<String>,
    error: Option<DecodeError>,
}

/// Fuzz entry: a client that gets the bytes in two parts, cut where the first byte says, reads the
/// same as one that gets them at once.
pub fn fuzz_client(bytes: &[u8]) {
    let Some((&cut, bytes)) = bytes.split_first() else { return };
    let whole = read_all(bytes, bytes.len());
    let parts = read_all(bytes, usize::from(cut) * bytes.len() / 256);
    assert_eq!(whole.items, parts.items, "where the bytes are cut does not matter");
    assert_eq!(whole.error, parts.error, "where the bytes are cut does not matter");
}

/// Reads `bytes[..cut]` as far as it goes, and then all of them.
fn read_all(bytes: &[u8], cut: usize) -> Reading {
    let mut reader = ServerReader::default();
    let mut reading = Reading { items: Vec::new(), error: None };
    let mut at = 0;
    for end in [cut, bytes.len()] {
        // Ends because every item takes bytes away.
        while reading.error.is_none() && at < end {
            match reader.read(&bytes[at..end]) {
                Ok(Incoming::Incomplete { need }) => {
                    assert!(need > end - at, "what is there is not waited for");
                    break;
                }
                Ok(item @ (Incoming::Preface { used, .. } | Incoming::Frame { used, .. })) => {
                    assert!(used > 0 && used <= end - at, "an item lies in the bytes");
                    reading.items.push(format!("{item:?}"));
                    at += used;
                }
                Err(error) => reading.error = Some(error),
            }
        }
    }
    reading
}
