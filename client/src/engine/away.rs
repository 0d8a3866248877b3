//! What waits for the next connection, in the order in which it was given.

use std::collections::{BTreeMap, HashMap};

use crate::engine::calls::Call;
use crate::engine::fixed_state::FixedState;
use crate::error::ClientError;

/// Where the first frame of all stands: there is room before it for what an earlier connection left.
const MIDDLE: u64 = 1 << 63;

/// Frames that wait for a connection, no more bytes than may.
#[derive(Debug)]
pub(super) struct Away {
    /// By place.
    frames: BTreeMap<u64, Kept>,
    /// The places of the frames that calls wait for.
    places: HashMap<Call, u64, FixedState>,
    bytes: usize,
    bytes_max: usize,
}

/// A frame that waits.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) frame: Vec<u8>,
    /// The call that waits for the answer to it; none: it goes out whatever happens.
    pub(super) call: Option<Call>,
}

impl Away {
    pub(super) fn new(bytes_max: usize) -> Away {
        Away { frames: BTreeMap::new(), places: HashMap::default(), bytes: 0, bytes_max }
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether so many bytes more may wait.
    pub(super) fn has_room(&self, bytes: usize) -> bool {
        self.bytes.saturating_add(bytes) <= self.bytes_max
    }

    /// Keeps a frame behind all others.
    ///
    /// # Errors
    /// If there is no room for it.
    pub(super) fn push(&mut self, kept: Kept) -> Result<(), ClientError> {
        if !self.has_room(kept.frame.len()) {
            return Err(ClientError::AwayFull { bytes_max: self.bytes_max });
        }
        let place = self.frames.last_key_value().map_or(MIDDLE, |(last, _)| last + 1);
        self.bytes += kept.frame.len();
        if let Some(call) = kept.call {
            self.places.insert(call, place);
        }
        self.frames.insert(place, kept);
        Ok(())
    }

    /// Keeps frames, for which there is room, before all others.
    pub(super) fn prepend(&mut self, frames: Vec<Vec<u8>>) {
        let first = self.frames.first_key_value().map_or(MIDDLE, |(first, _)| *first);
        let places = first - frames.len() as u64..;
        for (place, frame) in places.zip(frames) {
            self.bytes += frame.len();
            self.frames.insert(place, Kept { frame, call: None });
        }
        assert!(self.has_room(0), "whoever gives frames back asks for room");
    }

    /// Forgets the frame of a call for whose answer nobody waits any more, if it still waits.
    pub(super) fn take_back(&mut self, call: Call) {
        let kept = self.places.remove(&call).and_then(|place| self.frames.remove(&place));
        self.bytes -= kept.map_or(0, |kept| kept.frame.len());
    }

    /// Hands everything out, in order.
    pub(super) fn take(&mut self) -> impl Iterator<Item = Kept> + use<> {
        self.places.clear();
        self.bytes = 0;
        core::mem::take(&mut self.frames).into_values()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(byte: u8, call: Option<u64>) -> Kept {
        Kept { frame: vec![byte; 4], call: call.map(Call) }
    }

    #[test]
    fn frames_come_out_in_order_and_what_is_taken_back_leaves_room() {
        let mut away = Away::new(16);
        for (byte, call) in [(3, None), (4, Some(7)), (5, None), (6, Some(8))] {
            away.push(kept(byte, call)).expect("there is room");
        }
        let full = away.push(kept(9, None)).expect_err("it holds what it may");
        assert!(matches!(full, ClientError::AwayFull { bytes_max: 16 }));
        for call in [7, 8, 8, 9] {
            away.take_back(Call(call));
        }
        assert_eq!(away.bytes(), 8);
        away.prepend(vec![vec![1; 4], vec![2; 4]]);
        let order: Vec<_> = away.take().map(|kept| kept.frame[0]).collect();
        assert_eq!((order, away.bytes()), (vec![1, 2, 3, 5], 0));
    }
}
