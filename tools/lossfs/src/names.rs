//! The names in one directory: as they are now, and as the disk has them.

use std::collections::{BTreeMap, VecDeque};
use std::ffi::{OsStr, OsString};

/// What is to happen to the names on the disk when the directory is synced.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Change {
    /// The name stands for this node from now on, whatever it stood for.
    Put(OsString, u64),
    /// The name is gone.
    Remove(OsString),
    /// Both at once: the node has the second name and not the first.
    Rename(OsString, OsString, u64),
}

impl Change {
    /// The node that it gives a name.
    pub(crate) fn node(&self) -> Option<u64> {
        match self {
            Change::Put(_, node) | Change::Rename(_, _, node) => Some(*node),
            Change::Remove(_) => None,
        }
    }
}

/// The names in one directory.
#[derive(Clone, Debug, Default)]
pub(crate) struct Names {
    /// As who looks now finds them.
    now: BTreeMap<OsString, u64>,
    /// As the disk has them.
    on_disk: BTreeMap<OsString, u64>,
    /// What leads from the second to the first, in order.
    unsynced: VecDeque<Change>,
}

impl Names {
    /// Names that the disk has.
    pub(crate) fn of_disk(names: BTreeMap<OsString, u64>) -> Names {
        Names { now: names.clone(), on_disk: names, unsynced: VecDeque::new() }
    }

    /// The node with a name.
    pub(crate) fn find(&self, name: &OsStr) -> Option<u64> {
        self.now.get(name).copied()
    }

    /// All names, in order.
    pub(crate) fn now(&self) -> &BTreeMap<OsString, u64> {
        &self.now
    }

    /// All names that the disk has.
    pub(crate) fn on_disk(&self) -> &BTreeMap<OsString, u64> {
        &self.on_disk
    }

    /// Changes the names, in memory. The node that lost its name by that.
    pub(crate) fn change(&mut self, change: Change) -> Option<u64> {
        let lost = apply(&mut self.now, &change);
        self.unsynced.push_back(change);
        lost
    }

    /// The change that the disk should see next.
    pub(crate) fn next_unsynced(&self) -> Option<&Change> {
        self.unsynced.front()
    }

    /// How many changes the disk has not seen.
    pub(crate) fn unsynced_count(&self) -> usize {
        self.unsynced.len()
    }

    /// Notes that the disk has the next change.
    pub(crate) fn on_stored(&mut self) {
        let change = self.unsynced.pop_front().expect("the caller has looked at it");
        apply(&mut self.on_disk, &change);
    }

    /// Goes back to the names that the disk has.
    pub(crate) fn forget(&mut self) {
        self.unsynced.clear();
        self.now = self.on_disk.clone();
    }

    /// Every node that is named here, or was and still is on the disk, or will be there for a moment.
    pub(crate) fn nodes(&self) -> impl Iterator<Item = u64> + '_ {
        let unsynced = self.unsynced.iter().filter_map(Change::node);
        self.now.values().chain(self.on_disk.values()).copied().chain(unsynced)
    }
}

fn apply(names: &mut BTreeMap<OsString, u64>, change: &Change) -> Option<u64> {
    match change {
        Change::Put(name, node) => names.insert(name.clone(), *node),
        Change::Remove(name) => names.remove(name),
        Change::Rename(from, to, node) => {
            names.remove(from);
            names.insert(to.clone(), *node)
        }
    }
}
