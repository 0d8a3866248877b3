//! What a shard asks all others on behalf of a client, and what they tell.
//!
//! ```text
//! home --Asked--> every other shard
//!      <--Told--- each answers; one that has more to tell is asked again
//! ```
//!
//! The command that asks waits meanwhile, and finds everything together when it is looked at again.

use coilgun_core::stream::StreamId;
use coilgun_protocol::model::{ClientId, NamespaceId, ShardId, ShardSet};
use coilgun_protocol::session::{Session, Traffic};
use serde::{Deserialize, Serialize};

use super::broker_client::{ClientRow, Rows};
use super::streaming::PartitionWords;
use super::turn::Shard;
use super::waits::Wait;
use crate::env::Env;
use crate::mesh::Message;

/// Lists of clients that one shard gathers at the same time: each may be long.
const LISTS_MAX: usize = 4;

/// What is asked.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) enum Question {
    /// What travelled on all connections there were.
    Traffic,
    /// The clients of a namespace that have a name, behind this one.
    Clients { namespace: u16, after: Vec<u8> },
    /// The partitions of a stream.
    Partitions { stream: u64 },
}

impl Question {
    /// All clients of a namespace that have a name.
    pub(super) fn clients(namespace: NamespaceId) -> Question {
        Question::Clients { namespace: namespace.0, after: Vec::new() }
    }

    fn is_list(&self) -> bool {
        matches!(self, Question::Clients { .. })
    }
}

/// What one shard tells at once.
#[derive(Serialize, Deserialize)]
enum Told {
    Traffic([u64; 4]),
    Clients(Rows),
    Partitions(Vec<PartitionWords>),
}

/// What all shards told.
#[derive(Clone, Debug, Default)]
pub(super) struct Words {
    pub(super) traffic: Traffic,
    pub(super) rows: Vec<ClientRow>,
    pub(super) partitions: Vec<PartitionWords>,
}

impl Words {
    /// Takes in what one shard tells. Returns the name behind which it has more to tell.
    fn take(&mut self, told: Told) -> Option<Vec<u8>> {
        match told {
            Told::Traffic([frames_in, bytes_in, frames_out, bytes_out]) => {
                self.traffic.add(Traffic { frames_in, bytes_in, frames_out, bytes_out });
                None
            }
            Told::Clients(Rows { rows, next }) => {
                self.rows.extend(rows);
                next
            }
            Told::Partitions(partitions) => {
                self.partitions.extend(partitions);
                None
            }
        }
    }
}

/// What one client asked, as far as it is answered.
#[derive(Debug)]
pub(super) struct Inquiry {
    question: Question,
    /// Those that have not told everything.
    owed: ShardSet,
    words: Words,
}

/// Why there is no answer yet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Unanswered {
    /// It has to be waited for.
    Waits(Wait),
    /// As many ask as may at the same time.
    Busy,
}

impl<E: Env> Shard<E> {
    /// What all shards say to a question of a client; it is asked again until they have. The answer
    /// stays until it is [forgotten](Shard::forget_words).
    pub(super) fn ask_all(
        &mut self,
        id: ClientId,
        question: Question,
    ) -> Result<Words, Unanswered> {
        let inquiry = self.clients.get(id).and_then(|client| client.inquiry.as_deref());
        match inquiry {
            Some(inquiry) if inquiry.owed.is_empty() => return Ok(inquiry.words.clone()),
            Some(_) => return Err(Unanswered::Waits(Wait::Counters)),
            None => {}
        }
        if question.is_list() && self.lists >= LISTS_MAX {
            return Err(Unanswered::Busy);
        }
        let mut words = Words::default();
        let mut next = Some(question.clone());
        // Ends with the last of our own clients.
        while let Some(asked) = next.take() {
            let more = words.take(self.told(&asked));
            next = more.map(|after| behind(&asked, after));
        }
        let owed = self.mesh.others();
        for shard in owed.iter() {
            self.ask_shard(shard, id, &question);
        }
        let Some(client) = self.clients.get_mut(id) else { return Ok(words) };
        self.lists += usize::from(question.is_list());
        client.inquiry = Some(Box::new(Inquiry { question, owed, words: words.clone() }));
        if owed.is_empty() { Ok(words) } else { Err(Unanswered::Waits(Wait::Counters)) }
    }

    /// The client has its answer, or is gone.
    pub(super) fn forget_words(&mut self, id: ClientId) {
        let inquiry = self.clients.get_mut(id).and_then(|client| client.inquiry.take());
        self.drop_inquiry(inquiry);
    }

    /// Lets somebody else ask.
    pub(super) fn drop_inquiry(&mut self, inquiry: Option<Box<Inquiry>>) {
        if inquiry.is_some_and(|inquiry| inquiry.question.is_list()) {
            self.lists -= 1;
        }
    }

    fn ask_shard(&mut self, shard: ShardId, id: ClientId, question: &Question) {
        let text = rmp_serde::to_vec(question).expect("questions are MessagePack");
        self.mesh.say(shard, &Message::Asked { client: id, text: &text });
    }

    /// Another shard asks, on behalf of one of its clients.
    pub(super) fn on_asked(&mut self, from: ShardId, client: ClientId, text: &[u8]) {
        let question = rmp_serde::from_slice(text).expect("shards of one process agree");
        let told = rmp_serde::to_vec(&self.told(&question)).expect("answers are MessagePack");
        self.mesh.say(from, &Message::Told { client, text: &told });
    }

    /// Another shard tells what was asked.
    pub(super) fn on_told(&mut self, from: ShardId, id: ClientId, text: &[u8]) {
        let told = rmp_serde::from_slice(text).expect("shards of one process agree");
        let Some(client) = self.clients.get_mut(id) else { return };
        let Some(inquiry) = &mut client.inquiry else { return };
        if let Some(after) = inquiry.words.take(told) {
            let question = behind(&inquiry.question, after);
            return self.ask_shard(from, id, &question);
        }
        inquiry.owed.remove(from);
        if inquiry.owed.is_empty() && client.waits == Some(Wait::Counters) {
            self.let_go(id);
        }
    }

    /// What this shard tells.
    fn told(&self, question: &Question) -> Told {
        match question {
            Question::Traffic => {
                let mut traffic = self.traffic_gone;
                self.clients.iter().for_each(|client| traffic.add(client.session.traffic()));
                let Traffic { frames_in, bytes_in, frames_out, bytes_out } = traffic;
                Told::Traffic([frames_in, bytes_in, frames_out, bytes_out])
            }
            Question::Clients { namespace, after } => {
                Told::Clients(self.client_rows(NamespaceId(*namespace), after))
            }
            Question::Partitions { stream } => {
                Told::Partitions(self.partition_words(StreamId(*stream)))
            }
        }
    }
}

/// The same question, from this name on.
fn behind(question: &Question, after: Vec<u8>) -> Question {
    match question {
        Question::Traffic => Question::Traffic,
        Question::Partitions { stream } => Question::Partitions { stream: *stream },
        Question::Clients { namespace, .. } => Question::Clients { namespace: *namespace, after },
    }
}
