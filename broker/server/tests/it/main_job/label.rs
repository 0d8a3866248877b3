//! What a message says about itself: one header.

use coilgun_client::Message;
use sha2::{Digest, Sha256};

/// Name of the header.
pub(super) const HEADER: &str = "Corpus";

/// Who published a message, the how-manieth it is, and what it belongs to.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Label {
    pub(super) publisher: u64,
    /// Counted per publisher, over everything it publishes.
    pub(super) number: u64,
    /// The file in the corpus.
    pub(super) file: u64,
    /// This is the last part of the file.
    pub(super) is_last: bool,
}

impl Label {
    /// The header's value for a payload: the label and the payload's hash.
    pub(super) fn value(&self, payload: &[u8]) -> Vec<u8> {
        let numbers = [self.publisher, self.number, self.file, u64::from(self.is_last)];
        let mut value: Vec<u8> = numbers.into_iter().flat_map(u64::to_le_bytes).collect();
        value.extend(Sha256::digest(payload));
        value
    }

    /// Reads the label of a message, after its payload was compared with its hash.
    pub(super) fn of(message: &Message) -> Label {
        let value = message.header(HEADER).expect("every message has its label");
        let number = |at: usize| {
            let bytes = value[8 * at..8 * at + 8].try_into().expect("eight bytes");
            u64::from_le_bytes(bytes)
        };
        let label = Label {
            publisher: number(0),
            number: number(1),
            file: number(2),
            is_last: number(3) == 1,
        };
        let hash = Sha256::digest(message.payload());
        assert!(value[32..] == hash[..], "{label:?}: the payload changed on its way");
        label
    }
}
