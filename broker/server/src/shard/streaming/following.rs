//! Followers: who reads which partition as it grows.

use std::collections::BTreeMap;

use coilgun_core::stream::{FollowRefusal, FollowerCredit, FollowerId, LogIndex, ReadableRange};
use coilgun_protocol::buffer::Chunk;
use coilgun_protocol::model::{
    AddFollowCredit, ClientId, ErrorCode, Event, Follow, FollowEnded, FollowId, Offset, Outcome,
    PartitionId, ShardId, StreamEvent, Ticket, Timestamp, Unfollow, UnixMs,
};

use super::super::dispatch::bytes;
use super::super::turn::Shard;
use super::requests::StreamUsage;
use super::words::{FollowWord, StreamWord, client, who};
use crate::env::Env;

/// Followers that one client may have.
const FOLLOWS_PER_CLIENT_MAX: usize = 4096;

/// A follower as its client knows it.
pub(super) type Key = (ShardId, ClientId, FollowId);

/// The followers of the partitions of a shard.
#[derive(Debug, Default)]
pub(super) struct FollowerTable {
    by_key: BTreeMap<Key, Following>,
    by_place: BTreeMap<(PartitionId, u32, u32), Key>,
}

/// One of them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Following {
    pub(super) log: LogIndex,
    pub(super) partition: PartitionId,
    pub(super) follower: FollowerId,
    /// Index of the partition in its stream.
    pub(super) index: u32,
    /// It ends where the partition ended when it was there.
    pub(super) stop_at_end: bool,
    /// What it is to be sent next.
    pub(super) next: Offset,
}

/// How a follower begins.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Begun {
    GoesOn,
    /// It was to stop at the end, and is there.
    AtItsEnd,
}

impl FollowerTable {
    pub(super) fn find(&self, key: &Key) -> Option<Following> {
        self.by_key.get(key).copied()
    }

    pub(super) fn key_of(&self, partition: PartitionId, follower: FollowerId) -> Option<Key> {
        self.by_place.get(&place(partition, follower)).copied()
    }

    pub(super) fn add(&mut self, key: Key, following: Following) {
        self.by_place.insert(place(following.partition, following.follower), key);
        self.by_key.insert(key, following);
    }

    pub(super) fn advance(&mut self, key: &Key, next: Offset) {
        if let Some(following) = self.by_key.get_mut(key) {
            following.next = next;
        }
    }

    pub(super) fn remove(&mut self, key: &Key) -> Option<Following> {
        let following = self.by_key.remove(key)?;
        self.by_place.remove(&place(following.partition, following.follower));
        Some(following)
    }

    /// Those of one client.
    fn of_client(&self, home: ShardId, id: ClientId) -> Vec<Key> {
        let range = (home, id, FollowId(0))..=(home, id, FollowId(u64::MAX));
        self.by_key.range(range).map(|(key, _)| *key).collect()
    }
}

fn place(partition: PartitionId, follower: FollowerId) -> (PartitionId, u32, u32) {
    (partition, follower.slot, follower.generation)
}

impl<E: Env> Shard<E> {
    /// A client of this shard wants to follow a partition.
    pub(super) fn follow(
        &mut self,
        now: Timestamp,
        id: ClientId,
        follow: &Follow,
        chunk: Chunk<'_>,
        text: &[u8],
    ) {
        match self.owner_to_follow(id, follow, bytes(follow.stream, chunk, text)) {
            Err(code) => self.stream_outcome(now, id, follow.ticket, code),
            Ok((partition, shard)) => {
                let word = FollowWord::new(id, partition, follow);
                let Some(client) = self.clients.get_mut(id) else { return };
                client.follows.insert(follow.follow, shard);
                if shard == self.mesh.shard() {
                    self.follow_here(shard, &word);
                } else {
                    self.say_word(shard, &StreamWord::Follow(word));
                }
            }
        }
    }

    fn owner_to_follow(
        &mut self,
        id: ClientId,
        follow: &Follow,
        stream: &[u8],
    ) -> Result<(PartitionId, ShardId), ErrorCode> {
        self.may_use(id, StreamUsage::Read, stream)?;
        let client = self.clients.get(id).ok_or(ErrorCode::UnknownStream)?;
        if client.follows.contains_key(&follow.follow) {
            return Err(ErrorCode::DuplicateFollow);
        }
        if client.follows.len() >= FOLLOWS_PER_CLIENT_MAX {
            return Err(ErrorCode::StreamBusy);
        }
        let setup = self.streams.setup.as_ref().ok_or(ErrorCode::StreamsUnavailable)?;
        let record = self.streams.catalog.find(client.namespace, stream);
        let record = record.ok_or(ErrorCode::UnknownStream)?;
        let partition = record.partitions.get(follow.partition as usize);
        let partition = partition.ok_or(ErrorCode::UnknownPartition)?;
        Ok((partition.id, setup.shard_of(partition.log)))
    }

    /// A client of `home` wants to follow a partition of this shard. What comes of that comes behind the
    /// answer.
    pub(super) fn follow_here(&mut self, home: ShardId, word: &FollowWord) {
        let key = (home, client(word.client), FollowId(word.follow));
        let begun = self.try_follow(key, word);
        let code = begun.err().unwrap_or(ErrorCode::Ok);
        if home == self.mesh.shard() {
            self.on_followed(key.1, key.2, word.ticket(), code);
        } else {
            let FollowWord { client, follow, ticket, .. } = *word;
            self.say_word(
                home,
                &StreamWord::Followed { client, follow, ticket, code: code as u16 },
            );
        }
        if begun == Ok(Begun::AtItsEnd) {
            self.end_at_end(key);
        }
        self.begin_reads();
    }

    fn try_follow(&mut self, key: Key, word: &FollowWord) -> Result<Begun, ErrorCode> {
        let partition = PartitionId(word.partition);
        let (log, index) = self.streams.place_of(partition).ok_or(ErrorCode::UnknownStream)?;
        let streams = &mut self.streams;
        let host = streams.logs.get_mut(&log).and_then(|state| state.host_mut());
        let host = host.ok_or(ErrorCode::StreamBusy)?;
        let followed = host.partition_mut(partition).ok_or(ErrorCode::StreamBusy)?;
        let readable = followed.places().readable();
        let from = word.from.map_or(readable.end, Offset);
        let credit = FollowerCredit { records: word.records.into(), bytes: word.bytes.into() };
        let follower = followed.follow(from, credit, &mut streams.effects).map_err(refused)?;
        let stop_at_end = word.stop_at_end;
        let following = Following { log, partition, follower, index, stop_at_end, next: from };
        streams.followers.add(key, following);
        let is_over = stop_at_end && from == readable.end;
        Ok(if is_over { Begun::AtItsEnd } else { Begun::GoesOn })
    }

    /// Carries out what a change of followers has caused.
    pub(super) fn begin_reads(&mut self) {
        let now = self.streams.turn;
        self.carry_out_effects(now, &[], UnixMs::default());
    }

    /// A client of this shard hears what became of its wish to follow.
    pub(super) fn on_followed(
        &mut self,
        id: ClientId,
        follow: FollowId,
        ticket: Ticket,
        code: ErrorCode,
    ) {
        if code != ErrorCode::Ok
            && let Some(client) = self.clients.get_mut(id)
        {
            client.follows.remove(&follow);
        }
        self.stream_outcome(self.streams.turn, id, ticket, code);
    }

    /// A follower may be sent more.
    pub(super) fn add_follow_credit(&mut self, id: ClientId, it: &AddFollowCredit) {
        let client = self.clients.get(id);
        let Some(owner) = client.and_then(|client| client.follows.get(&it.follow)).copied() else {
            return;
        };
        if owner == self.mesh.shard() {
            return self.credit_here(owner, id, it.follow, it.records, it.bytes);
        }
        let AddFollowCredit { follow, records, bytes } = *it;
        let word = StreamWord::Credit { client: who(id), follow: follow.0, records, bytes };
        self.say_word(owner, &word);
    }

    pub(super) fn credit_here(
        &mut self,
        home: ShardId,
        id: ClientId,
        follow: FollowId,
        records: u32,
        bytes: u32,
    ) {
        let Some(following) = self.streams.followers.find(&(home, id, follow)) else { return };
        let more = FollowerCredit { records: records.into(), bytes: bytes.into() };
        let streams = &mut self.streams;
        let host = streams.logs.get_mut(&following.log).and_then(|state| state.host_mut());
        if let Some(partition) = host.and_then(|host| host.partition_mut(following.partition)) {
            partition.on_credit(following.follower, more, &mut streams.effects);
        }
        self.begin_reads();
    }

    /// A client wants a follower to end.
    pub(super) fn unfollow(&mut self, now: Timestamp, id: ClientId, it: &Unfollow) {
        let client = self.clients.get(id);
        let Some(owner) = client.and_then(|client| client.follows.get(&it.follow)).copied() else {
            return self.stream_outcome(now, id, it.ticket, ErrorCode::UnknownFollow);
        };
        if owner != self.mesh.shard() {
            // Its number is in use until nothing of it is on its way any more.
            let word =
                StreamWord::Unfollow { client: who(id), follow: it.follow.0, ticket: it.ticket.0 };
            return self.say_word(owner, &word);
        }
        let code = self.unfollow_here(owner, id, it.follow);
        self.on_unfollowed(id, it.follow, it.ticket, code);
    }

    /// A client of `home` wants a follower of a partition of this shard to end: whether it was there.
    pub(super) fn unfollow_here(
        &mut self,
        home: ShardId,
        id: ClientId,
        follow: FollowId,
    ) -> ErrorCode {
        match self.drop_follower(&(home, id, follow)) {
            Some(_) => ErrorCode::Ok,
            // It has ended by itself, and that is said before.
            None => ErrorCode::UnknownFollow,
        }
    }

    /// A client of this shard hears that nothing more comes of a follower.
    pub(super) fn on_unfollowed(
        &mut self,
        id: ClientId,
        follow: FollowId,
        ticket: Ticket,
        code: ErrorCode,
    ) {
        if let Some(client) = self.clients.get_mut(id) {
            client.follows.remove(&follow);
        }
        self.stream_outcome(self.streams.turn, id, ticket, code);
    }

    /// A follower is gone from its partition and from the table.
    pub(super) fn drop_follower(&mut self, key: &Key) -> Option<Following> {
        let following = self.streams.followers.remove(key)?;
        let host = self.streams.host_mut(following.log);
        if let Some(partition) = host.and_then(|host| host.partition_mut(following.partition)) {
            partition.unfollow(following.follower);
        }
        self.streams.delivering.retain(|delivering| delivering.key != *key);
        Some(following)
    }

    /// A client is gone, and so are its followers.
    pub(super) fn forget_followers(&mut self, home: ShardId, id: ClientId) {
        for key in self.streams.followers.of_client(home, id) {
            self.drop_follower(&key);
        }
    }

    /// A client of this shard is gone: its followers end, wherever they are.
    pub(in super::super) fn end_follows(
        &mut self,
        id: ClientId,
        follows: &BTreeMap<FollowId, ShardId>,
    ) {
        let mut owners: Vec<ShardId> = follows.values().copied().collect();
        owners.sort_unstable();
        owners.dedup();
        for owner in owners {
            if owner == self.mesh.shard() {
                self.forget_followers(owner, id);
            } else {
                self.say_word(owner, &StreamWord::Gone { client: who(id) });
            }
        }
    }

    /// A follower that was to stop at the end is there.
    pub(super) fn end_at_end(&mut self, key: Key) {
        self.end_here(key, ErrorCode::Ok);
    }

    /// A follower of a partition of this shard ends by itself.
    pub(super) fn end_here(&mut self, key: Key, code: ErrorCode) {
        let Some(following) = self.drop_follower(&key) else { return };
        let host = self.streams.host_mut(following.log);
        let partition = host.and_then(|host| host.partition_mut(following.partition));
        let readable = partition.map(|partition| partition.places().readable());
        let readable = readable.unwrap_or(ReadableRange { start: Offset(0), end: Offset(0) });
        let (home, id, follow) = key;
        let ended = FollowEnded {
            follow,
            code,
            next_offset: following.next,
            first_offset: readable.start,
            end_offset: readable.end,
        };
        self.end_follower(home, id, ended);
    }

    /// A follower stands where there is nothing any more.
    pub(super) fn on_out_of_range(
        &mut self,
        partition: PartitionId,
        follower: FollowerId,
        _readable: ReadableRange,
    ) {
        if let Some(key) = self.streams.followers.key_of(partition, follower) {
            self.end_here(key, ErrorCode::OffsetOutOfRange);
        }
    }

    /// The partition of a follower is gone.
    pub(super) fn on_partition_gone(&mut self, partition: PartitionId, follower: FollowerId) {
        if let Some(key) = self.streams.followers.key_of(partition, follower) {
            self.end_here(key, ErrorCode::StreamDeleted);
        }
    }

    /// A client of this shard hears that a follower of it has ended.
    pub(super) fn on_follow_ended(&mut self, id: ClientId, ended: FollowEnded) {
        let client = self.clients.get_mut(id);
        if client.is_some_and(|client| client.follows.remove(&ended.follow).is_some()) {
            let now = self.streams.turn;
            self.tell(now, id, &Event::Stream(StreamEvent::FollowEnded(ended)));
        }
    }

    /// Tells a client what became of a command about streams.
    pub(super) fn stream_outcome(
        &mut self,
        now: Timestamp,
        id: ClientId,
        ticket: Ticket,
        code: ErrorCode,
    ) {
        if ticket.is_some() {
            let outcome = Outcome { ticket, code, receivers: 0, is_starved: false };
            self.tell(now, id, &Event::Outcome(outcome));
        }
    }
}

fn refused(refusal: FollowRefusal) -> ErrorCode {
    match refusal {
        FollowRefusal::OutOfRange { .. } => ErrorCode::OffsetOutOfRange,
        FollowRefusal::TooMany => ErrorCode::StreamBusy,
        FollowRefusal::Deleted => ErrorCode::StreamDeleted,
    }
}
