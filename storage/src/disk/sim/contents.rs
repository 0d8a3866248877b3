//! What a file of the simulated disk holds: sectors that are durable, and newer ones that are not yet.

use std::collections::BTreeMap;
use std::ops::Range;

use super::dice::Dice;

/// A disk writes a sector of this many bytes as a whole, or not.
pub(super) const SECTOR_BYTES: usize = 512;

/// The bytes of one file.
#[derive(Debug, Default)]
pub(super) struct Contents {
    /// What a power failure leaves, and how long the file is.
    durable: Vec<u8>,
    /// Sectors that were written since, each from the oldest to the newest, which is what is read.
    newer: BTreeMap<usize, Vec<Version>>,
}

/// What a sector was given and did not keep for sure.
#[derive(Debug)]
struct Version {
    bytes: Vec<u8>,
    /// How many operations had been completed before it was.
    moment: u64,
    /// A sync that failed has dropped it: no later one makes it durable.
    is_doomed: bool,
}

/// Whether what is written is durable at once.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Durability {
    /// It is.
    Durable,
    /// Only when a sync succeeds that was begun after so many operations were completed.
    After(u64),
}

impl Contents {
    /// A file with these bytes, durable.
    pub(super) fn new(bytes: Vec<u8>) -> Contents {
        Contents { durable: bytes, newer: BTreeMap::new() }
    }

    pub(super) fn len(&self) -> usize {
        self.durable.len()
    }

    /// What a read of this range brings; it ends where the file does.
    pub(super) fn read(&self, range: Range<usize>) -> Vec<u8> {
        let end = range.end.min(self.len());
        let start = range.start.min(end);
        let mut bytes = self.durable[start..end].to_vec();
        for (sector, versions) in self.newer.range(start / SECTOR_BYTES..end.div_ceil(SECTOR_BYTES))
        {
            let newest = versions.last().expect("a sector without versions is not kept");
            let at = sector * SECTOR_BYTES;
            let both = at.max(start)..(at + newest.bytes.len()).min(end);
            bytes[both.start - start..both.end - start]
                .copy_from_slice(&newest.bytes[both.start - at..both.end - at]);
        }
        bytes
    }

    pub(super) fn read_all(&self) -> Vec<u8> {
        self.read(0..self.len())
    }

    /// Writes those sectors of `bytes` for which `is_written`, by their number within `bytes`.
    pub(super) fn write(
        &mut self,
        at: usize,
        bytes: &[u8],
        durability: Durability,
        is_written: impl Fn(usize) -> bool,
    ) {
        assert!(at.is_multiple_of(SECTOR_BYTES), "sectors are written as a whole");
        for (index, part) in bytes.chunks(SECTOR_BYTES).enumerate() {
            if is_written(index) {
                self.write_sector(at / SECTOR_BYTES + index, part, durability);
            }
        }
    }

    fn write_sector(&mut self, sector: usize, bytes: &[u8], durability: Durability) {
        match durability {
            Durability::Durable => {
                let at = sector * SECTOR_BYTES;
                self.durable[at..at + bytes.len()].copy_from_slice(bytes);
                self.newer.remove(&sector);
            }
            Durability::After(moment) => {
                let version = Version { bytes: bytes.to_vec(), moment, is_doomed: false };
                self.newer.entry(sector).or_default().push(version);
            }
        }
    }

    /// Makes durable what was written before `moment`.
    pub(super) fn sync(&mut self, moment: u64) {
        let Contents { durable, newer } = self;
        newer.retain(|sector, versions| {
            let is_kept = |version: &Version| version.moment < moment && !version.is_doomed;
            if let Some(last) = versions.iter().rposition(is_kept) {
                let at = sector * SECTOR_BYTES;
                let bytes = &versions[last].bytes;
                durable[at..at + bytes.len()].copy_from_slice(bytes);
                versions.drain(..=last);
            }
            !versions.is_empty()
        });
    }

    /// Tries to make durable what was written before `moment`, and fails: some sectors will never be,
    /// whatever later syncs say. Returns how many.
    pub(super) fn fail_sync(&mut self, moment: u64, dice: &mut Dice) -> u64 {
        let versions = self.newer.values_mut().flatten();
        let mut doomed = 0;
        for version in versions.filter(|version| version.moment < moment && !version.is_doomed) {
            version.is_doomed = dice.coin();
            doomed += u64::from(version.is_doomed);
        }
        doomed
    }

    /// The power fails: of each sector that is not durable stays any version. Returns how many sectors
    /// lost their newest.
    pub(super) fn lose_power(&mut self, dice: &mut Dice) -> u64 {
        let all = dice.below(4);
        let mut lost = 0;
        for (sector, versions) in std::mem::take(&mut self.newer) {
            // All is lost, all is kept, or each sector has a fate of its own.
            let kept = match all {
                0 => 0,
                1 => versions.len(),
                _ => dice.below(versions.len() + 1),
            };
            lost += u64::from(kept < versions.len());
            if let Some(index) = kept.checked_sub(1) {
                let bytes = &versions[index].bytes;
                let at = sector * SECTOR_BYTES;
                self.durable[at..at + bytes.len()].copy_from_slice(bytes);
            }
        }
        lost
    }

    /// Cuts the file off.
    pub(super) fn truncate(&mut self, len: usize) {
        assert!(len.is_multiple_of(SECTOR_BYTES), "sectors are cut off as a whole");
        self.durable.truncate(len);
        self.newer.retain(|sector, _| sector * SECTOR_BYTES < len);
    }

    /// Turns a bit over, wherever it is kept. Returns whether there is such a byte.
    pub(super) fn flip(&mut self, byte: usize, bit: u32) -> bool {
        let Some(durable) = self.durable.get_mut(byte) else { return false };
        *durable ^= 1 << bit;
        for version in self.newer.get_mut(&(byte / SECTOR_BYTES)).into_iter().flatten() {
            version.bytes[byte % SECTOR_BYTES] ^= 1 << bit;
        }
        true
    }

    /// How many sectors are not durable.
    pub(super) fn unsynced_sectors(&self) -> usize {
        self.newer.len()
    }
}

/// Which sectors of a write that was interrupted are stored: none, all, the first ones, all but one, or
/// any.
pub(super) fn torn(sectors: usize, dice: &mut Dice) -> Vec<bool> {
    match dice.below(6) {
        0 => vec![false; sectors],
        1 => vec![true; sectors],
        2 => {
            let stored = dice.below(sectors + 1);
            (0..sectors).map(|sector| sector < stored).collect()
        }
        3 => {
            let missing = dice.below(sectors);
            (0..sectors).map(|sector| sector != missing).collect()
        }
        _ => (0..sectors).map(|_| dice.coin()).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: fn(usize) -> bool = |_| true;

    fn two_sectors() -> Contents {
        Contents::new(vec![0; 2 * SECTOR_BYTES])
    }

    #[test]
    fn the_newest_is_read_and_the_durable_survives() {
        let mut contents = two_sectors();
        contents.write(0, &[1; 2 * SECTOR_BYTES], Durability::Durable, ALL);
        contents.write(SECTOR_BYTES, &[2; SECTOR_BYTES], Durability::After(5), ALL);
        assert_eq!(contents.read(510..514), [1, 1, 2, 2]);
        let mut seen = std::collections::BTreeSet::new();
        for seed in 0..50 {
            let mut contents = two_sectors();
            contents.write(0, &[1; 2 * SECTOR_BYTES], Durability::Durable, ALL);
            contents.write(SECTOR_BYTES, &[2; SECTOR_BYTES], Durability::After(5), ALL);
            contents.lose_power(&mut Dice::new(seed));
            let left = contents.read_all();
            assert_eq!(left[0], 1, "what is durable stays");
            seen.insert(left[SECTOR_BYTES]);
        }
        assert_eq!(Vec::from_iter(seen), [1, 2], "what is not goes, or stays");
    }

    #[test]
    fn a_sync_covers_what_was_written_before_it_began() {
        let mut contents = two_sectors();
        contents.write(0, &[1; SECTOR_BYTES], Durability::After(5), ALL);
        contents.write(0, &[2; SECTOR_BYTES], Durability::After(6), ALL);
        contents.sync(5);
        assert_eq!(contents.durable[0], 0);
        contents.sync(6);
        assert_eq!((contents.durable[0], contents.read(0..1)[0]), (1, 2));
        contents.sync(7);
        assert_eq!((contents.durable[0], contents.unsynced_sectors()), (2, 0));
    }

    #[test]
    fn what_a_failed_sync_dropped_stays_lost() {
        let mut dropped = 0;
        for seed in 0..20 {
            let mut contents = two_sectors();
            contents.write(0, &[1; SECTOR_BYTES], Durability::After(0), ALL);
            let doomed = contents.fail_sync(1, &mut Dice::new(seed));
            contents.sync(2);
            assert_eq!(u64::from(contents.durable[0]), 1 - doomed);
            assert_eq!(contents.read(0..1), [1], "until the power fails it can be read");
            dropped += doomed;
        }
        assert!((1..20).contains(&dropped), "{dropped}");
    }

    #[test]
    fn only_the_sectors_that_are_written_change() {
        let mut contents = two_sectors();
        contents.write(0, &[1; 2 * SECTOR_BYTES], Durability::Durable, |sector| sector == 1);
        assert_eq!(contents.read(511..513), [0, 1]);
    }

    #[test]
    fn a_flipped_bit_shows_wherever_the_byte_is_kept() {
        let mut contents = two_sectors();
        contents.write(0, &[1; SECTOR_BYTES], Durability::After(0), ALL);
        assert!(contents.flip(3, 7) && contents.flip(600, 0));
        assert_eq!((contents.read(3..4)[0], contents.read(600..601)[0]), (0x81, 1));
        contents.sync(1);
        assert_eq!(contents.read(3..4)[0], 0x81);
        assert!(!contents.flip(2 * SECTOR_BYTES, 0));
    }

    #[test]
    fn a_file_that_is_no_sector_long_is_read_to_its_end() {
        let mut contents = Contents::new(vec![0; 700]);
        contents.write(0, &[3; 700], Durability::After(0), ALL);
        assert_eq!(contents.read(690..9000), [3; 10]);
        assert_eq!(contents.read(800..900), [0; 0]);
        contents.sync(1);
        assert_eq!(contents.durable, [3; 700]);
    }

    #[test]
    fn tearing_takes_every_shape() {
        let mut dice = Dice::new(3);
        let shapes: std::collections::BTreeSet<_> = (0..300).map(|_| torn(3, &mut dice)).collect();
        assert_eq!(shapes.len(), 8);
    }
}
