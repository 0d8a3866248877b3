//! What a crash leaves of a simulated disk.

use super::contents::Durability;
use super::dice::Dice;
use super::request::{InFlight, Request};
use super::state::State;
use crate::disk::block::BLOCK_BYTES;

/// How a process ends that had no time to say good-bye.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Crash {
    /// The process is killed: what was complete stays as it is, what is not durable stays so, and of what
    /// was in flight any part happens, without becoming durable.
    Kill,
    /// The machine loses its power: of what is not durable, in files and in the directory, any part is
    /// lost, and of what was in flight any part happens.
    Power,
}

impl State {
    /// Ends the process, and makes what the next one finds.
    pub(super) fn crash(&mut self, crash: Crash, dice: &mut Dice) {
        let mut in_flight: Vec<InFlight> =
            std::mem::take(&mut self.in_flight).into_values().collect();
        self.counts.in_flight_at_crash += in_flight.len() as u64;
        // They take effect in any order.
        dice.shuffle(&mut in_flight);
        let durability = match crash {
            Crash::Kill => {
                self.counts.kills += 1;
                Durability::After(self.completions)
            }
            Crash::Power => {
                self.counts.power_failures += 1;
                self.counts.lost_sectors +=
                    self.files.values_mut().map(|contents| contents.lose_power(dice)).sum::<u64>();
                Durability::Durable
            }
        };
        for interrupted in &in_flight {
            self.interrupt(&interrupted.request, interrupted.moment, durability, dice);
        }
        if crash == Crash::Power {
            let scattered = dice.chance(self.faults.scattered_names);
            self.counts.lost_names += self.names.lose_power(scattered, dice);
        }
        self.begin_again();
        self.trace.note(format_args!("crash: {crash:?}"));
        for (name, file) in self.names.files() {
            let bytes = self.files[&file].read_all();
            let crc = crc32c::crc32c(&bytes);
            self.trace.note(format_args!(
                "left: {name} is #{} of {} {crc:08x}",
                file.0,
                bytes.len()
            ));
        }
    }

    /// Lets the next process find nothing of this one but its files.
    fn begin_again(&mut self) {
        self.completed.clear();
        self.open.clear();
        self.scheduled.clear();
        self.crash_at = None;
        self.is_crashed = false;
        self.generation += 1;
        // A sync of the next process is later than everything this one has left.
        self.completions += 1;
        self.forget_files();
    }

    /// Lets any part of an operation happen.
    fn interrupt(
        &mut self,
        request: &Request,
        moment: u64,
        durability: Durability,
        dice: &mut Dice,
    ) {
        match request {
            Request::Write { file, at, buffer } => {
                let at = usize::try_from(*at).expect("simulated files fit into memory");
                let bytes = buffer.as_ref().as_ref();
                let (stored, sectors) = self.write_torn(*file, at, bytes, durability, dice);
                self.counts.vanished += u64::from(stored == 0);
                self.counts.unheard += u64::from(stored == sectors);
                self.counts.torn += u64::from(0 < stored && stored < sectors);
            }
            Request::CreateFilled { name, bytes } => {
                let blocks =
                    usize::try_from(*bytes).expect("simulated files fit into memory") / BLOCK_BYTES;
                let made = part_of(blocks, dice) * BLOCK_BYTES;
                self.leave_half_made(name, &vec![0; made], durability, dice);
            }
            Request::WriteSmall { name, bytes } => {
                let made = part_of(bytes.len(), dice);
                self.leave_half_made(name, &bytes[..made], durability, dice);
            }
            Request::Rename { .. }
            | Request::Remove { .. }
            | Request::Truncate { .. }
            | Request::Sync { .. }
            | Request::SyncDirectory => self.perform_perhaps(request, moment, dice),
            Request::Open { .. }
            | Request::ReadSmall { .. }
            | Request::List
            | Request::Read { .. }
            | Request::Close { .. } => {}
        }
    }

    /// Leaves a new file that is shorter than it should be, and has zeros where it should have something
    /// else; or none.
    fn leave_half_made(
        &mut self,
        name: &str,
        bytes: &[u8],
        durability: Durability,
        dice: &mut Dice,
    ) {
        if dice.coin() || self.names.expect_free(name).is_err() {
            return;
        }
        let file = self.new_file(vec![0; bytes.len()]);
        if !bytes.is_empty() {
            self.write_torn(file, 0, bytes, durability, dice);
        }
        self.names.add(name, file, self.completions);
        self.counts.half_made += 1;
    }
}

/// How much is there of something that was being made: all, or any part.
fn part_of(all: usize, dice: &mut Dice) -> usize {
    if dice.below(3) == 0 { all } else { dice.below(all + 1) }
}
