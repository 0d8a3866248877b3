//! What a client's next command may have to wait for; everything behind it waits with it (law S18).

use coilgun_protocol::model::{ClientId, ShardId, Timestamp};

use super::client::Client;
use super::turn::Shard;
use crate::env::Env;

/// Bytes of a client that waits that may lie in receive blocks.
const WAITING_BYTES_MAX: usize = 4 * 1024;

/// What a client waits for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Wait {
    /// Room in the outbox of a client of this shard, so many milliseconds at most.
    Outbox(ClientId, u16),
    /// Room on the way to another shard.
    Ring(ShardId),
    /// A reader on another shard, which has had its time there.
    Reader(ShardId),
    /// That its subscriptions are in force everywhere (law S13).
    Interest,
    /// That answers it is owed have left (law S20).
    Answers,
    /// Whether its password is right (law S26).
    Verdict,
    /// Whether it may have its name (law S16).
    Name,
    /// The counters of other shards.
    Counters,
}

impl<E: Env> Shard<E> {
    /// Lets a client wait. Whoever may have to wait for long is not read meanwhile.
    pub(super) fn wait(&mut self, now: Timestamp, id: ClientId, wait: Wait) {
        match wait {
            Wait::Outbox(target, ms) => return self.wait_for(now, id, target, ms.into()),
            Wait::Ring(shard) => {
                self.counters.stalls += 1;
                self.net.pause(id);
                self.mesh.wait_for_room(shard, id);
            }
            Wait::Reader(shard) => {
                self.counters.stalls += 1;
                self.net.pause(id);
                self.mesh.wait_for_reader(shard, id);
            }
            Wait::Interest => {
                let sequence = self.clients.get(id).map_or(0, |client| client.interest);
                self.interest.watch(id, sequence);
            }
            Wait::Answers | Wait::Verdict | Wait::Name | Wait::Counters => {}
        }
        if let Some(client) = self.clients.get_mut(id) {
            client.waits = Some(wait);
        }
        self.pause_if_full(id);
    }

    /// Stops reading a client that waits, once more than a little has come meanwhile: it shall not keep
    /// receive blocks from others. Most waits are over before that, and reading goes on.
    pub(super) fn pause_if_full(&mut self, id: ClientId) {
        let waits = self.clients.get(id).is_some_and(|client| client.waits.is_some());
        let has_come = self
            .net
            .socket(id)
            .is_some_and(|it| it.transport().inbox().chunk_bytes() > WAITING_BYTES_MAX);
        if waits && has_come {
            self.net.pause(id);
        }
    }

    /// Lets these clients go on.
    pub(super) fn go_on(&mut self, waiters: &mut Vec<ClientId>) {
        for id in waiters.drain(..) {
            self.let_go(id);
        }
    }

    /// Lets a client go on.
    pub(super) fn let_go(&mut self, id: ClientId) {
        if let Some(client) = self.clients.get_mut(id) {
            client.waits = None;
            self.read_again(id);
        }
    }

    /// Reads a connection again, unless something else keeps it from being read.
    pub(super) fn read_again(&mut self, id: ClientId) {
        if self.clients.get(id).is_some_and(Client::may_run) {
            self.net.resume(id);
            self.make_ready(id);
        }
    }
}
