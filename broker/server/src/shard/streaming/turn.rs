//! Streams' share of a turn.

use coilgun_core::stream::{Effect, LogIndex};
use coilgun_protocol::model::{Timestamp, UnixMs};
use coilgun_storage::journal::{BatchPlace, GroupNumber};

use super::super::turn::Shard;
use super::arrivals::Arrived;
use super::setup::LogFault;
use crate::env::Env;

/// Commit groups of one log that are looked at in one turn (law S23).
const GROUPS_PER_TURN: usize = 16;

impl<E: Env> Shard<E> {
    /// Takes in what the logs and the tasks beside the turns bring, and what is on its way to followers.
    /// Returns how much there was.
    pub(in super::super) fn run_streams(&mut self, now: Timestamp) -> usize {
        if self.streams.setup.is_none() {
            return 0;
        }
        self.streams.now = UnixMs(self.env.wall_clock_ns() / 1_000_000);
        let mut count = self.run_arrivals();
        let mut logs = std::mem::take(&mut self.streams.in_turn);
        logs.clear();
        logs.extend(self.streams.logs.keys());
        for log in &logs {
            count += self.run_log(now, *log);
            self.append_parked(now, *log);
            self.keep_log(*log);
        }
        self.streams.in_turn = logs;
        self.end_care();
        self.tell_decisions();
        count + self.run_delivering(now)
    }

    fn run_arrivals(&mut self) -> usize {
        let mut count = 0;
        // Ends because tasks bring nothing in a turn.
        while let Some(arrived) = self.streams.arrivals.take() {
            count += 1;
            match arrived {
                Arrived::Log(log, opened) => {
                    self.streams.under_way -= 1;
                    match opened {
                        Ok(opened) => self.on_opened_log(log, *opened),
                        Err(fault) => self.on_log_fault(fault),
                    }
                }
                Arrived::Read(read, result) => {
                    self.streams.under_way -= 1;
                    self.on_read(&read, result);
                }
                Arrived::Fault(fault) => self.on_log_fault(fault),
            }
        }
        count
    }

    /// What has become durable in a log.
    fn run_log(&mut self, now: Timestamp, log: LogIndex) -> usize {
        let mut count = 0;
        while count < GROUPS_PER_TURN {
            let Some(host) = self.streams.logs.get_mut(&log).and_then(|state| state.host_mut())
            else {
                break;
            };
            host.journal().tick(now);
            let group = host.take_durable(&mut self.streams.effects);
            let (batches, number) = match &group {
                Some(group) => (&group.batches[..], group.number),
                None => (&[][..], GroupNumber(0)),
            };
            self.carry_out_effects(now, batches, UnixMs::default());
            if group.is_none() {
                break;
            }
            self.on_group_durable(log, number);
            self.counters.groups_durable += u64::from(!batches.is_empty());
            count += 1;
        }
        count
    }

    /// Carries out what partitions want done. `batches`: those of the commit group that became durable,
    /// in its order, which is that of the acks; or none, if a batch was appended at `appended`.
    pub(super) fn carry_out_effects(
        &mut self,
        now: Timestamp,
        batches: &[BatchPlace],
        appended: UnixMs,
    ) {
        let mut effects = std::mem::take(&mut self.streams.effects);
        let mut at = 0;
        for effect in effects.drain() {
            match effect {
                Effect::Acked { partition, to, ack } => {
                    let is_it = |place: &BatchPlace| {
                        place.head.partition == partition.0
                            && place.head.base_offset == ack.base_offset.0
                    };
                    // Duplicates are acked behind their original, from the same batch.
                    let step = batches[at..].iter().position(is_it);
                    at += step.unwrap_or(0);
                    let time = step.map(|_| UnixMs(batches[at].head.append_time_ms));
                    self.answer_ack(now, partition, to, ack, time.unwrap_or(appended));
                }
                Effect::OutcomeUnknown { partition, to } => {
                    self.answer_unknown(now, partition, to);
                }
                Effect::Read(read) => self.begin_read(read),
                Effect::OutOfRange { partition, follower, readable } => {
                    self.on_out_of_range(partition, follower, readable);
                }
                Effect::FollowerEnded { partition, follower } => {
                    self.on_partition_gone(partition, follower);
                }
            }
        }
        let begun = std::mem::replace(&mut self.streams.effects, effects);
        debug_assert!(
            begun.as_slice().is_empty(),
            "what was carried out has no effects of its own"
        );
    }

    /// Whether tasks beside the turns have brought anything.
    pub(in super::super) fn has_stream_news(&self) -> bool {
        !self.streams.arrivals.is_empty()
            || self.streams.hosts().any(|host| host.journal().has_news() && !host.is_poisoned())
    }

    /// Whether a disk is at work for this shard.
    pub(in super::super) fn waits_for_logs(&self) -> bool {
        self.streams.under_way > 0 || self.streams.hosts().any(|host| host.journal().is_busy())
    }

    /// Whether a log failed; what that means was told to whoever waits by the end of the turn.
    pub(in super::super) fn has_log_fault(&self) -> bool {
        self.streams.fault.is_some()
    }

    /// Why a log failed, if one did.
    pub fn take_log_fault(&mut self) -> Option<LogFault> {
        self.streams.fault.take()
    }

    /// Lets the logs write what they have, and take nothing any more. Returns whether they have.
    pub(in super::super) fn close_logs(&mut self) -> bool {
        self.streams.hosts().for_each(|host| host.journal().close());
        self.streams.arrivals.live() == 0 && self.streams.under_way == 0
    }

    /// When a log wants to be looked at.
    pub(in super::super) fn stream_deadline(&self) -> Option<Timestamp> {
        let watermarks = self.streams.hosts().filter_map(|host| host.journal().deadline());
        watermarks.chain(self.care_deadline()).min()
    }
}
