//! The side of the simulated disk that harnesses see: they decide what is completed, what fails, when
//! everything stops, and what is left then.

use std::cell::{RefCell, RefMut};
use std::rc::Rc;

use super::crashing::Crash;
use super::dice::Dice;
use super::disk::SimDisk;
use super::faults::{DiskCounts, Fault, Faults};
use super::state::State;

/// A simulated disk with one directory. Cheap to clone: all clones are the same world.
#[derive(Clone, Debug)]
pub struct SimWorld(Rc<RefCell<State>>);

impl SimWorld {
    /// An empty directory on a disk without faults and without end.
    #[must_use]
    pub fn new() -> SimWorld {
        SimWorld(Rc::new(RefCell::new(State::new())))
    }

    pub(super) fn state(&self) -> RefMut<'_, State> {
        self.0.borrow_mut()
    }

    /// The directory, for the code under test.
    #[must_use]
    pub fn disk(&self) -> SimDisk {
        SimDisk::new(self.clone())
    }

    /// Completes one of the operations in flight, chosen by the dice. `false` says that there is none, or
    /// that everything has stopped.
    pub fn complete_one(&self, dice: &mut Dice) -> bool {
        let waker = {
            let mut state = self.state();
            if state.is_crashed { None } else { state.complete_one(dice) }
        };
        let is_one = waker.is_some();
        // Outside of the borrow: whoever is woken may look at the world.
        waker.into_iter().for_each(std::task::Waker::wake);
        is_one
    }

    /// How many operations were begun, ever.
    #[must_use]
    pub fn operations(&self) -> u64 {
        self.state().begun
    }

    /// How many operations are in flight.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.state().in_flight.len()
    }

    /// Stops everything when the `nth` operation from now on has begun, counted from 1: it is in flight
    /// then.
    ///
    /// # Panics
    /// If `nth` is 0.
    pub fn crash_at(&self, nth: u64) {
        assert!(nth > 0, "the next operation is the first");
        let mut state = self.state();
        state.crash_at = Some(state.begun + nth);
    }

    /// Whether the operation of [`crash_at`](SimWorld::crash_at) has begun. Nothing goes on until
    /// [`crash`](SimWorld::crash).
    #[must_use]
    pub fn is_crashed(&self) -> bool {
        self.state().is_crashed
    }

    /// Ends the process at this moment, whether or not everything has stopped before, and makes what the
    /// next one finds: the dice decides what became of the operations in flight, and of what was not
    /// durable. Futures and files of the process that ended never go on; drop them. Faults and crashes
    /// that were appointed and did not happen are forgotten.
    pub fn crash(&self, crash: Crash, dice: &mut Dice) {
        self.state().crash(crash, dice);
    }

    /// Lets a fault happen to the `nth` operation from now on, counted from 1.
    ///
    /// # Panics
    /// If `nth` is 0.
    pub fn fail_at(&self, nth: u64, fault: Fault) {
        assert!(nth > 0, "the next operation is the first");
        let mut state = self.state();
        let number = state.begun + nth;
        state.scheduled.insert(number, fault);
    }

    /// Changes which faults happen by themselves from now on.
    pub fn set_faults(&self, faults: Faults) {
        self.state().faults = faults;
    }

    /// Changes how many bytes of files the disk holds; a new file that does not fit is refused. `None` is
    /// any number.
    pub fn set_capacity(&self, bytes: Option<u64>) {
        self.state().capacity_bytes = bytes.unwrap_or(u64::MAX);
    }

    /// How many bytes of files the disk holds now.
    #[must_use]
    pub fn used_bytes(&self) -> u64 {
        self.state().used_bytes()
    }

    /// Turns a bit of a file over.
    ///
    /// # Panics
    /// If there is no such file, or it has no such byte.
    pub fn flip(&self, name: &str, byte: u64, bit: u32) {
        let mut state = self.state();
        let file = state.names.find(name).expect("a bit of a file that is there");
        let at = usize::try_from(byte).expect("simulated files fit into memory");
        assert!(state.contents(file).flip(at, bit), "{name} has no byte {byte}");
        state.counts.flips += 1;
        state.trace.note(format_args!("flip: bit {bit} of byte {byte} of {name}"));
    }

    /// Puts a file into the directory, in the place of the one with that name; at once and durable.
    pub fn plant(&self, name: &str, bytes: &[u8]) {
        let mut state = self.state();
        let file = state.new_file(bytes.to_vec());
        state.names.force(name, Some(file));
        state.forget_files();
        state.counts.planted += 1;
        let crc = crc32c::crc32c(bytes);
        state.trace.note(format_args!("plant: {name} of {} {crc:08x}", bytes.len()));
    }

    /// Puts a directory into the directory, which nothing can be done with.
    pub fn plant_directory(&self, name: &str) {
        let mut state = self.state();
        state.names.force_directory(name);
        state.counts.planted += 1;
        state.trace.note(format_args!("plant: directory {name}"));
    }

    /// Takes a file away; at once and durable.
    ///
    /// # Panics
    /// If there is none.
    pub fn remove_behind(&self, name: &str) {
        let mut state = self.state();
        state.names.find(name).expect("a file that is there");
        state.names.force(name, None);
        state.forget_files();
        state.counts.removed_behind += 1;
        state.trace.note(format_args!("take away: {name}"));
    }

    /// What a process reads in a file now, without an operation; `None` if there is none.
    #[must_use]
    pub fn contents(&self, name: &str) -> Option<Vec<u8>> {
        let state = self.state();
        let file = state.names.find(name).ok()?;
        Some(state.files[&file].read_all())
    }

    /// The names of the files that processes see now, in order.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        self.state().names.files().map(|(name, _)| name.clone()).collect()
    }

    /// How many files are open; one counts as often as it is.
    #[must_use]
    pub fn open_files(&self) -> usize {
        self.state().open.values().sum()
    }

    /// How many sectors of files, and how many changes of the directory, a power failure could lose now,
    /// apart from those in flight.
    #[must_use]
    pub fn unsynced(&self) -> (usize, usize) {
        let state = self.state();
        let sectors = state.files.values().map(|contents| contents.unsynced_sectors()).sum();
        (sectors, state.names.unsynced_changes())
    }

    /// How often everything happened.
    #[must_use]
    pub fn counts(&self) -> DiskCounts {
        self.state().counts
    }

    /// A hash of everything that happened, in order: runs with equal hashes were equal.
    #[must_use]
    pub fn trace_hash(&self) -> u64 {
        self.state().trace.hash()
    }

    /// Keeps the lines of what happens from now on.
    pub fn keep_trace(&self) {
        self.state().trace.keep();
    }

    /// The lines that were kept.
    #[must_use]
    pub fn trace(&self) -> Vec<String> {
        self.state().trace.lines()
    }
}

impl Default for SimWorld {
    fn default() -> SimWorld {
        SimWorld::new()
    }
}
