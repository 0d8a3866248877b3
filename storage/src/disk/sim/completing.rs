//! What the simulated disk does to an operation in flight.

use std::io;
use std::task::Waker;

use super::contents::{Durability, SECTOR_BYTES, torn};
use super::dice::Dice;
use super::faults::Fault;
use super::names::FileId;
use super::request::{Answer, Completed, InFlight, Request};
use super::state::State;
use crate::disk::error::too_long;
use crate::disk::seam::{DirectoryEntry, FileKind};
use crate::mutant::{self, Mutant};

/// Most operations that are completed before one that the dice passes over.
const PASSED_OVER_MAX: usize = 8;

impl State {
    /// Completes one of the operations in flight, and returns who waits for it.
    pub(super) fn complete_one(&mut self, dice: &mut Dice) -> Option<Waker> {
        let number = self.choose(dice)?;
        if self.in_flight.first_key_value().is_some_and(|(first, _)| *first < number) {
            self.counts.reordered += 1;
        }
        let in_flight = self.in_flight.remove(&number).expect("it was chosen among these");
        let outcome = self.carry_out(&in_flight, dice);
        self.completions += 1;
        match &outcome {
            Ok(answer) => self.trace.note(format_args!("{number} ends: {answer}")),
            Err(error) => self.trace.note(format_args!("{number} fails: {error}")),
        }
        if !in_flight.is_abandoned {
            self.completed.insert(number, outcome);
        }
        Some(in_flight.waker)
    }

    /// Chooses any of the operations that are not held back; of all if they all are.
    fn choose(&mut self, dice: &mut Dice) -> Option<u64> {
        let free = self.in_flight.iter().filter(|(_, in_flight)| in_flight.held == 0);
        let mut numbers: Vec<u64> = free.map(|(number, _)| *number).collect();
        if numbers.is_empty() {
            numbers = self.in_flight.keys().copied().collect();
        }
        if numbers.is_empty() {
            return None;
        }
        self.in_flight.values_mut().for_each(|other| other.held = other.held.saturating_sub(1));
        let chosen = dice.below(numbers.len());
        if numbers.len() > 1 && dice.chance(self.faults.slow) {
            let passed = numbers.swap_remove(chosen);
            let held = 1 + dice.below(PASSED_OVER_MAX) as u32;
            self.in_flight.get_mut(&passed).expect("it was chosen among these").held = held;
            self.counts.slow += 1;
            return Some(numbers[dice.below(numbers.len())]);
        }
        Some(numbers[chosen])
    }

    fn carry_out(&mut self, in_flight: &InFlight, dice: &mut Dice) -> Completed {
        let request = &in_flight.request;
        let fault = in_flight.fault.or_else(|| self.fault_by_chance(request, dice));
        match fault {
            Some(Fault::Error) => {
                self.counts.failed += 1;
                self.leave_half(request, in_flight.moment, dice);
                Err(io::Error::from_raw_os_error(libc::EIO))
            }
            Some(Fault::Full) => {
                self.counts.full += 1;
                self.leave_half(request, in_flight.moment, dice);
                Err(io::Error::from_raw_os_error(libc::ENOSPC))
            }
            Some(Fault::Short | Fault::Flip | Fault::Slow(_)) | None => {
                self.perform(request, in_flight.moment, fault, dice)
            }
        }
    }

    fn fault_by_chance(&self, request: &Request, dice: &mut Dice) -> Option<Fault> {
        if dice.chance(request.error_rate(&self.faults)) {
            return Some(Fault::Error);
        }
        match request {
            Request::Write { .. } => dice.chance(self.faults.short_write).then_some(Fault::Short),
            Request::Read { .. } | Request::ReadSmall { .. } => {
                dice.chance(self.faults.flip_read).then_some(Fault::Flip)
            }
            Request::CreateFilled { .. }
            | Request::Open { .. }
            | Request::WriteSmall { .. }
            | Request::List
            | Request::Rename { .. }
            | Request::Remove { .. }
            | Request::SyncDirectory
            | Request::Sync { .. }
            | Request::Truncate { .. }
            | Request::Close { .. } => None,
        }
    }

    /// Does what is asked for.
    fn perform(
        &mut self,
        request: &Request,
        moment: u64,
        fault: Option<Fault>,
        dice: &mut Dice,
    ) -> Completed {
        match request {
            Request::CreateFilled { name, bytes } => {
                let bytes = usize::try_from(*bytes).expect("simulated files fit into memory");
                let file = self.create(name, vec![0; bytes])?;
                Ok(Answer::Opened(file, bytes as u64))
            }
            Request::WriteSmall { name, bytes } => {
                self.create(name, bytes.to_vec())?;
                Ok(Answer::Done)
            }
            Request::Open { name } => {
                let file = self.names.find(name)?;
                self.counts.opens += 1;
                Ok(Answer::Opened(file, self.files[&file].len() as u64))
            }
            Request::ReadSmall { name, bytes_max } => {
                self.read_small(name, *bytes_max, fault, dice)
            }
            Request::List => Ok(Answer::Entries(self.entries())),
            Request::Rename { from, to } => {
                self.names.rename(from, to, self.completions)?;
                self.counts.renames += 1;
                Ok(Answer::Done)
            }
            Request::Remove { name } => {
                self.names.remove(name, self.completions)?;
                self.counts.removes += 1;
                Ok(Answer::Done)
            }
            Request::SyncDirectory => {
                self.names.sync(moment);
                self.forget_files();
                self.counts.directory_syncs += 1;
                Ok(Answer::Done)
            }
            Request::Write { file, at, buffer } => {
                Ok(self.write(*file, *at, buffer.as_ref().as_ref(), fault, dice))
            }
            Request::Read { file, at, bytes } => {
                let at = usize::try_from(*at).expect("simulated files fit into memory");
                let read = self.files[file].read(at..at.saturating_add(*bytes));
                self.counts.reads += 1;
                Ok(Answer::Bytes(self.spoil(read, fault, dice)))
            }
            Request::Sync { file } => {
                self.contents(*file).sync(moment);
                self.counts.syncs += 1;
                Ok(Answer::Done)
            }
            Request::Truncate { file, bytes } => {
                self.truncate(*file, *bytes);
                Ok(Answer::Done)
            }
            Request::Close { .. } => Ok(Answer::Done),
        }
    }

    fn create(&mut self, name: &str, bytes: Vec<u8>) -> io::Result<FileId> {
        self.names.expect_free(name)?;
        if self.used_bytes().saturating_add(bytes.len() as u64) > self.capacity_bytes {
            self.counts.full += 1;
            return Err(io::Error::from_raw_os_error(libc::ENOSPC));
        }
        let file = self.new_file(bytes);
        self.names.add(name, file, self.completions);
        self.counts.creates += 1;
        Ok(file)
    }

    fn read_small(
        &mut self,
        name: &str,
        bytes_max: usize,
        fault: Option<Fault>,
        dice: &mut Dice,
    ) -> Completed {
        let file = self.names.find(name)?;
        let contents = &self.files[&file];
        if contents.len() > bytes_max {
            return Err(too_long(contents.len() as u64, bytes_max));
        }
        let bytes = contents.read_all();
        self.counts.reads += 1;
        // A whole file is never short: it is as long as it is.
        Ok(Answer::Bytes(self.spoil(bytes, fault.filter(|fault| *fault != Fault::Short), dice)))
    }

    fn entries(&self) -> Vec<DirectoryEntry> {
        let files = self.names.files().map(|(name, file)| DirectoryEntry {
            name: name.clone(),
            bytes: self.files[&file].len() as u64,
            kind: FileKind::File,
        });
        let directories = self.names.directories().map(|name| DirectoryEntry {
            name: name.clone(),
            bytes: 0,
            kind: FileKind::Directory,
        });
        let mut entries: Vec<DirectoryEntry> = files.chain(directories).collect();
        entries.sort_by(|one, other| one.name.cmp(&other.name));
        entries
    }

    fn write(
        &mut self,
        file: FileId,
        at: u64,
        bytes: &[u8],
        fault: Option<Fault>,
        dice: &mut Dice,
    ) -> Answer {
        let spoilt;
        let stored = match fault {
            Some(Fault::Short | Fault::Flip) => {
                spoilt = self.spoil(bytes.to_vec(), fault, dice);
                &spoilt
            }
            Some(Fault::Error | Fault::Full | Fault::Slow(_)) | None => bytes,
        };
        let durability = if mutant::is_active(Mutant::UnsyncedWrite) {
            Durability::After(self.completions)
        } else {
            Durability::Durable
        };
        let at = usize::try_from(at).expect("simulated files fit into memory");
        self.contents(file).write(at, stored, durability, |_| true);
        self.counts.writes += 1;
        Answer::Written(stored.len())
    }

    /// Cuts bytes off, or turns a bit over, if that is the fault.
    fn spoil(&mut self, mut bytes: Vec<u8>, fault: Option<Fault>, dice: &mut Dice) -> Vec<u8> {
        match fault {
            Some(Fault::Short) => {
                let sectors = bytes.len().div_ceil(SECTOR_BYTES).max(1);
                bytes.truncate(dice.below(sectors) * SECTOR_BYTES);
                self.counts.short += 1;
            }
            Some(Fault::Flip) if !bytes.is_empty() => {
                let byte = dice.below(bytes.len());
                bytes[byte] ^= 1 << dice.below(8);
                self.counts.flips += 1;
            }
            Some(Fault::Flip | Fault::Error | Fault::Full | Fault::Slow(_)) | None => {}
        }
        bytes
    }

    fn truncate(&mut self, file: FileId, bytes: u64) {
        let len = usize::try_from(bytes).expect("simulated files fit into memory");
        self.contents(file).truncate(len);
        self.counts.truncates += 1;
    }

    /// What an operation that reports an error may have done.
    fn leave_half(&mut self, request: &Request, moment: u64, dice: &mut Dice) {
        let now = self.completions;
        match request {
            Request::Write { file, at, buffer } => {
                let at = usize::try_from(*at).expect("simulated files fit into memory");
                self.write_torn(*file, at, buffer.as_ref().as_ref(), Durability::After(now), dice);
            }
            Request::Sync { file } => {
                let doomed = self.contents(*file).fail_sync(moment, dice);
                self.counts.doomed_sectors += doomed;
            }
            Request::Rename { .. } | Request::Remove { .. } | Request::Truncate { .. } => {
                self.perform_perhaps(request, moment, dice);
            }
            // A file that could not be made is removed again, and the rest changes nothing.
            Request::CreateFilled { .. }
            | Request::WriteSmall { .. }
            | Request::SyncDirectory
            | Request::Open { .. }
            | Request::ReadSmall { .. }
            | Request::List
            | Request::Read { .. }
            | Request::Close { .. } => {}
        }
    }

    /// Does what is asked for, or not; nobody hears of it.
    pub(super) fn perform_perhaps(&mut self, request: &Request, moment: u64, dice: &mut Dice) {
        if dice.coin() {
            // Refused or not: whoever asked learns nothing.
            let _ = self.perform(request, moment, None, dice);
        }
    }

    /// Writes some of the sectors. Returns how many, and of how many.
    pub(super) fn write_torn(
        &mut self,
        file: FileId,
        at: usize,
        bytes: &[u8],
        durability: Durability,
        dice: &mut Dice,
    ) -> (usize, usize) {
        let stored = torn(bytes.len().div_ceil(SECTOR_BYTES), dice);
        self.contents(file).write(at, bytes, durability, |sector| stored[sector]);
        (stored.iter().filter(|is_stored| **is_stored).count(), stored.len())
    }
}
