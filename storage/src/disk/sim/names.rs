//! The directory of the simulated disk: which names there are, and which a power failure leaves.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use super::dice::Dice;

/// One file, whatever its name.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct FileId(pub(super) u64);

/// The names of one directory.
#[derive(Debug, Default)]
pub(super) struct Names {
    /// As processes see them.
    seen: BTreeMap<String, FileId>,
    /// As they are on the disk.
    durable: BTreeMap<String, FileId>,
    /// What makes those out of these, each with how many operations had been completed before.
    unsynced: Vec<(u64, Change)>,
    /// Directories in the directory; a harness puts them there.
    directories: BTreeSet<String>,
}

/// One change of a directory.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Change {
    /// A file gets its first name.
    Add { name: String, file: FileId },
    /// A file gets another name, and who had that is without one.
    Rename { from: String, to: String, file: FileId },
    /// A file loses its name.
    Remove { name: String, file: FileId },
}

impl Names {
    /// The file with a name.
    ///
    /// # Errors
    /// If there is none, or it is a directory.
    pub(super) fn find(&self, name: &str) -> io::Result<FileId> {
        self.refuse_directory(name)?;
        let missing = || io::Error::from_raw_os_error(libc::ENOENT);
        self.seen.get(name).copied().ok_or_else(missing)
    }

    fn refuse_directory(&self, name: &str) -> io::Result<()> {
        let is_directory = self.directories.contains(name);
        if is_directory { Err(io::Error::from_raw_os_error(libc::EISDIR)) } else { Ok(()) }
    }

    /// Asks whether a new file may have this name.
    ///
    /// # Errors
    /// If something has it.
    pub(super) fn expect_free(&self, name: &str) -> io::Result<()> {
        let is_taken = self.seen.contains_key(name) || self.directories.contains(name);
        if is_taken { Err(io::Error::from_raw_os_error(libc::EEXIST)) } else { Ok(()) }
    }

    pub(super) fn add(&mut self, name: &str, file: FileId, moment: u64) {
        self.change(Change::Add { name: name.to_owned(), file }, moment);
    }

    /// Renames a file.
    ///
    /// # Errors
    /// If there is none, or one of the names is that of a directory.
    pub(super) fn rename(&mut self, from: &str, to: &str, moment: u64) -> io::Result<()> {
        let file = self.find(from)?;
        self.refuse_directory(to)?;
        self.change(Change::Rename { from: from.to_owned(), to: to.to_owned(), file }, moment);
        Ok(())
    }

    /// Removes a file's name.
    ///
    /// # Errors
    /// If there is none.
    pub(super) fn remove(&mut self, name: &str, moment: u64) -> io::Result<()> {
        let file = self.find(name)?;
        self.change(Change::Remove { name: name.to_owned(), file }, moment);
        Ok(())
    }

    fn change(&mut self, change: Change, moment: u64) {
        apply(&mut self.seen, &change);
        self.unsynced.push((moment, change));
    }

    /// Makes durable what was changed before `moment`.
    pub(super) fn sync(&mut self, moment: u64) {
        let covered = self.unsynced.partition_point(|(changed, _)| *changed < moment);
        for (_, change) in self.unsynced.drain(..covered) {
            apply(&mut self.durable, &change);
        }
    }

    /// The power fails: of the changes that are not durable the first ones stay, or any if they are
    /// `scattered`. Returns how many are lost.
    pub(super) fn lose_power(&mut self, scattered: bool, dice: &mut Dice) -> u64 {
        let changes = std::mem::take(&mut self.unsynced);
        let first = dice.below(changes.len() + 1);
        let mut lost = 0;
        for (index, (_, change)) in changes.iter().enumerate() {
            let is_kept = if scattered { dice.coin() } else { index < first };
            if is_kept {
                apply(&mut self.durable, change);
            } else {
                lost += 1;
            }
        }
        self.seen = self.durable.clone();
        lost
    }

    /// A harness gives a file a name, at once and for good; or takes it away. That makes all other names
    /// durable, too.
    pub(super) fn force(&mut self, name: &str, file: Option<FileId>) {
        self.sync(u64::MAX);
        for names in [&mut self.seen, &mut self.durable] {
            match file {
                Some(file) => names.insert(name.to_owned(), file),
                None => names.remove(name),
            };
        }
    }

    pub(super) fn force_directory(&mut self, name: &str) {
        self.force(name, None);
        self.directories.insert(name.to_owned());
    }

    /// The files that processes see, by name.
    pub(super) fn files(&self) -> impl Iterator<Item = (&String, FileId)> {
        self.seen.iter().map(|(name, file)| (name, *file))
    }

    pub(super) fn directories(&self) -> impl Iterator<Item = &String> {
        self.directories.iter()
    }

    /// Every file that has a name, or may have one again after a power failure.
    pub(super) fn reachable(&self) -> BTreeSet<FileId> {
        let named = self.seen.values().chain(self.durable.values()).copied();
        named.chain(self.unsynced.iter().map(|(_, change)| change.file())).collect()
    }

    /// How many changes are not durable.
    pub(super) fn unsynced_changes(&self) -> usize {
        self.unsynced.len()
    }
}

impl Change {
    fn file(&self) -> FileId {
        match self {
            Change::Add { file, .. }
            | Change::Rename { file, .. }
            | Change::Remove { file, .. } => *file,
        }
    }
}

/// Carries a change out. One that depends on another that was lost is lost with it.
fn apply(names: &mut BTreeMap<String, FileId>, change: &Change) {
    match change {
        Change::Add { name, file } => {
            names.insert(name.clone(), *file);
        }
        Change::Rename { from, to, file } => {
            if names.get(from) == Some(file) {
                names.remove(from);
                names.insert(to.clone(), *file);
            }
        }
        Change::Remove { name, file } => {
            if names.get(name) == Some(file) {
                names.remove(name);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: FileId = FileId(1);
    const B: FileId = FileId(2);

    fn seen(names: &Names) -> Vec<(&str, FileId)> {
        names.files().map(|(name, file)| (name.as_str(), file)).collect()
    }

    /// Two files, of which the second takes the name of the first.
    fn changed() -> Names {
        let mut names = Names::default();
        names.add("a", A, 0);
        names.sync(1);
        names.add("b", B, 1);
        names.rename("b", "a", 2).expect("it is there");
        names
    }

    #[test]
    fn a_power_failure_leaves_a_beginning_of_the_changes() {
        let mut states = BTreeSet::new();
        for seed in 0..50 {
            let mut names = changed();
            assert_eq!(seen(&names), [("a", B)]);
            names.lose_power(false, &mut Dice::new(seed));
            states.insert(format!("{:?}", seen(&names)));
        }
        let legal = [vec![("a", A)], vec![("a", A), ("b", B)], vec![("a", B)]];
        assert_eq!(states, legal.iter().map(|state| format!("{state:?}")).collect());
    }

    #[test]
    fn scattered_changes_that_need_a_lost_one_are_lost_with_it() {
        let mut states = BTreeSet::new();
        for seed in 0..50 {
            let mut names = Names::default();
            names.add("a", A, 0);
            names.add("b", B, 1);
            names.remove("a", 2).expect("it is there");
            names.lose_power(true, &mut Dice::new(seed));
            states.insert(format!("{:?}", seen(&names)));
        }
        let legal = [vec![], vec![("a", A)], vec![("b", B)], vec![("a", A), ("b", B)]];
        assert_eq!(states, legal.iter().map(|state| format!("{state:?}")).collect());
    }

    #[test]
    fn a_sync_covers_what_was_changed_before_it_began() {
        let mut names = changed();
        names.sync(2);
        assert_eq!(names.unsynced_changes(), 1);
        names.sync(3);
        assert_eq!(names.lose_power(false, &mut Dice::new(0)), 0);
        assert_eq!(seen(&names), [("a", B)]);
    }

    #[test]
    fn names_that_are_taken_or_missing_are_refused() {
        let mut names = changed();
        names.force_directory("d");
        assert!(names.expect_free("a").is_err() && names.expect_free("d").is_err());
        assert!(names.expect_free("b").is_ok());
        assert!(names.find("b").is_err() && names.find("d").is_err());
        assert!(names.rename("a", "d", 9).is_err() && names.remove("d", 9).is_err());
    }
}
