//! Commands about streams: what a client wants, carried out here or asked for elsewhere.

use coilgun_core::security::Usage;
use coilgun_core::stream::{StreamId, StreamRecord};
use coilgun_protocol::buffer::Chunk;
use coilgun_protocol::model::{
    ClientId, ErrorCode, Event, ListStreams, NamespaceId, Offset, PartitionHealth, PartitionId,
    PartitionRow, StreamCommand, StreamDescribed, StreamEvent, StreamName, StreamRow,
    StreamsListed, Ticket, Timestamp,
};
use serde::{Deserialize, Serialize};

use super::super::asking::{Question, Unanswered};
use super::super::dispatch::{Progress, bytes};
use super::super::turn::Shard;
use super::super::waits::Wait;
use super::words::WishWord;
use crate::env::Env;

/// What subjects begin with that stand for streams where permission is asked.
const PERMISSION_PREFIX: &[u8] = b"$STREAM.";

/// How far a wish of a client about a stream has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in super::super) enum StreamWish {
    /// It was asked for.
    Asked,
    /// It was decided.
    Decided(ErrorCode),
}

/// What a client does with a stream.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum StreamUsage {
    /// Appends to it.
    Append,
    /// Follows it, or asks what it is like.
    Read,
    /// Makes or deletes it.
    Change,
}

/// A partition, as its owner describes it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(in super::super) struct PartitionWords {
    pub(in super::super) id: u64,
    pub(in super::super) first: u64,
    pub(in super::super) end: u64,
    pub(in super::super) health: u8,
}

impl<E: Env> Shard<E> {
    /// Carries out a command about streams.
    pub(in super::super) fn stream_command(
        &mut self,
        now: Timestamp,
        id: ClientId,
        command: &StreamCommand,
        chunk: Chunk<'_>,
        text: &[u8],
    ) -> Progress {
        if self.streams.setup.is_none() {
            if let Some(event) = command.refused(ErrorCode::StreamsUnavailable) {
                self.tell(now, id, &event);
            }
            return Progress::Done;
        }
        match command {
            StreamCommand::Append(it) => return self.append(now, id, it, chunk, text),
            StreamCommand::RefuseAppend(_) => {
                if let Some(event) = command.refused(ErrorCode::InvalidBatch) {
                    self.tell(now, id, &event);
                }
            }
            StreamCommand::Follow(it) => self.follow(now, id, it, chunk, text),
            StreamCommand::AddCredit(it) => self.add_follow_credit(id, it),
            StreamCommand::Unfollow(it) => self.unfollow(now, id, it),
            StreamCommand::List(it) => self.list_streams(now, id, it),
            StreamCommand::Describe(it) => {
                let name = bytes(it.name, chunk, text);
                return self.describe(now, id, name, it.ticket);
            }
            StreamCommand::Create(it) => {
                let name = bytes(it.name, chunk, text);
                let wish = |namespace: NamespaceId| WishWord::Create {
                    namespace: namespace.0,
                    name: name.to_vec(),
                    partition_count: it.partition_count,
                    co_located: it.co_located,
                };
                match self.wish(id, name, wish) {
                    Err(wait) => return Progress::Waits(wait),
                    Ok(ErrorCode::Ok) => return self.describe(now, id, name, it.ticket),
                    Ok(code) => self.finish_wish(now, id, it.ticket, code),
                }
            }
            StreamCommand::Delete(it) => {
                let name = bytes(it.name, chunk, text);
                let wish = |namespace: NamespaceId| WishWord::Delete {
                    namespace: namespace.0,
                    name: name.to_vec(),
                };
                match self.wish(id, name, wish) {
                    Err(wait) => return Progress::Waits(wait),
                    Ok(code) => self.finish_wish(now, id, it.ticket, code),
                }
            }
        }
        Progress::Done
    }

    /// What became of a wish; it waits until that is known.
    fn wish(
        &mut self,
        id: ClientId,
        name: &[u8],
        wish: impl FnOnce(NamespaceId) -> WishWord,
    ) -> Result<ErrorCode, Wait> {
        let Some(client) = self.clients.get(id) else { return Ok(ErrorCode::UnknownStream) };
        let namespace = client.namespace;
        match client.stream_wish {
            Some(StreamWish::Decided(code)) => return Ok(code),
            Some(StreamWish::Asked) => return Err(Wait::Counters),
            None => {}
        }
        if StreamName::parse(name).is_err() {
            return Ok(ErrorCode::InvalidStreamName);
        }
        if let Err(code) = self.may_use(id, StreamUsage::Change, name) {
            return Ok(code);
        }
        if let Some(client) = self.clients.get_mut(id) {
            client.stream_wish = Some(StreamWish::Asked);
        }
        self.ask_for(id, wish(namespace));
        match self.clients.get(id).and_then(|client| client.stream_wish) {
            Some(StreamWish::Decided(code)) => Ok(code),
            Some(StreamWish::Asked) | None => Err(Wait::Counters),
        }
    }

    fn finish_wish(&mut self, now: Timestamp, id: ClientId, ticket: Ticket, code: ErrorCode) {
        if let Some(client) = self.clients.get_mut(id) {
            client.stream_wish = None;
        }
        self.stream_outcome(now, id, ticket, code);
    }

    /// A wish of a client of this shard was decided.
    pub(super) fn on_decided(&mut self, id: ClientId, code: ErrorCode) {
        let Some(client) = self.clients.get_mut(id) else { return };
        client.stream_wish = Some(StreamWish::Decided(code));
        if client.waits == Some(Wait::Counters) {
            self.let_go(id);
        }
    }

    /// Whether a client may do something with a stream. It may append and ask if it may publish and
    /// request to `$STREAM.<name>`, and read if it may subscribe to that.
    pub(super) fn may_use(
        &mut self,
        id: ClientId,
        usage: StreamUsage,
        stream: &[u8],
    ) -> Result<(), ErrorCode> {
        if !self.clients.get(id).is_some_and(|client| client.is_restricted) {
            return Ok(());
        }
        let mut subject = std::mem::take(&mut self.streams.subject);
        subject.clear();
        subject.extend_from_slice(PERMISSION_PREFIX);
        subject.extend_from_slice(stream);
        let may = match usage {
            StreamUsage::Append => self.router.check_subject(id, Usage::Publish, &subject),
            StreamUsage::Change => self.router.check_subject(id, Usage::Request, &subject),
            StreamUsage::Read => self.router.check_seen(id, &subject),
        };
        self.streams.subject = subject;
        may
    }

    /// Tells a client what a stream is like, once the owners of its partitions have said it.
    fn describe(&mut self, now: Timestamp, id: ClientId, name: &[u8], ticket: Ticket) -> Progress {
        // Whoever may do anything with it may know what it is like.
        let usages = [StreamUsage::Read, StreamUsage::Append, StreamUsage::Change];
        let may = usages.map(|usage| self.may_use(id, usage, name));
        let found = may.into_iter().find(Result::is_ok).unwrap_or(may[0]).and_then(|()| {
            let client = self.clients.get(id).ok_or(ErrorCode::UnknownStream)?;
            let record = self.streams.catalog.find(client.namespace, name);
            record.map(|record| record.id).ok_or(ErrorCode::UnknownStream)
        });
        let stream = match found {
            Ok(stream) => stream,
            Err(code) => {
                self.finish_wish(now, id, ticket, code);
                return Progress::Done;
            }
        };
        let words = match self.ask_all(id, Question::Partitions { stream: stream.0 }) {
            Ok(words) => words,
            Err(Unanswered::Waits(wait)) => return Progress::Waits(wait),
            Err(Unanswered::Busy) => {
                self.finish_wish(now, id, ticket, ErrorCode::StreamBusy);
                return Progress::Done;
            }
        };
        self.forget_words(id);
        if let Some(client) = self.clients.get_mut(id) {
            client.stream_wish = None;
        }
        self.tell_description(now, id, stream, ticket, &words.partitions);
        Progress::Done
    }

    fn tell_description(
        &mut self,
        now: Timestamp,
        id: ClientId,
        stream: StreamId,
        ticket: Ticket,
        words: &[PartitionWords],
    ) {
        let Some(record) = self.streams.catalog.stream(stream) else {
            return self.stream_outcome(now, id, ticket, ErrorCode::StreamDeleted);
        };
        let (name, created, co_located) = (record.name.clone(), record.created, record.co_located);
        let rows = self.partition_rows(record, words);
        let described = StreamDescribed {
            ticket,
            name: &name,
            created,
            co_located,
            partitions: &rows,
            more: false,
        };
        self.tell(now, id, &Event::Stream(StreamEvent::Described(described)));
    }

    fn partition_rows(&self, record: &StreamRecord, words: &[PartitionWords]) -> Vec<PartitionRow> {
        let rows = (0..).zip(&record.partitions).map(|(index, partition)| {
            let told = words.iter().find(|it| it.id == partition.id.0);
            let shard = self.streams.setup.as_ref().map(|setup| setup.shard_of(partition.log));
            PartitionRow {
                index,
                id: partition.id,
                first_offset: Offset(told.map_or(0, |it| it.first)),
                end_offset: Offset(told.map_or(0, |it| it.end)),
                health: told
                    .and_then(|it| PartitionHealth::from_number(it.health))
                    .unwrap_or_default(),
                shard: shard.map_or(0, |shard| shard.index() as u16),
            }
        });
        rows.collect()
    }

    /// What this shard says about its partitions of a stream.
    pub(in super::super) fn partition_words(&self, stream: StreamId) -> Vec<PartitionWords> {
        let Some(record) = self.streams.catalog.stream(stream) else { return Vec::new() };
        let ids: Vec<PartitionId> = record.partitions.iter().map(|it| it.id).collect();
        let mut words = Vec::new();
        for host in self.streams.hosts() {
            words.extend(host.partitions().filter(|it| ids.contains(&it.id())).map(|partition| {
                let readable = partition.places().readable();
                PartitionWords {
                    id: partition.id().0,
                    first: readable.start.0,
                    end: readable.end.0,
                    health: crate::streams::health(partition.state()) as u8,
                }
            }));
        }
        words
    }

    /// Tells a client which streams there are that it may see.
    fn list_streams(&mut self, now: Timestamp, id: ClientId, list: &ListStreams) {
        let Some(namespace) = self.clients.get(id).map(|client| client.namespace) else { return };
        let all: Vec<StreamRecord> = self
            .streams
            .catalog
            .in_order()
            .into_iter()
            .filter(|record| record.namespace == namespace)
            .cloned()
            .collect();
        let may = |shard: &mut Self, record: &StreamRecord| {
            shard.may_use(id, StreamUsage::Read, &record.name).is_ok()
        };
        let seen: Vec<StreamRecord> = all.into_iter().filter(|record| may(self, record)).collect();
        let rows: Vec<StreamRow<'_>> = seen
            .iter()
            .map(|record| StreamRow {
                name: &record.name,
                partition_count: record.partitions.len() as u32,
                created: record.created,
            })
            .collect();
        let listed = StreamsListed { ticket: list.ticket, streams: &rows, more: false };
        self.tell(now, id, &Event::Stream(StreamEvent::Listed(listed)));
    }
}
