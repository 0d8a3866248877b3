//! Tasks beside the turns of simulated shards, and the disks they wait for.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::task::{Context, Waker};

use coilgun_storage::disk::sim::{Dice, SimWorld as SimDisks};

/// What runs beside the turns.
#[derive(Default)]
pub(super) struct SimTasks {
    tasks: Vec<Pin<Box<dyn Future<Output = ()>>>>,
    /// By directory.
    disks: BTreeMap<PathBuf, SimDisks>,
}

impl SimTasks {
    /// The disk of a directory; the same one whenever it is asked for.
    pub(super) fn disk(&mut self, directory: &Path) -> &SimDisks {
        self.disks.entry(directory.to_owned()).or_default()
    }

    /// Whether nothing runs, and no disk was asked for.
    pub(super) fn is_empty(&self) -> bool {
        self.tasks.is_empty() && self.disks.is_empty()
    }

    /// Adds a task.
    pub(super) fn spawn(&mut self, task: impl Future<Output = ()> + 'static) {
        self.tasks.push(Box::pin(task));
    }

    /// Lets every task go on that can, and then every disk complete an operation.
    pub(super) fn run(&mut self, dice: &mut Dice) {
        // Whoever waits for something that has not happened says so again; there are only a few.
        let mut context = Context::from_waker(Waker::noop());
        self.tasks.retain_mut(|task| task.as_mut().poll(&mut context).is_pending());
        for disk in self.disks.values() {
            disk.complete_one(dice);
        }
    }

    /// Takes in what was begun elsewhere meanwhile.
    pub(super) fn join(&mut self, other: SimTasks) {
        self.tasks.extend(other.tasks);
        self.disks.extend(other.disks);
    }
}

impl fmt::Debug for SimTasks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimTasks").field("tasks", &self.tasks.len()).finish()
    }
}
