//! The lives of a process, one behind the other, and how each ends.

use coilgun_storage::disk::sim::{Crash, Faults};

use super::book::file_of;
use super::run::StreamOptions;
use super::simulation::{Client, Ended, Simulation};
use crate::finding::Finding;

/// Lives after which nothing new is to be expected.
const LIVES_MAX: usize = 5;

impl Simulation {
    /// All lives. `first_life` is how many operations the disks had begun when the first one ended.
    pub(super) fn live(
        &mut self,
        seed: u64,
        options: StreamOptions,
        first_life: &mut u64,
    ) -> Result<(), Finding> {
        // What fails by itself fails in every third seed, and bits turn over in every fifth: in the others
        // nothing but a crash happens.
        let faults = if seed.is_multiple_of(3) { self.faults() } else { Faults::none() };
        for life in 0..1 + self.dice.below(LIVES_MAX) {
            self.plan_crash(life, options);
            self.worlds.iter().for_each(|world| world.set_faults(faults));
            let steps = 30 + self.dice.below(150);
            let ended = self.live_once(steps)?;
            if life == 0 {
                let operations = self.worlds.iter().map(|world| world.operations());
                *first_life = operations.max().unwrap_or(0) * self.worlds.len() as u64;
            }
            self.end(ended);
            if ended == Ended::Closed && seed.is_multiple_of(5) {
                self.rot()?;
            }
        }
        // In the end the process begins once more on disks without faults, and is closed.
        for world in &self.worlds {
            world.set_faults(Faults::none());
            world.set_capacity(None);
        }
        match self.live_once(20)? {
            Ended::Closed => Ok(()),
            ended @ (Ended::Poisoned | Ended::NotOpened | Ended::Crashed) => {
                Err(Finding::new("a process on good disks can be closed", format!("{ended:?}")))
            }
        }
    }

    fn live_once(&mut self, steps: usize) -> Result<Ended, Finding> {
        if let Some(ended) = self.open()? {
            return Ok(ended);
        }
        for _ in 0..steps {
            self.act()?;
            for _ in 0..self.dice.below(6) {
                let shard = self.dice.below(self.process.len());
                if self.step(shard).is_err() {
                    return Ok(Ended::Crashed);
                }
                if self.dice.coin() {
                    self.take_durable(shard)?;
                }
            }
        }
        for shard in 0..self.process.len() {
            self.take_durable(shard)?;
        }
        if self.close()?.is_err() {
            return Ok(Ended::Crashed);
        }
        if self.process.iter().any(|shard| shard.host.is_poisoned()) {
            return Ok(Ended::Poisoned);
        }
        self.model.all_are_answered(None)?;
        self.model.all_are_certain()?;
        Ok(Ended::Closed)
    }

    /// Where everything stops: in the first life where it was asked for, otherwise somewhere, or nowhere.
    fn plan_crash(&mut self, life: usize, options: StreamOptions) {
        match options.crash_at {
            Some(nth) if life == 0 => {
                let count = self.worlds.len() as u64;
                self.worlds[((nth - 1) % count) as usize].crash_at((nth - 1) / count + 1);
            }
            Some(_) | None => {
                if self.dice.below(5) > 0 {
                    let world = self.dice.below(self.worlds.len());
                    // While it is opened, or a while after.
                    let within = if self.dice.below(3) == 0 { 40 } else { 250 };
                    self.worlds[world].crash_at(1 + self.dice.below(within) as u64);
                }
            }
        }
    }

    /// Ends the process: nobody of it hears anything any more, and neither does anybody of its clients.
    fn end(&mut self, ended: Ended) {
        self.note(format_args!("the process ends: {ended:?}"));
        self.process.clear();
        drop(self.effects.drain());
        let crash = if self.dice.coin() { Crash::Power } else { Crash::Kill };
        self.worlds.iter().for_each(|world| world.crash(crash, &mut self.dice));
        self.take_lines();
        self.model.on_process_ended();
        self.followers.iter_mut().for_each(|follower| follower.id = None);
        self.clients.iter_mut().for_each(Client::on_disconnected);
    }

    /// Turns a bit over, of a batch that is certain.
    fn rot(&mut self) -> Result<(), Finding> {
        let all: Vec<u64> = self.model.partitions.keys().copied().collect();
        let partition = all[self.dice.below(all.len())];
        let model = self.model.of(partition);
        let (shard, world) = (model.shard, self.worlds[model.shard].clone());
        let (book, _) = super::book::Book::of_disk(&world)?;
        let certain = &model.batches[..model.certain];
        // Of the latest ones, because recovery looks at what is behind the last checkpoint only.
        let latest = &certain[certain.len() - certain.len().min(8)..];
        let Some(batch) = latest.get(self.dice.below(latest.len() + 1)) else { return Ok(()) };
        let Some(place) = book.place(partition, batch.base_offset) else { return Ok(()) };
        let Some(name) = file_of(&world, place.entry.segment)? else { return Ok(()) };
        let byte = u64::from(place.entry.byte) + self.dice.below(100) as u64;
        world.flip(&name, byte, self.dice.below(8) as u32);
        self.take_lines();
        self.tally.rotten += 1;
        self.model.on_rotten(shard, place.group);
        Ok(())
    }

    fn faults(&mut self) -> Faults {
        let mut rare = |chance: usize| self.dice.below(chance) as u32;
        Faults {
            read_error: rare(4),
            write_error: rare(20),
            sync_error: rare(20),
            metadata_error: rare(10),
            short_write: rare(20),
            slow: rare(200),
            ..Faults::none()
        }
    }
}
