//! What goes to the disk below: writes, syncs, and what is left of them when the power is cut.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::Path;

use crate::content::BLOCK_BYTES;
use crate::dice::Dice;
use crate::faults::Lie;
use crate::names::Change;
use crate::power::error;
use crate::volume::{Kind, ROOT, Volume};

/// What a power cut took.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Forgotten {
    /// Blocks of 4096 bytes that were written, not synced, and are lost.
    pub blocks_lost: u64,
    /// Such blocks that are on the disk all the same.
    pub blocks_kept: u64,
    /// Such blocks of which some sectors may be there.
    pub blocks_torn: u64,
    /// Names that were made, changed or removed, and are as before.
    pub names_lost: u64,
}

impl Volume {
    /// Writes at a place of a file; to the disk if it is `synced`.
    ///
    /// # Errors
    /// If the file fails on purpose, there is no room, or the power was cut meanwhile.
    pub(crate) fn write(
        &mut self,
        number: u64,
        at: u64,
        bytes: &[u8],
        synced: bool,
    ) -> io::Result<()> {
        if self.faults.fails(&self.node(number)?.name) {
            return Err(error(libc::EIO));
        }
        self.make_room(number, at + bytes.len() as u64)?;
        let synced = synced && !self.faults.lies(Lie::SyncedWrites);
        let (content, power, dice) = self.content_mut(number)?;
        content.write(at, bytes)?;
        if synced { content.sync_place((at, bytes.len()), power, dice) } else { Ok(()) }
    }

    /// Makes a file so long, in memory.
    ///
    /// # Errors
    /// If there is no room.
    pub(crate) fn set_bytes(&mut self, number: u64, bytes: u64) -> io::Result<()> {
        self.make_room(number, bytes)?;
        self.content_mut(number)?.0.set_bytes(bytes);
        Ok(())
    }

    /// Makes a file at least so long, in memory.
    ///
    /// # Errors
    /// If there is no room.
    pub(crate) fn allocate(&mut self, number: u64, end: u64) -> io::Result<()> {
        if end > self.content(number)?.bytes() { self.set_bytes(number, end) } else { Ok(()) }
    }

    fn make_room(&self, number: u64, end: u64) -> io::Result<()> {
        let now = self.content(number)?.bytes();
        match self.faults.capacity_bytes {
            Some(capacity) if end > now && self.used_bytes() + (end - now) > capacity => {
                Err(error(libc::ENOSPC))
            }
            Some(_) | None => Ok(()),
        }
    }

    /// How many bytes all files have that can be reached.
    pub(crate) fn used_bytes(&self) -> u64 {
        let mut reached: BTreeSet<u64> = self.handles.values().copied().collect();
        for node in self.nodes.values() {
            if let Kind::Directory(names) = &node.kind {
                reached.extend(names.now().values());
            }
        }
        let files = reached.iter().filter_map(|number| self.content(*number).ok());
        files.map(|content| content.bytes().next_multiple_of(BLOCK_BYTES as u64)).sum()
    }

    /// Brings all bytes of a file to the disk. Its name is another matter.
    ///
    /// # Errors
    /// If the power was cut meanwhile, or the disk below refuses.
    pub(crate) fn sync_file(&mut self, number: u64) -> io::Result<()> {
        if self.faults.lies(Lie::FileSyncs) {
            return Ok(());
        }
        let (content, power, dice) = self.content_mut(number)?;
        content.sync(power, dice)
    }

    /// Brings the names of a directory to the disk.
    ///
    /// # Errors
    /// As [`sync_file`](Volume::sync_file).
    pub(crate) fn sync_directory(&mut self, number: u64) -> io::Result<()> {
        let is_lie = self.faults.lies(Lie::DirectorySyncs);
        let count = if is_lie { 0 } else { self.names(number)?.unsynced_count() };
        for _ in 0..count {
            self.power.step()?;
            self.store_next_name(number)?;
        }
        Ok(())
    }

    /// Brings the first change of a directory that is not on the disk there.
    fn store_next_name(&mut self, number: u64) -> io::Result<()> {
        let directory = self.directory_path(number)?;
        let Some(change) = self.names(number)?.next_unsynced().cloned() else { return Ok(()) };
        match &change {
            Change::Put(name, node) => self.put(&directory.join(name), *node)?,
            Change::Remove(name) => self.take_away(&directory.join(name), number, name)?,
            Change::Rename(from, to, node) => {
                self.put(&directory.join(to), *node)?;
                fs::remove_file(directory.join(from))?;
            }
        }
        let touched: Vec<u64> = self.names(number)?.on_disk().values().copied().collect();
        self.names_mut(number)?.on_stored();
        self.collect(touched)
    }

    /// Puts a node under a name of the disk below, in the place of a file that has it.
    fn put(&self, path: &Path, node: u64) -> io::Result<()> {
        if matches!(self.nodes.get(&node).map(|node| &node.kind), Some(Kind::Directory(_))) {
            return fs::rename(self.held_path(node), path);
        }
        match fs::remove_file(path) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        fs::hard_link(self.held_path(node), path)
    }

    fn take_away(&self, path: &Path, parent: u64, name: &std::ffi::OsStr) -> io::Result<()> {
        if !path.is_dir() {
            return fs::remove_file(path);
        }
        match self.names(parent)?.on_disk().get(name) {
            Some(node) => fs::rename(path, self.held_path(*node)),
            None => Err(error(libc::ENOENT)),
        }
    }

    /// Drops those of the nodes that nobody can reach any more.
    ///
    /// # Errors
    /// If the disk below refuses.
    pub(crate) fn collect(&mut self, nodes: impl IntoIterator<Item = u64>) -> io::Result<()> {
        for number in nodes {
            let is_open = self.handles.values().any(|opened| *opened == number);
            let is_named = self.nodes.values().any(|node| match &node.kind {
                Kind::Directory(names) => names.nodes().any(|named| named == number),
                Kind::File(_) => false,
            });
            if !is_open && !is_named && number != ROOT {
                self.drop_node(number)?;
            }
        }
        Ok(())
    }

    fn drop_node(&mut self, number: u64) -> io::Result<()> {
        match self.nodes.remove(&number).map(|node| node.kind) {
            Some(Kind::File(_)) => fs::remove_file(self.held_path(number)),
            Some(Kind::Directory(_)) => fs::remove_dir_all(self.held_path(number)),
            None => Ok(()),
        }
    }

    /// Goes back to what is on the disk. With dice, any of the rest may have come there.
    ///
    /// # Errors
    /// If the disk below refuses.
    pub(crate) fn forget(&mut self, mut dice: Option<&mut Dice>) -> io::Result<Forgotten> {
        let mut forgotten = Forgotten::default();
        self.handles.clear();
        let numbers: Vec<u64> = self.nodes.keys().copied().collect();
        for number in &numbers {
            if self.names(*number).is_err() {
                continue;
            }
            let count = self.names(*number)?.unsynced_count();
            let kept = dice.as_deref_mut().map_or(0, |dice| dice.below(count as u64 + 1));
            for _ in 0..kept {
                self.store_next_name(*number)?;
            }
            self.names_mut(*number)?.forget();
            forgotten.names_lost += count as u64 - kept;
        }
        for node in self.nodes.values_mut() {
            if let Kind::File(content) = &mut node.kind {
                let fate = content.forget(dice.as_deref_mut())?;
                forgotten.blocks_lost += fate.lost;
                forgotten.blocks_kept += fate.kept;
                forgotten.blocks_torn += fate.torn;
            }
        }
        self.drop_unreachable()?;
        Ok(forgotten)
    }

    fn drop_unreachable(&mut self) -> io::Result<()> {
        let (mut reached, mut waiting) = (BTreeSet::new(), vec![ROOT]);
        // Ends because every node is looked at once.
        while let Some(number) = waiting.pop() {
            if reached.insert(number)
                && let Ok(names) = self.names(number)
            {
                waiting.extend(names.now().values());
            }
        }
        let lost: Vec<u64> =
            self.nodes.keys().copied().filter(|number| !reached.contains(number)).collect();
        lost.into_iter().try_for_each(|number| self.drop_node(number))
    }
}
