//! What happens to a process while it lives.

use coilgun_protocol::model::{Offset, PartitionId, UnixMs};

use coilgun_server::streams::ChunkLimits;

use super::model::Control;
use super::simulation::Simulation;
use crate::finding::Finding;

impl Simulation {
    /// Something happens.
    pub(super) fn act(&mut self) -> Result<(), Finding> {
        let shard = self.dice.below(self.process.len());
        self.create_partitions(shard);
        match self.dice.below(40) {
            0 | 1 => self.process[shard].host.begin_checkpoint(),
            2 => self.release(shard),
            3 => self.change_capacity(shard),
            4 => return self.trim(),
            5 => return self.end_partition(),
            6..10 => self.pass_time(),
            22 => self.disconnect(),
            10..18 => return self.follow(),
            18..22 => return self.finish_reads(shard),
            // Often several at once, so that they share commit groups.
            _ => {
                for _ in 0..1 + self.dice.below(4) {
                    self.produce()?;
                }
                return Ok(());
            }
        }
        self.go_on_with_checkpoint(shard);
        Ok(())
    }

    fn go_on_with_checkpoint(&mut self, shard: usize) {
        if self.dice.coin() {
            let partitions_max = 1 + self.dice.below(3);
            let host = &mut self.process[shard].host;
            let limits = ChunkLimits { partitions: partitions_max, streams: 1 };
            let again = self.dice.coin();
            let is_complete = host.advance_checkpoint(limits, again, |_, _| None) == Ok(true);
            self.tally.checkpoints += u64::from(is_complete);
        }
    }

    fn pass_time(&mut self) {
        self.now_ms += self.dice.below(20) as u64;
        if self.dice.chance(50) {
            self.now_ms -= 500;
            self.tally.clock_set_back += 1;
        }
        self.now = self.now.plus_us(self.dice.below(4_000) as u64);
        for shard in &mut self.process {
            shard.host.journal().tick(self.now);
            shard.host.tick(UnixMs(self.now_ms), 2);
        }
        for shard in 0..self.process.len() {
            self.go_on_with_checkpoint(shard);
        }
    }

    /// The connection of some client breaks: it connects again, and sends again what was not acked.
    fn disconnect(&mut self) {
        let client = self.dice.below(self.clients.len());
        self.tally.disconnects += 1;
        self.clients[client].on_disconnected();
        self.note(format_args!("client {client} connects again"));
    }

    fn change_capacity(&mut self, shard: usize) {
        let world = &self.worlds[shard];
        if self.dice.coin() {
            world.set_capacity(Some(world.used_bytes() + 4096));
        } else {
            world.set_capacity(None);
            self.process[shard].host.journal().retry_full();
        }
    }

    /// Gives back the segments that no partition needs, and has a checkpoint made where only that is in
    /// the way.
    fn release(&mut self, shard: usize) {
        let host = &mut self.process[shard].host;
        let released = host.release();
        self.tally.released += released.segments as u64;
        if released.wants_checkpoint {
            host.begin_checkpoint();
        }
    }

    /// As the broker does at the end of a turn in which something was given up.
    fn release_sometimes(&mut self, shard: usize) {
        if self.dice.coin() {
            self.release(shard);
        }
    }

    fn trim(&mut self) -> Result<(), Finding> {
        let Some((partition, shard)) = self.open_partition() else { return Ok(()) };
        let model = self.model.of(partition);
        let batches = &model.batches[..model.certain];
        let Some(batch) = batches.get(self.dice.below(batches.len() + 1)) else { return Ok(()) };
        let (start, now) = (Offset(batch.end()), UnixMs(self.now_ms));
        let host = &mut self.process[shard].host;
        let trimmed = host.trim(PartitionId(partition), start, now, &mut self.effects);
        if let Ok((group, start)) = trimmed {
            self.tally.trims += 1;
            self.note(format_args!("trim partition {partition} to {start}"));
            self.model.on_control(group, Control::Trimmed { partition, start: start.0 });
        }
        self.release_sometimes(shard);
        self.settle(shard)
    }

    /// Empties a partition, or more rarely deletes one, which may be read-only.
    fn end_partition(&mut self) -> Result<(), Finding> {
        let (partition, shard) = self.some_partition();
        let host = &self.process[shard].host;
        if !host.can_delete(PartitionId(partition)) {
            return Ok(());
        }
        let is_open = host.is_open(PartitionId(partition));
        let (id, now) = (PartitionId(partition), UnixMs(self.now_ms));
        let end = self.model.of(partition).end();
        let is_deletion = self.dice.chance(100) || !is_open;
        let host = &mut self.process[shard].host;
        if is_deletion {
            if let Ok(group) = host.delete(id, now, &mut self.effects) {
                self.tally.deletions += 1;
                self.note(format_args!("delete partition {partition}"));
                self.model.on_control(group, Control::Deleted { partition });
            }
        } else if let Ok((group, incarnation)) = host.purge(id, now, &mut self.effects) {
            self.tally.purges += 1;
            self.note(format_args!("purge partition {partition}"));
            let purged = Control::Purged { partition, start: end, incarnation: incarnation.0 };
            self.model.on_control(group, purged);
        }
        self.release_sometimes(shard);
        self.settle(shard)
    }

    /// Some partition.
    fn some_partition(&mut self) -> (u64, usize) {
        let all: Vec<(u64, usize)> =
            self.model.partitions.iter().map(|(id, it)| (*id, it.shard)).collect();
        all[self.dice.below(all.len())]
    }

    /// Some partition that takes appends.
    fn open_partition(&mut self) -> Option<(u64, usize)> {
        let (partition, shard) = self.some_partition();
        let is_open = self.process[shard].host.is_open(PartitionId(partition));
        is_open.then_some((partition, shard))
    }
}
