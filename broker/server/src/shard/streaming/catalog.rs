//! Which streams there are: decided on the first shard, in its log, and followed by the others.
//!
//! ```text
//! Wanted --> planned, in the log --> durable --> made here, => Made to the others <= Applied
//!                                                                    all of them: => Decided
//! ```

use coilgun_core::stream::{CreateRefusal, LogIndex, NewStream, StreamId, StreamRecord};
use coilgun_protocol::model::{ClientId, ErrorCode, NamespaceId, ShardId, StreamName, UnixMs};
use coilgun_storage::format::{METADATA_STREAM, Metadata, State, StreamState};
use coilgun_storage::journal::{GroupNumber, Purpose, Refused};

use super::super::turn::Shard;
use super::logs::FIRST;
use super::state::{Change, Decision, LogState, Streams};
use super::words::{StreamWord, WishWord, who};
use crate::env::Env;
use crate::streams::{RebuiltCatalog, stream_record, stream_state};

/// What a namespace is called: one that is configured, or one that is not any more.
pub(super) fn namespace_name<'a>(
    configured: &'a [String],
    hidden: &'a [String],
    id: NamespaceId,
) -> &'a str {
    let at = usize::from(id.0);
    configured.get(at).unwrap_or_else(|| &hidden[at - configured.len()])
}

impl<E: Env> Shard<E> {
    /// The shard that decides about streams.
    fn decider(&self) -> ShardId {
        self.streams.setup.as_ref().map_or_else(ShardId::default, |setup| setup.shard_of(FIRST))
    }

    /// A client of this shard wants something.
    pub(super) fn ask_for(&mut self, id: ClientId, wish: WishWord) {
        let (decider, home) = (self.decider(), self.mesh.shard());
        if decider == home {
            self.decide(home, id, wish);
        } else {
            self.say_word(decider, &StreamWord::Wanted { client: who(id), wish });
        }
    }

    /// Decides about a wish, once the first log is open.
    pub(super) fn decide(&mut self, home: ShardId, id: ClientId, wish: WishWord) {
        if self.streams.host_mut(FIRST).is_none() {
            self.open_log(FIRST);
            self.streams.wishes.push_back((home, id, wish));
            return;
        }
        let decided = match &wish {
            WishWord::Create { .. } => self.plan_create(&wish),
            WishWord::Delete { namespace, name } => self.plan_delete(NamespaceId(*namespace), name),
        };
        match decided.and_then(|change| Ok((self.log_change(&change)?, change))) {
            Err(code) => self.tell_decided(home, id, code),
            Ok((group, change)) => {
                self.streams.last_decision += 1;
                let number = self.streams.last_decision;
                match &change {
                    // Its name is taken from now on, and its numbers are.
                    Change::Made(record) => {
                        let is_new = self.streams.catalog.apply(record.clone());
                        assert!(is_new, "it was planned against this catalog");
                    }
                    Change::Removed(_) => {}
                }
                let owed = self.mesh.others();
                let decision =
                    Decision { number, change, group, is_told: false, owed, home, client: id };
                self.streams.decisions.push_back(decision);
            }
        }
    }

    fn plan_create(&self, wish: &WishWord) -> Result<Change, ErrorCode> {
        let WishWord::Create { namespace, name, partition_count, co_located } = wish else {
            unreachable!("only wishes to create are planned so");
        };
        let name = StreamName::parse(name).map_err(|_| ErrorCode::InvalidStreamName)?;
        let new = NewStream {
            namespace: NamespaceId(*namespace),
            name,
            partition_count: *partition_count,
            co_located: *co_located,
            now: UnixMs(self.env.wall_clock_ns() / 1_000_000),
        };
        let log_count = self.streams.setup.as_ref().map_or(1, |setup| setup.log_count);
        let planned = self.streams.catalog.plan_create(&new, log_count);
        planned.map(Change::Made).map_err(|refusal| match refusal {
            CreateRefusal::Exists => ErrorCode::StreamExists,
            CreateRefusal::PartitionCount => ErrorCode::TooManyPartitions,
            CreateRefusal::TooMany => ErrorCode::TooManyStreams,
        })
    }

    fn plan_delete(&self, namespace: NamespaceId, name: &[u8]) -> Result<Change, ErrorCode> {
        let record = self.streams.catalog.find(namespace, name);
        let record = record.ok_or(ErrorCode::UnknownStream)?;
        let is_being_deleted = self.streams.decisions.iter().any(|decision| {
            matches!(&decision.change, Change::Removed(removed) if removed.id == record.id)
        });
        if is_being_deleted {
            return Err(ErrorCode::UnknownStream);
        }
        Ok(Change::Removed(record.clone()))
    }

    /// Puts a decision into the first log.
    fn log_change(&mut self, change: &Change) -> Result<GroupNumber, ErrorCode> {
        let (record, deleted) = match change {
            Change::Made(record) => (record, 0),
            Change::Removed(record) => (record, 1),
        };
        let body = stream_state(record, self.namespace_name(record.namespace)).to_body();
        let head = Metadata {
            key: record.id.0,
            revision: self.streams.last_decision + 1,
            metadata_kind: METADATA_STREAM,
            deleted,
            reserved: 0,
        };
        let host = self.streams.host_mut(FIRST).ok_or(ErrorCode::StreamBusy)?;
        let logged = host.journal().append(&head, &[&body], Purpose::Control);
        logged.map_err(|refused| match refused {
            Refused::NoRoom => ErrorCode::StreamBusy,
            Refused::Full => ErrorCode::StorageFull,
            Refused::TooLarge => ErrorCode::TooManyPartitions,
            Refused::Closed => ErrorCode::StreamsUnavailable,
        })
    }

    /// A commit group of a log is durable, and perhaps a decision with it.
    pub(super) fn on_group_durable(&mut self, log: LogIndex, group: GroupNumber) {
        if log != FIRST {
            return;
        }
        // Ends because each round tells one.
        while let Some(at) = self
            .streams
            .decisions
            .iter()
            .position(|decision| !decision.is_told && decision.group <= group)
        {
            self.streams.decisions[at].is_told = true;
            self.carry_out_decision(at);
        }
    }

    /// A decision is durable: it is carried out here and told to all others.
    fn carry_out_decision(&mut self, at: usize) {
        let Decision { number, change, owed, .. } = &self.streams.decisions[at];
        let (number, owed) = (*number, *owed);
        match change {
            Change::Made(record) => {
                let record = record.clone();
                let word = self.made_word(number, &record);
                owed.iter().for_each(|shard| self.say_word(shard, &word));
                self.make_partitions(&record);
            }
            Change::Removed(record) => {
                let record = record.clone();
                let word = StreamWord::Removed { number, stream: record.id.0 };
                owed.iter().for_each(|shard| self.say_word(shard, &word));
                self.streams.catalog.remove(record.id);
                self.delete_partitions(&record);
            }
        }
    }

    fn made_word(&self, number: u64, record: &StreamRecord) -> StreamWord {
        let state = stream_state(record, self.namespace_name(record.namespace)).to_body();
        StreamWord::Made { number, namespace: record.namespace.0, state }
    }

    /// Tells whoever wanted something that it is so everywhere.
    pub(super) fn tell_decisions(&mut self) {
        // Ends because each round takes one out.
        while let Some(at) = self
            .streams
            .decisions
            .iter()
            .position(|decision| decision.is_told && decision.owed.is_empty())
        {
            let is_made = match &self.streams.decisions[at].change {
                Change::Made(record) => self.has_partitions(&record.clone()),
                Change::Removed(_) => true,
            };
            if !is_made {
                return;
            }
            let decision = self.streams.decisions.remove(at).expect("it was just found");
            self.tell_decided(decision.home, decision.client, ErrorCode::Ok);
        }
        self.confirm_made();
    }

    fn tell_decided(&mut self, home: ShardId, id: ClientId, code: ErrorCode) {
        if home == self.mesh.shard() {
            self.on_decided(id, code);
        } else {
            self.say_word(home, &StreamWord::Decided { client: who(id), code: code as u16 });
        }
    }

    /// Makes the partitions of a stream that belong to logs of this shard, opening those.
    fn make_partitions(&mut self, record: &StreamRecord) {
        let Some(setup) = self.streams.setup.clone() else { return };
        for partition in &record.partitions {
            if setup.shard_of(partition.log) == setup.shard {
                self.streams.to_make.push((partition.log, partition.id));
                self.open_log(partition.log);
            }
        }
        self.make_waiting();
    }

    /// Makes partitions whose log is open and has room.
    pub(super) fn make_waiting(&mut self) {
        let waiting = std::mem::take(&mut self.streams.to_make);
        for (log, partition) in waiting {
            let place = self.streams.catalog.place_of(partition);
            let stream = place.and_then(|place| {
                let stream = self.streams.catalog.stream(place.stream)?;
                stream.partitions.get(place.index as usize).copied()
            });
            // It was deleted before it was made.
            let Some(record) = stream else { continue };
            let made = match self.streams.host_mut(log) {
                Some(host) if host.has(partition) => true,
                Some(host) => host.create(partition, record.co_location_group).is_ok(),
                None => false,
            };
            if !made {
                self.streams.to_make.push((log, partition));
            }
        }
    }

    /// Whether all partitions of a stream that belong here are there.
    fn has_partitions(&self, record: &StreamRecord) -> bool {
        !record.partitions.iter().any(|partition| {
            self.streams.to_make.iter().any(|(_, waiting)| *waiting == partition.id)
        })
    }

    /// Deletes the partitions of a stream that are on this shard.
    fn delete_partitions(&mut self, record: &StreamRecord) {
        self.streams.to_delete.extend(record.partitions.iter().map(|it| (it.log, it.id)));
        self.delete_waiting();
    }

    /// Deletes partitions that no stream has any more, as far as their logs take that now.
    pub(super) fn delete_waiting(&mut self) {
        let waiting = std::mem::take(&mut self.streams.to_delete);
        for (log, partition) in waiting {
            let Streams { logs, effects, now, to_delete, .. } = &mut self.streams;
            let host = logs.get_mut(&log).and_then(LogState::host_mut);
            // What is on other shards is deleted there.
            let Some(host) = host.filter(|host| host.can_delete(partition)) else { continue };
            if host.delete(partition, *now, effects).is_err() {
                to_delete.push((log, partition));
            }
        }
        self.begin_reads();
    }

    /// The first shard made a stream.
    pub(super) fn on_made(&mut self, from: ShardId, number: u64, namespace: u16, state: &[u8]) {
        let state = StreamState::from_body(state).expect("shards of one process agree");
        let record = stream_record(&state, NamespaceId(namespace));
        let is_new = self.streams.catalog.apply(record.clone());
        assert!(is_new, "the first shard decides once");
        self.make_partitions(&record);
        if number > 0 {
            self.streams.to_confirm.push((from, number));
        }
        self.confirm_made();
    }

    /// Confirms what was made, once all of it is.
    fn confirm_made(&mut self) {
        if self.streams.to_make.is_empty() {
            for (to, number) in std::mem::take(&mut self.streams.to_confirm) {
                self.say_word(to, &StreamWord::Applied { number });
            }
        }
    }

    /// The first shard deleted a stream.
    pub(super) fn on_removed(&mut self, from: ShardId, number: u64, stream: u64) {
        if let Some(record) = self.streams.catalog.remove(StreamId(stream)) {
            self.delete_partitions(&record);
        }
        self.say_word(from, &StreamWord::Applied { number });
    }

    /// A decision is in force on another shard.
    pub(super) fn on_applied(&mut self, from: ShardId, number: u64) {
        let mut decisions = self.streams.decisions.iter_mut();
        if let Some(decision) = decisions.find(|decision| decision.number == number) {
            decision.owed.remove(from);
        }
    }

    /// The first log is open: what it knows of streams is known again.
    pub(super) fn restore_catalog(&mut self, rebuilt: &RebuiltCatalog) {
        self.streams.catalog.restore_numbers(rebuilt.last_numbers);
        for state in rebuilt.streams.values() {
            let name = std::str::from_utf8(&state.namespace).ok();
            let index = self.settings.namespaces.iter().position(|it| Some(it.as_str()) == name);
            let index = index.unwrap_or_else(|| self.hidden_namespace(&state.namespace));
            let number = u16::try_from(index).expect("a broker has had fewer namespaces");
            let record = stream_record(state, NamespaceId(number));
            let is_new = self.streams.catalog.apply(record.clone());
            if is_new {
                self.make_partitions(&record);
            }
        }
    }

    /// The number of a namespace that is not configured any more. Its streams keep their names and records,
    /// and nobody reaches them.
    fn hidden_namespace(&mut self, name: &[u8]) -> usize {
        self.counters.streams_hidden += 1;
        let name = String::from_utf8_lossy(name);
        let hidden = &mut self.streams.hidden_namespaces;
        let at = hidden.iter().position(|it| *it == name).unwrap_or_else(|| {
            hidden.push(name.into_owned());
            hidden.len() - 1
        });
        self.settings.namespaces.len() + at
    }

    /// Namespaces that have streams and are not configured, if this shard decides about streams.
    pub fn hidden_namespaces(&self) -> &[String] {
        &self.streams.hidden_namespaces
    }

    /// What a namespace is called, also one that is not configured any more.
    fn namespace_name(&self, id: NamespaceId) -> &str {
        namespace_name(&self.settings.namespaces, &self.streams.hidden_namespaces, id)
    }

    /// Tells all other shards which streams there are. Before anybody can connect.
    pub fn announce_streams(&mut self) {
        if self.streams.setup.is_none() || self.decider() != self.mesh.shard() {
            return;
        }
        let records: Vec<StreamRecord> =
            self.streams.catalog.in_order().into_iter().cloned().collect();
        for record in &records {
            let word = self.made_word(0, record);
            self.mesh.others().iter().for_each(|shard| self.say_word(shard, &word));
        }
        self.mesh.others().iter().for_each(|shard| self.say_word(shard, &StreamWord::Known));
        if self.streams.catalog.is_empty() == self.streams.host_mut(FIRST).is_none() {
            self.on_known();
        }
        self.flush_mesh();
    }

    /// The first shard has said which streams there are: partitions of others were deleted when this
    /// shard did not hear of it.
    pub(super) fn on_known(&mut self) {
        let Streams { logs, catalog, to_delete, .. } = &mut self.streams;
        for (log, state) in logs.iter_mut() {
            let Some(host) = state.host_mut() else { continue };
            let ids = host.partitions().map(|it| it.id());
            to_delete.extend(ids.filter(|id| catalog.place_of(*id).is_none()).map(|id| (*log, id)));
        }
        self.delete_waiting();
    }

    /// A log is open: what waited for it goes on.
    pub(super) fn go_on_with_log(&mut self, log: LogIndex) {
        self.make_waiting();
        if log == FIRST {
            for (home, id, wish) in std::mem::take(&mut self.streams.wishes) {
                self.decide(home, id, wish);
            }
        }
    }
}
