//! Records on their way to followers: read, handed to the connection as far as it takes them, and then
//! credit says whether more is read.

use std::collections::VecDeque;
use std::rc::Rc;

use coilgun_core::stream::{FollowerRead, ReadDone};
use coilgun_protocol::buffer::{BlockRange, Chunk};
use coilgun_protocol::model::{
    BodyKind, ClientId, ErrorCode, Event, FollowId, Offset, RecordsRead, ShardId, StreamEvent,
    Timestamp, UnixMs,
};
use coilgun_storage::disk::Disk;
use coilgun_storage::journal::{ReadBatch, ReadError, ReadRequest};

use super::super::crossing::{is_inline, lendable};
use super::super::turn::Shard;
use super::arrivals::Arrived;
use super::following::Key;
use crate::env::Env;
use crate::mesh::{Message, Need, Payload, StreamRecords, within};

/// Bytes that records take in a parcel beside their body.
const HEAD_BYTES: usize = 128;
/// Followers that are looked at in one turn (law S23); those that have no room cost next to nothing.
const FOLLOWERS_PER_TURN: usize = 1024;

/// What was read for a follower and is not on its way yet.
pub(super) struct Delivering<B> {
    pub(super) key: Key,
    read: FollowerRead,
    batches: VecDeque<ReadBatch<B>>,
    /// What was handed over.
    done: ReadDone,
}

impl<E: Env> Shard<E> {
    /// Reads for a follower: at once, if what it wants is in memory, or beside the turns.
    pub(super) fn begin_read(&mut self, read: FollowerRead) {
        let Some((log, _)) = self.streams.place_of(read.partition) else { return };
        let Some(host) = self.streams.host_mut(log) else { return };
        let Some(partition) = host.partition_mut(read.partition) else { return };
        let request = ReadRequest {
            partition: read.partition.0,
            incarnation: partition.incarnation().0,
            from: read.from.0,
            up_to: read.up_to.0,
            bytes_max: read.bytes_max,
        };
        let journal = host.journal().clone();
        if let Some(batches) = journal.read_cached(&request) {
            self.counters.reads_cached += 1;
            return self.deliver_read(&read, batches);
        }
        self.counters.reads_from_disk += 1;
        self.streams.under_way += 1;
        let arrivals = Rc::clone(&self.streams.arrivals);
        self.env.spawn(async move {
            let result = journal.read(&request).await;
            arrivals.bring(Arrived::Read(read, result));
        });
    }

    /// What was read beside the turns is there.
    pub(super) fn on_read(
        &mut self,
        read: &FollowerRead,
        result: Result<Vec<ReadBatch<<E::Disk as Disk>::Buffer>>, ReadError>,
    ) {
        let failure = match result {
            Ok(batches) if !batches.is_empty() => return self.deliver_read(read, batches),
            Ok(_) => None,
            Err(error) => Some(error),
        };
        self.counters.reads_failed += 1;
        let host =
            self.streams.place_of(read.partition).and_then(|(log, _)| self.streams.host_mut(log));
        let partition = host.and_then(|host| host.partition_mut(read.partition));
        let start = partition.map_or(read.from, |partition| partition.places().log_start);
        let code = code_of_failure(failure.as_ref(), read.from, start);
        if let Some(key) = self.streams.followers.key_of(read.partition, read.follower) {
            self.end_here(key, code);
        }
    }

    fn deliver_read(
        &mut self,
        read: &FollowerRead,
        batches: Vec<ReadBatch<<E::Disk as Disk>::Buffer>>,
    ) {
        // The follower may have ended while it was read for.
        let Some(key) = self.streams.followers.key_of(read.partition, read.follower) else {
            return;
        };
        let mut records = 0;
        let fits = |batch: &ReadBatch<_>| {
            let is_first = records == 0;
            records += u64::from(batch.head.count);
            is_first || records <= u64::from(read.records_max)
        };
        let batches: VecDeque<_> = batches.into_iter().take_while(fits).collect();
        let done = ReadDone { next: read.from, records: 0, bytes: 0 };
        self.streams.delivering.push_back(Delivering { key, read: *read, batches, done });
    }

    /// Whether anything that was read waits for its follower.
    pub(in super::super) fn has_records_to_deliver(&self) -> bool {
        !self.streams.delivering.is_empty()
    }

    /// Hands what was read to followers, as far as their connections take it. Returns how many of them
    /// have got all of it.
    pub(super) fn run_delivering(&mut self, now: Timestamp) -> usize {
        let mut count = 0;
        for _ in 0..self.streams.delivering.len().min(FOLLOWERS_PER_TURN) {
            let Some(mut delivering) = self.streams.delivering.pop_front() else { break };
            if self.deliver_batches(now, &mut delivering) {
                count += 1;
                self.on_delivered(now, &delivering);
            } else {
                self.streams.delivering.push_back(delivering);
            }
        }
        count
    }

    /// Returns whether nothing is left.
    fn deliver_batches(
        &mut self,
        now: Timestamp,
        delivering: &mut Delivering<<E::Disk as Disk>::Buffer>,
    ) -> bool {
        // Ends because each round takes a batch out.
        while let Some(batch) = delivering.batches.front() {
            if !self.deliver_batch(now, delivering.key, &delivering.read, batch) {
                return false;
            }
            let head = batch.head;
            let end = Offset(head.base_offset).plus(head.count);
            // Records before the one that was wanted are sent along, and cost no credit.
            let before = delivering.read.from.0.saturating_sub(head.base_offset);
            delivering.done.records += head.count.saturating_sub(before as u32);
            delivering.done.bytes += batch.body().len();
            delivering.done.next = end;
            delivering.batches.pop_front();
        }
        true
    }

    fn on_delivered(&mut self, now: Timestamp, delivering: &Delivering<<E::Disk as Disk>::Buffer>) {
        let Delivering { key, read, done, .. } = delivering;
        let Some(following) = self.streams.followers.find(key) else { return };
        self.counters.records_read += u64::from(done.records);
        self.streams.followers.advance(key, done.next);
        let streams = &mut self.streams;
        let host = streams.logs.get_mut(&following.log).and_then(|state| state.host_mut());
        let Some(partition) = host.and_then(|host| host.partition_mut(read.partition)) else {
            return;
        };
        let is_at_end = done.next >= partition.places().readable().end;
        if following.stop_at_end && is_at_end {
            return self.end_at_end(*key);
        }
        partition.on_read(read.follower, *done, &mut streams.effects);
        self.carry_out_effects(now, &[], UnixMs::default());
    }

    /// Hands one batch to a follower. Returns whether there was room for it.
    fn deliver_batch(
        &mut self,
        now: Timestamp,
        (home, id, follow): Key,
        read: &FollowerRead,
        batch: &ReadBatch<<E::Disk as Disk>::Buffer>,
    ) -> bool {
        let Some((log, index)) = self.streams.place_of(read.partition) else { return true };
        let host = self.streams.host_mut(log);
        let end = host.and_then(|host| host.partition_mut(read.partition));
        let end_offset = end.map_or(read.up_to, |partition| partition.places().readable().end);
        let records = RecordsRead {
            follow,
            partition: index,
            base_offset: Offset(batch.head.base_offset),
            append_time: UnixMs(batch.head.append_time_ms),
            end_offset,
            count: batch.head.count,
            body_crc: batch.body_crc(),
            body_kind: BodyKind::from_number(batch.head.body_kind).unwrap_or(BodyKind::Opaque),
            body: Chunk::plain(batch.body()),
        };
        if home != self.mesh.shard() {
            return self.send_records(home, id, &records);
        }
        if !self.has_room(id) {
            return false;
        }
        self.tell(now, id, &Event::Stream(StreamEvent::Records(records)));
        true
    }

    fn send_records(&mut self, home: ShardId, id: ClientId, records: &RecordsRead<'_>) -> bool {
        let body = records.body;
        let inline = is_inline(HEAD_BYTES, body.len());
        let need = Need {
            count: 1,
            bytes: HEAD_BYTES + if inline { body.len() } else { 0 },
            lent: if inline { 0 } else { body.len() },
        };
        if !self.mesh.has_room(home, need) {
            return false;
        }
        let payload = if inline {
            Payload::Inline(body.bytes())
        } else {
            let lent = lendable(body, &self.net.pools().large);
            match lent.and_then(|range| self.mesh.lend(home, range)) {
                Some(payload) => payload,
                None => return false,
            }
        };
        let message = StreamRecords {
            client: id,
            follow: records.follow,
            index: records.partition,
            base_offset: records.base_offset,
            append_time: records.append_time,
            end_offset: records.end_offset,
            count: records.count,
            body_crc: records.body_crc,
            body_kind: records.body_kind,
            body: payload,
        };
        self.mesh.send(home, &Message::Records(message));
        true
    }

    /// Records arrive for a client of this shard.
    pub(in super::super) fn on_records(
        &mut self,
        now: Timestamp,
        from: ShardId,
        parcel: &BlockRange,
        it: &StreamRecords<'_>,
    ) {
        let lent = self.mesh.payload_block(from, &it.body);
        let body = match (&it.body, &lent) {
            (Payload::Inline(bytes), _) => within(parcel, bytes),
            (Payload::Lent(..), lent) => lent.as_ref().map(BlockRange::chunk).unwrap_or_default(),
        };
        if !self.is_followed(it.client, it.follow) {
            return;
        }
        // What another shard lent is not kept for a reader, however slow it is.
        let body = Chunk::plain(body.bytes());
        let records = RecordsRead {
            follow: it.follow,
            partition: it.index,
            base_offset: it.base_offset,
            append_time: it.append_time,
            end_offset: it.end_offset,
            count: it.count,
            body_crc: it.body_crc,
            body_kind: it.body_kind,
            body,
        };
        self.tell(now, it.client, &Event::Stream(StreamEvent::Records(records)));
    }

    fn is_followed(&self, id: ClientId, follow: FollowId) -> bool {
        self.clients.get(id).is_some_and(|client| client.follows.contains_key(&follow))
    }
}

/// What a follower is told that nothing was read for at `from`. `start`: where its partition begins now.
fn code_of_failure(failure: Option<&ReadError>, from: Offset, start: Offset) -> ErrorCode {
    match failure {
        None | Some(ReadError::Released(_)) => ErrorCode::OffsetOutOfRange,
        // What it wants was given up meanwhile, and what held it may be in use for something else.
        Some(_) if from < start => ErrorCode::OffsetOutOfRange,
        Some(ReadError::Disk(_) | ReadError::Corrupt { .. }) => ErrorCode::CorruptRecords,
    }
}

#[cfg(test)]
mod tests {
    use coilgun_storage::format::{LogPosition, SegmentSequence};

    use super::*;

    #[test]
    fn what_was_given_up_while_it_was_read_is_out_of_range_and_not_corrupt() {
        let position = LogPosition { segment: SegmentSequence(3), byte: 4096 };
        let corrupt = ReadError::Corrupt { partition: 1, offset: 7, next: Some(9), position };
        let code = |failure, start| code_of_failure(failure, Offset(7), Offset(start));
        assert_eq!(code(Some(&corrupt), 7), ErrorCode::CorruptRecords);
        assert_eq!(code(Some(&corrupt), 8), ErrorCode::OffsetOutOfRange);
        let released = ReadError::Released(SegmentSequence(3));
        for start in [7, 8] {
            assert_eq!(code(Some(&released), start), ErrorCode::OffsetOutOfRange);
            assert_eq!(code(None, start), ErrorCode::OffsetOutOfRange);
        }
    }
}
