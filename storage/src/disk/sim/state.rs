//! What a simulated world is made of, and how an operation begins.

use std::collections::BTreeMap;
use std::task::Waker;

use super::contents::Contents;
use super::faults::{DiskCounts, Fault, Faults};
use super::names::{FileId, Names};
use super::request::{Answer, Completed, InFlight, Request};
use super::trace::Trace;

/// The state behind all handles of one world.
#[derive(Debug)]
pub(super) struct State {
    pub(super) names: Names,
    pub(super) files: BTreeMap<FileId, Contents>,
    /// How often each file is open.
    pub(super) open: BTreeMap<FileId, usize>,
    /// By the number of the operation.
    pub(super) in_flight: BTreeMap<u64, InFlight>,
    pub(super) completed: BTreeMap<u64, Completed>,
    /// How many operations were begun and how many were completed, ever.
    pub(super) begun: u64,
    pub(super) completions: u64,
    /// How many crashes there were: what belongs to an earlier process never goes on.
    pub(super) generation: u64,
    /// The number of the operation that is in flight when everything stops.
    pub(super) crash_at: Option<u64>,
    /// Everything has stopped, and the harness has not yet said what is left.
    pub(super) is_crashed: bool,
    pub(super) scheduled: BTreeMap<u64, Fault>,
    pub(super) faults: Faults,
    pub(super) capacity_bytes: u64,
    pub(super) counts: DiskCounts,
    pub(super) trace: Trace,
    next_file: u64,
}

impl State {
    pub(super) fn new() -> State {
        State {
            names: Names::default(),
            files: BTreeMap::new(),
            open: BTreeMap::new(),
            in_flight: BTreeMap::new(),
            completed: BTreeMap::new(),
            begun: 0,
            completions: 0,
            generation: 0,
            crash_at: None,
            is_crashed: false,
            scheduled: BTreeMap::new(),
            faults: Faults::none(),
            capacity_bytes: u64::MAX,
            counts: DiskCounts::default(),
            trace: Trace::new(),
            next_file: 1,
        }
    }

    /// Begins an operation and returns its number.
    pub(super) fn submit(&mut self, request: Request, waker: Waker) -> u64 {
        assert!(!self.is_crashed, "nothing begins after a crash");
        self.begun += 1;
        self.counts.operations += 1;
        let number = self.begun;
        self.trace.note(format_args!("{number} begins: {request}"));
        let fault = self.scheduled.remove(&number);
        let held = match fault {
            Some(Fault::Slow(others)) => {
                self.counts.slow += 1;
                others
            }
            Some(Fault::Error | Fault::Full | Fault::Short | Fault::Flip) | None => 0,
        };
        let moment = self.completions;
        let in_flight = InFlight { request, moment, fault, held, waker, is_abandoned: false };
        self.in_flight.insert(number, in_flight);
        self.is_crashed = self.crash_at == Some(number);
        number
    }

    /// Nobody waits for an operation any more. It is carried out all the same.
    pub(super) fn abandon(&mut self, number: u64) {
        if self.is_crashed {
            // The process is dead: nobody has changed their mind.
            return;
        }
        match self.in_flight.get_mut(&number) {
            Some(in_flight) => {
                in_flight.is_abandoned = true;
                self.counts.abandoned += 1;
                self.trace.note(format_args!("{number} is abandoned"));
            }
            None => {
                self.completed.remove(&number);
            }
        }
    }

    /// A file with these bytes, durable, that has no name yet.
    pub(super) fn new_file(&mut self, bytes: Vec<u8>) -> FileId {
        let file = FileId(self.next_file);
        self.next_file += 1;
        self.files.insert(file, Contents::new(bytes));
        file
    }

    pub(super) fn contents(&mut self, file: FileId) -> &mut Contents {
        self.files.get_mut(&file).expect("a file lasts as long as something refers to it")
    }

    /// Somebody has a file open.
    pub(super) fn hold(&mut self, file: FileId) {
        *self.open.entry(file).or_default() += 1;
    }

    /// Somebody has it open no more.
    pub(super) fn release(&mut self, file: FileId) {
        let holders = self.open.get_mut(&file).expect("it was open");
        *holders -= 1;
        if *holders == 0 {
            self.open.remove(&file);
            self.forget_files();
        }
    }

    /// The bytes of all files that have a name or are open.
    pub(super) fn used_bytes(&self) -> u64 {
        let named = self.names.files().map(|(_, file)| file);
        let mut files: Vec<FileId> = named.chain(self.open.keys().copied()).collect();
        files.sort_unstable();
        files.dedup();
        files.iter().map(|file| self.files[file].len() as u64).sum()
    }

    /// Forgets the files that nothing refers to.
    pub(super) fn forget_files(&mut self) {
        let mut kept = self.names.reachable();
        kept.extend(self.open.keys());
        kept.extend(self.in_flight.values().filter_map(|in_flight| in_flight.request.file()));
        kept.extend(self.completed.values().filter_map(|completed| match completed {
            Ok(Answer::Opened(file, _)) => Some(*file),
            Ok(Answer::Done | Answer::Written(_) | Answer::Bytes(_) | Answer::Entries(_))
            | Err(_) => None,
        }));
        self.files.retain(|file, _| kept.contains(file));
    }
}
