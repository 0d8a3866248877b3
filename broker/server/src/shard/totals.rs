//! The counters of all shards, put together for one who asks.

use coilgun_protocol::model::{ClientId, ShardId};
use serde::Serialize;

use super::counters::ShardCounters;
use super::turn::Shard;
use super::waits::Wait;
use crate::env::Env;
use crate::mesh::Message;

/// Counters of shards for one client that asked, by shard, as they come.
#[derive(Debug)]
pub(super) struct Gathered(Vec<Option<ShardCounters>>);

/// What is answered.
#[derive(Serialize)]
struct Report {
    /// All shards together.
    #[serde(flatten)]
    total: ShardCounters,
    /// Each by itself.
    shards: Vec<ShardCounters>,
}

impl<E: Env> Shard<E> {
    /// The counters of all shards as a JSON object. Nothing, if the others have to be asked first.
    pub(super) fn counters_of_all(&mut self, id: ClientId) -> Option<Vec<u8>> {
        let own = self.counters();
        let client = self.clients.get_mut(id)?;
        let gathered = match &client.gathered {
            Some(gathered) => gathered,
            None => {
                let mut shards = vec![None; self.mesh.shard_count()];
                shards[self.mesh.shard().index()] = Some(own);
                for shard in self.mesh.others().iter() {
                    self.mesh.say(shard, &Message::CountersWanted { client: id });
                }
                client.gathered.insert(Box::new(Gathered(shards)))
            }
        };
        let shards: Vec<ShardCounters> = gathered.0.iter().copied().collect::<Option<_>>()?;
        let total = shards.iter().copied().sum();
        let report = Report { total, shards };
        Some(serde_json::to_vec(&report).expect("numbers with names are JSON"))
    }

    /// The client has its answer.
    pub(super) fn forget_counters(&mut self, id: ClientId) {
        if let Some(client) = self.clients.get_mut(id) {
            client.gathered = None;
        }
    }

    /// Another shard asks for our counters, for one of its clients.
    pub(super) fn on_counters_wanted(&mut self, from: ShardId, client: ClientId) {
        let text = serde_json::to_vec(&self.counters()).expect("numbers with names are JSON");
        self.mesh.say(from, &Message::Counters { client, text: &text });
    }

    /// Another shard tells its counters.
    pub(super) fn on_counters(&mut self, from: ShardId, id: ClientId, text: &[u8]) {
        let counters = serde_json::from_slice(text).expect("shards of one process agree");
        let Some(client) = self.clients.get_mut(id) else { return };
        let Some(gathered) = &mut client.gathered else { return };
        gathered.0[from.index()] = Some(counters);
        if client.waits == Some(Wait::Counters) && gathered.0.iter().all(Option::is_some) {
            self.let_go(id);
        }
    }
}
