//! Appends: from a client's command to the partition, on whatever shard that is.

use coilgun_core::stream::{LogIndex, ProducerPosition, Requester};
use coilgun_protocol::buffer::{BlockRange, Chunk};
use coilgun_protocol::model::{
    Append, AppendConditions, ClientId, ErrorCode, PartitionId, ProducerId, ShardId, Timestamp,
    UnixMs,
};

use coilgun_storage::journal::Refused;

use super::super::crossing::{is_inline, lendable};
use super::super::dispatch::{Progress, bytes, piece};
use super::super::turn::Shard;
use super::super::waits::Wait;
use super::answering::{code_of, code_of_not_taken, refusal};
use super::parking::waits_for_room;
use super::requests::StreamUsage;
use crate::env::Env;
use crate::mesh::{Message, Need, Payload, StreamAppend, within};
use crate::mutant::{self, Mutant};
use crate::streams::{AppendOutcome, Batch, NotTaken};

/// Bytes that an append takes in a parcel beside its body.
const HEAD_BYTES: usize = 128;

/// Where an append goes.
#[derive(Clone, Copy)]
struct Destination {
    partition: PartitionId,
    index: u32,
    log: LogIndex,
    shard: ShardId,
}

impl<E: Env> Shard<E> {
    /// Carries out an append, or sends it to the shard that owns its partition.
    pub(super) fn append(
        &mut self,
        now: Timestamp,
        id: ClientId,
        append: &Append,
        chunk: Chunk<'_>,
        text: &[u8],
    ) -> Progress {
        let to = match self.destination(id, append, bytes(append.stream, chunk, text)) {
            Ok(to) => to,
            Err(code) => {
                self.owe_append(id, append);
                let refused = refusal(append.ticket, append.partition.index_or_by_key(), code, 0);
                self.on_appended(now, id, refused);
                return Progress::Done;
            }
        };
        let body = piece(append.body, chunk, text);
        let conditions = AppendConditions::decode(bytes(append.conditions, chunk, text));
        let home = self.mesh.shard();
        if to.shard == home {
            self.owe_append(id, append);
            let requester = Requester { home, client: id, ticket: append.ticket, part: 0 };
            let batch = batch_of(to.partition, append, &conditions, body.bytes(), requester);
            self.append_here(now, to.log, to.index, &batch);
            return Progress::Done;
        }
        let inline = is_inline(HEAD_BYTES, body.len());
        let need = Need {
            count: 1,
            bytes: HEAD_BYTES + if inline { body.len() } else { 0 },
            lent: if inline { 0 } else { body.len() },
        };
        if !self.mesh.has_room(to.shard, need) {
            return Progress::Waits(Wait::Ring(to.shard));
        }
        self.owe_append(id, append);
        self.send_append(now, id, append, &to, conditions, body);
        Progress::Done
    }

    fn owe_append(&mut self, id: ClientId, append: &Append) {
        if let Some(client) = self.clients.get_mut(id).filter(|_| append.ticket.is_some()) {
            client.appends_owed += 1;
        }
    }

    fn destination(
        &mut self,
        id: ClientId,
        append: &Append,
        stream: &[u8],
    ) -> Result<Destination, ErrorCode> {
        self.may_use(id, StreamUsage::Append, stream)?;
        let namespace = self.clients.get(id).map_or_else(Default::default, |it| it.namespace);
        let streams = &self.streams;
        let setup = streams.setup.as_ref().ok_or(ErrorCode::StreamsUnavailable)?;
        let record = streams.catalog.find(namespace, stream).ok_or(ErrorCode::UnknownStream)?;
        let index = append.partition.index_in(record.partitions.len() as u32);
        let partition = record.partitions.get(index as usize).ok_or(ErrorCode::UnknownPartition)?;
        let shard = setup.shard_of(partition.log);
        Ok(Destination { partition: partition.id, index, log: partition.log, shard })
    }

    fn send_append(
        &mut self,
        now: Timestamp,
        id: ClientId,
        append: &Append,
        to: &Destination,
        conditions: AppendConditions,
        body: Chunk<'_>,
    ) {
        let payload = if is_inline(HEAD_BYTES, body.len()) {
            Payload::Inline(body.bytes())
        } else {
            let lent = lendable(body, &self.net.pools().large);
            match lent.and_then(|range| self.mesh.lend(to.shard, range)) {
                Some(payload) => payload,
                None => {
                    let refused = refusal(append.ticket, to.index, ErrorCode::StreamBusy, 0);
                    return self.on_appended(now, id, refused);
                }
            }
        };
        let message = StreamAppend {
            client: id,
            ticket: append.ticket,
            partition: to.partition,
            index: to.index,
            count: append.count,
            body_kind: append.body_kind,
            level: append.level,
            conditions,
            body: payload,
        };
        self.mesh.send(to.shard, &Message::Append(message));
    }

    /// An append arrives from another shard.
    pub(in super::super) fn on_append(
        &mut self,
        now: Timestamp,
        from: ShardId,
        parcel: &BlockRange,
        it: &StreamAppend<'_>,
    ) {
        let lent = self.mesh.payload_block(from, &it.body);
        let body = match (&it.body, &lent) {
            (Payload::Inline(bytes), _) => within(parcel, bytes),
            (Payload::Lent(..), lent) => lent.as_ref().map(BlockRange::chunk).unwrap_or_default(),
        };
        let requester = Requester { home: from, client: it.client, ticket: it.ticket, part: 0 };
        let batch = Batch {
            partition: it.partition,
            count: it.count,
            body: body.bytes(),
            body_kind: it.body_kind,
            producer: producer(&it.conditions),
            expected: it.conditions.expected,
            level: it.level,
            requester,
        };
        match self.streams.place_of(it.partition) {
            Some((log, index)) => self.append_here(now, log, index, &batch),
            None => {
                let code = ErrorCode::UnknownStream;
                self.answer_append(now, requester, refusal(it.ticket, it.index, code, 0));
            }
        }
    }

    /// Appends to a partition of this shard, now or when its log has room.
    fn append_here(&mut self, now: Timestamp, log: LogIndex, index: u32, batch: &Batch<'_>) {
        let outcome = match self.has_parked(log) {
            true => AppendOutcome::NotTaken(NotTaken::Journal(Refused::NoRoom)),
            false => self.try_append(log, batch),
        };
        let waits = waits_for_room(outcome)
            && self.streams.parked.entry(log).or_default().park(batch, index);
        if waits {
            self.counters.appends_parked += 1;
        } else {
            self.answer_outcome(now, index, batch, outcome);
        }
    }

    pub(super) fn try_append(&mut self, log: LogIndex, batch: &Batch<'_>) -> AppendOutcome {
        let time = self.streams.now;
        if mutant::is_active(Mutant::AllocatingAppend) {
            drop(std::hint::black_box(Box::new(7u8)));
        }
        match self.streams.logs.get_mut(&log).and_then(|state| state.host_mut()) {
            Some(host) => host.append(time, batch, &mut self.streams.effects),
            None => AppendOutcome::NotTaken(NotTaken::NoPartition),
        }
    }

    /// Answers an append, unless effects will.
    pub(super) fn answer_outcome(
        &mut self,
        now: Timestamp,
        index: u32,
        batch: &Batch<'_>,
        outcome: AppendOutcome,
    ) {
        let to = batch.requester;
        let refused = |code, detail| refusal(to.ticket, index, code, detail);
        match outcome {
            AppendOutcome::Placed(placed) => {
                self.counters.batches_appended += 1;
                self.counters.records_appended += u64::from(batch.count);
                self.carry_out_effects(now, &[], placed.append_time);
            }
            AppendOutcome::Waits => {}
            AppendOutcome::Duplicate(ack) => {
                self.answer_ack(now, batch.partition, to, ack, UnixMs::default());
            }
            AppendOutcome::OutcomeUnknown => self.answer_unknown(now, batch.partition, to),
            AppendOutcome::Refused(why) => {
                let (code, detail) = code_of(&why);
                self.answer_append(now, to, refused(code, detail));
            }
            AppendOutcome::NotTaken(why) => {
                self.answer_append(now, to, refused(code_of_not_taken(why), 0));
            }
        }
    }
}

fn batch_of<'a>(
    partition: PartitionId,
    append: &Append,
    conditions: &AppendConditions,
    body: &'a [u8],
    requester: Requester,
) -> Batch<'a> {
    Batch {
        partition,
        count: append.count,
        body,
        body_kind: append.body_kind,
        producer: producer(conditions),
        expected: conditions.expected,
        level: append.level,
        requester,
    }
}

fn producer(conditions: &AppendConditions) -> Option<ProducerPosition> {
    let AppendConditions { producer, sequence, epoch, .. } = *conditions;
    let position = ProducerPosition { producer, epoch, sequence };
    (producer != ProducerId::NONE).then_some(position)
}
