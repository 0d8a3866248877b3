//! The bytes of one file: what the disk holds of it, and what was written and not synced.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use crate::dice::Dice;
use crate::power::Power;

/// What is lost or kept as one, in bytes.
pub(crate) const BLOCK_BYTES: usize = 4096;
/// What is written wholly or not at all when a block is torn.
const SECTOR_BYTES: usize = 512;

/// One file's bytes.
#[derive(Debug)]
pub(crate) struct Content {
    disk: File,
    /// How long the file is for who reads it now.
    bytes: u64,
    /// How long it is on the disk.
    disk_bytes: u64,
    /// How much of what is on the disk counts; less than `disk_bytes` after a truncation that was not synced.
    shown_bytes: u64,
    /// Whole blocks, as they are for who reads now, zero behind the end of the file.
    unsynced: BTreeMap<u64, Box<[u8; BLOCK_BYTES]>>,
}

/// What became of blocks that were not synced.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Fate {
    pub(crate) lost: u64,
    pub(crate) kept: u64,
    pub(crate) torn: u64,
}

impl Content {
    /// The content of a file of the disk below.
    ///
    /// # Errors
    /// If its length cannot be read.
    pub(crate) fn new(disk: File) -> io::Result<Content> {
        let bytes = disk.metadata()?.len();
        let unsynced = BTreeMap::new();
        Ok(Content { disk, bytes, disk_bytes: bytes, shown_bytes: bytes, unsynced })
    }

    /// How long the file is.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Up to `count` bytes from `at` on; fewer at the end of the file.
    ///
    /// # Errors
    /// If the disk below refuses.
    pub(crate) fn read(&self, at: u64, count: usize) -> io::Result<Vec<u8>> {
        let count = count.min(usize::try_from(self.bytes.saturating_sub(at)).unwrap_or(usize::MAX));
        let mut bytes = vec![0; count];
        let shown = (self.shown_bytes.saturating_sub(at)).min(count as u64) as usize;
        self.disk.read_exact_at(&mut bytes[..shown], at)?;
        let end = at + count as u64;
        let blocks = at / BLOCK_BYTES as u64..end.div_ceil(BLOCK_BYTES as u64);
        for (block, content) in self.unsynced.range(blocks) {
            let begin = block * BLOCK_BYTES as u64;
            let (from, to) = (begin.max(at), (begin + BLOCK_BYTES as u64).min(end));
            bytes[(from - at) as usize..(to - at) as usize]
                .copy_from_slice(&content[(from - begin) as usize..(to - begin) as usize]);
        }
        Ok(bytes)
    }

    /// Writes into memory, and makes the file longer if it has to be.
    ///
    /// # Errors
    /// If the rest of a block cannot be read.
    pub(crate) fn write(&mut self, at: u64, bytes: &[u8]) -> io::Result<()> {
        let end = at + bytes.len() as u64;
        for block in blocks(at, bytes.len()) {
            let begin = block * BLOCK_BYTES as u64;
            let (from, to) = (begin.max(at), (begin + BLOCK_BYTES as u64).min(end));
            let mut content = self.block(block)?;
            content[(from - begin) as usize..(to - begin) as usize]
                .copy_from_slice(&bytes[(from - at) as usize..(to - at) as usize]);
            self.unsynced.insert(block, content);
        }
        self.bytes = self.bytes.max(end);
        Ok(())
    }

    /// A block as it is now, with zeros behind the end of the file.
    fn block(&mut self, block: u64) -> io::Result<Box<[u8; BLOCK_BYTES]>> {
        if let Some(content) = self.unsynced.remove(&block) {
            return Ok(content);
        }
        let mut content = Box::new([0; BLOCK_BYTES]);
        let found = self.read(block * BLOCK_BYTES as u64, BLOCK_BYTES)?;
        content[..found.len()].copy_from_slice(&found);
        Ok(content)
    }

    /// Makes the file so long, in memory.
    pub(crate) fn set_bytes(&mut self, bytes: u64) {
        self.unsynced.split_off(&bytes.div_ceil(BLOCK_BYTES as u64));
        if let Some(last) = self.unsynced.get_mut(&(bytes / BLOCK_BYTES as u64)) {
            last[(bytes % BLOCK_BYTES as u64) as usize..].fill(0);
        }
        self.bytes = bytes;
        self.shown_bytes = self.shown_bytes.min(bytes);
    }

    /// Brings the blocks of a place to the disk, in any order, as far as there is power.
    ///
    /// # Errors
    /// If the power was cut meanwhile, or the disk below refuses: any of the blocks are on the disk then.
    pub(crate) fn sync_place(
        &mut self,
        (at, count): (u64, usize),
        power: &Power,
        dice: &mut Dice,
    ) -> io::Result<()> {
        self.store(blocks(at, count).collect(), power, dice)
    }

    /// Brings everything to the disk, likewise.
    ///
    /// # Errors
    /// As [`sync_place`](Content::sync_place).
    pub(crate) fn sync(&mut self, power: &Power, dice: &mut Dice) -> io::Result<()> {
        power.step()?;
        self.store_length()?;
        self.store(self.unsynced.keys().copied().collect(), power, dice)
    }

    fn store(&mut self, mut blocks: Vec<u64>, power: &Power, dice: &mut Dice) -> io::Result<()> {
        dice.shuffle(&mut blocks);
        for block in blocks {
            power.step()?;
            if let Some(content) = self.unsynced.remove(&block) {
                self.store_block(block, &content, |_| true)?;
            }
        }
        Ok(())
    }

    /// Brings those sectors of a block to the disk that are wanted, and the file's end if it is there.
    fn store_block(
        &mut self,
        block: u64,
        content: &[u8; BLOCK_BYTES],
        mut is_wanted: impl FnMut(usize) -> bool,
    ) -> io::Result<()> {
        self.cut_off()?;
        let begin = block * BLOCK_BYTES as u64;
        let count = (self.bytes - begin).min(BLOCK_BYTES as u64) as usize;
        for (sector, bytes) in content[..count].chunks(SECTOR_BYTES).enumerate() {
            if is_wanted(sector) {
                self.store_bytes(begin + (sector * SECTOR_BYTES) as u64, bytes)?;
            }
        }
        self.shown_bytes = self.disk_bytes;
        Ok(())
    }

    /// Brings bytes to the disk. Zeros where zeros are stay holes, so that prepared files take no room there.
    fn store_bytes(&mut self, at: u64, bytes: &[u8]) -> io::Result<()> {
        let end = at + bytes.len() as u64;
        if end <= self.disk_bytes && bytes.iter().all(|byte| *byte == 0) {
            let mut found = [0; SECTOR_BYTES];
            self.disk.read_exact_at(&mut found[..bytes.len()], at)?;
            if found.iter().all(|byte| *byte == 0) {
                return Ok(());
            }
        }
        self.disk.write_all_at(bytes, at)?;
        self.disk_bytes = self.disk_bytes.max(end);
        Ok(())
    }

    /// Forgets on the disk what a truncation took away.
    fn cut_off(&mut self) -> io::Result<()> {
        if self.shown_bytes < self.disk_bytes {
            self.disk.set_len(self.shown_bytes)?;
            self.disk_bytes = self.shown_bytes;
        }
        Ok(())
    }

    fn store_length(&mut self) -> io::Result<()> {
        self.cut_off()?;
        if self.disk_bytes != self.bytes {
            self.disk.set_len(self.bytes)?;
        }
        (self.disk_bytes, self.shown_bytes) = (self.bytes, self.bytes);
        Ok(())
    }

    /// Goes back to what is on the disk. With dice, any of the rest may have come there: the length, whole
    /// blocks, and sectors of blocks.
    ///
    /// # Errors
    /// If the disk below refuses.
    pub(crate) fn forget(&mut self, mut dice: Option<&mut Dice>) -> io::Result<Fate> {
        let mut fate = Fate::default();
        if let Some(dice) = dice.as_deref_mut()
            && dice.below(2) == 0
        {
            self.store_length()?;
        }
        for (block, content) in std::mem::take(&mut self.unsynced) {
            match dice.as_deref_mut().map(|dice| (dice.below(3), dice)) {
                Some((0, _)) => {
                    self.store_block(block, &content, |_| true)?;
                    fate.kept += 1;
                }
                Some((1, dice)) => {
                    self.store_block(block, &content, |_| dice.below(2) == 0)?;
                    fate.torn += 1;
                }
                Some(_) | None => fate.lost += 1,
            }
        }
        (self.bytes, self.shown_bytes) = (self.disk_bytes, self.disk_bytes);
        Ok(fate)
    }
}

/// The blocks that a place touches.
fn blocks(at: u64, count: usize) -> std::ops::Range<u64> {
    at / BLOCK_BYTES as u64..(at + count as u64).div_ceil(BLOCK_BYTES as u64)
}
