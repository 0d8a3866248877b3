//! A partition, appended to and asked in few words.

use std::sync::Arc;

use coilgun_core::stream::{
    Ack, AppendAnswer, AppendRefusal, AppendRequest, Effect, Effects, Partition, PartitionLimits,
    Placed, ProducerPosition, Requester,
};
use coilgun_protocol::model::{
    AckLevel, ClientId, CoLocationGroupId, Offset, PartitionId, ProducerEpoch, ProducerId,
    ProducerSequence, ShardId, Ticket, UnixMs,
};

/// A partition and what it wants done.
pub(crate) struct StreamWorld {
    pub(crate) partition: Partition,
    pub(crate) out: Effects,
    pub(crate) now: UnixMs,
}

/// Whoever asks with this ticket.
pub(crate) fn requester(ticket: u64) -> Requester {
    let client = ClientId { slot: 7, generation: 0 };
    Requester { home: ShardId::new(1), client, ticket: Ticket(ticket), part: 0 }
}

/// A batch without a producer that is to be durable.
pub(crate) fn batch(ticket: u64, count: u32) -> AppendRequest {
    AppendRequest {
        count,
        bytes: 100 * count as usize,
        producer: None,
        expected: None,
        level: AckLevel::Durable,
        requester: requester(ticket),
    }
}

/// The same of a producer.
pub(crate) fn produced(
    ticket: u64,
    count: u32,
    (producer, epoch, sequence): (u64, u32, u64),
) -> AppendRequest {
    let producer = Some(position((producer, epoch, sequence)));
    AppendRequest { producer, ..batch(ticket, count) }
}

/// Where a producer is.
pub(crate) fn position((producer, epoch, sequence): (u64, u32, u64)) -> ProducerPosition {
    ProducerPosition {
        producer: ProducerId(producer),
        epoch: ProducerEpoch(epoch),
        sequence: ProducerSequence(sequence),
    }
}

/// The partition of this number, new, in the co-location group 1.
pub(crate) fn new_partition(number: u64, limits: PartitionLimits) -> Partition {
    Partition::new(PartitionId(number), CoLocationGroupId(1), Arc::new(limits))
}

impl StreamWorld {
    pub(crate) fn new() -> StreamWorld {
        StreamWorld::with_limits(PartitionLimits::default())
    }

    pub(crate) fn with_limits(limits: PartitionLimits) -> StreamWorld {
        StreamWorld::of(new_partition(1, limits))
    }

    pub(crate) fn of(partition: Partition) -> StreamWorld {
        StreamWorld { partition, out: Effects::new(), now: UnixMs(1_000) }
    }

    /// Appends a batch that must be accepted.
    pub(crate) fn append(&mut self, request: &AppendRequest) -> Placed {
        match self.partition.plan_append(self.now, request) {
            Ok(plan) => self.partition.commit_append(plan, &mut self.out),
            Err(answer) => panic!("{request:?}: {answer:?}"),
        }
    }

    /// Appends batches of these many records, each of whom must be accepted; tickets count from 1.
    pub(crate) fn append_each(&mut self, counts: &[u32]) {
        for (place, count) in counts.iter().enumerate() {
            self.append(&batch(place as u64 + 1, *count));
        }
    }

    /// Sends a batch that must not be appended.
    pub(crate) fn answer(&self, request: &AppendRequest) -> AppendAnswer {
        match self.partition.plan_append(self.now, request) {
            Ok(plan) => panic!("{request:?} is appended: {plan:?}"),
            Err(answer) => answer,
        }
    }

    /// Sends a batch that must be refused.
    pub(crate) fn refusal(&self, request: &AppendRequest) -> AppendRefusal {
        match self.answer(request) {
            AppendAnswer::Refused(refusal) => refusal,
            answer @ (AppendAnswer::Duplicate(_)
            | AppendAnswer::Wait(_)
            | AppendAnswer::OutcomeUnknown) => panic!("{request:?}: {answer:?}"),
        }
    }

    /// Sends a duplicate that has to wait.
    pub(crate) fn wait(&mut self, request: &AppendRequest) {
        match self.answer(request) {
            AppendAnswer::Wait(plan) => self.partition.commit_wait(plan),
            answer @ (AppendAnswer::Duplicate(_)
            | AppendAnswer::Refused(_)
            | AppendAnswer::OutcomeUnknown) => panic!("{request:?}: {answer:?}"),
        }
    }

    /// Writes everything before `up_to`.
    pub(crate) fn write(&mut self, up_to: u64) {
        self.partition.on_written(Offset(up_to), &mut self.out);
    }

    /// Syncs everything before `up_to`; writes it before, unless that is done.
    pub(crate) fn store(&mut self, up_to: u64) {
        self.write(up_to.max(self.partition.places().written.0));
        self.partition.on_durable(Offset(up_to), &mut self.out);
    }

    /// What it wants done since the last time.
    pub(crate) fn effects(&mut self) -> Vec<Effect> {
        self.out.drain().collect()
    }

    /// The same, as text without the partition.
    pub(crate) fn told(&mut self) -> Vec<String> {
        self.out.drain().map(|effect| told(&effect)).collect()
    }

    /// The places but for the beginning.
    pub(crate) fn places(&self) -> [u64; 4] {
        let places = self.partition.places();
        [places.visible, places.durable, places.written, places.assigned].map(|place| place.0)
    }
}

fn told(effect: &Effect) -> String {
    match effect {
        Effect::Acked { to, ack, .. } => {
            let Ack { base_offset, level, is_duplicate } = *ack;
            let kind = if is_duplicate { "duplicate" } else { "acked" };
            format!("{kind} {} {level:?} {base_offset}", to.ticket.0)
        }
        Effect::OutcomeUnknown { to, .. } => format!("unknown {}", to.ticket.0),
        Effect::Read(read) => {
            format!("read {} {}..{}", read.follower.slot, read.from, read.up_to)
        }
        Effect::OutOfRange { follower, readable, .. } => {
            format!("out of range {} {}..{}", follower.slot, readable.start, readable.end)
        }
        Effect::FollowerEnded { follower, .. } => format!("ended {}", follower.slot),
    }
}
