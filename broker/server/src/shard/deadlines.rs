//! When sessions want to be looked at.
//!
//! At most one entry per client counts: the one that stands in [`Client::watched`]. An entry of a
//! client that is gone, or that was replaced, is dropped when its time comes.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use coilgun_protocol::model::{ClientId, Timestamp};

use super::client::{Client, Clients};

/// Entries beyond twice the number of clients and this many are swept out.
const SLACK: usize = 1024;

/// Clients by the time of their next deadline.
#[derive(Debug, Default)]
pub(super) struct Deadlines(BinaryHeap<Reverse<(Timestamp, ClientId)>>);

impl Deadlines {
    /// Watches a client's deadline, if it is earlier than the one that is watched already.
    pub(super) fn watch(&mut self, client: &mut Client, deadline: Option<Timestamp>) {
        let Some(at) = deadline else { return };
        if client.watched.is_none_or(|watched| at < watched) {
            client.watched = Some(at);
            self.0.push(Reverse((at, client.id)));
        }
    }

    /// The next client whose deadline has come; it is not watched any more.
    pub(super) fn next_due(&mut self, now: Timestamp, clients: &mut Clients) -> Option<ClientId> {
        // Ends because every step takes an entry out.
        while let Some(Reverse((at, id))) = self.0.peek().copied() {
            if at > now {
                return None;
            }
            self.0.pop();
            if let Some(client) = clients.get_mut(id)
                && client.watched == Some(at)
            {
                client.watched = None;
                return Some(id);
            }
        }
        None
    }

    /// The earliest deadline.
    pub(super) fn earliest(&self) -> Option<Timestamp> {
        self.0.peek().map(|Reverse((at, _))| *at)
    }

    /// Throws out entries of clients that are gone, if there are many of them.
    pub(super) fn sweep(&mut self, clients: &Clients) {
        if self.0.len() > 2 * clients.len() + SLACK {
            self.0.retain(|Reverse((at, id))| {
                clients.get(*id).is_some_and(|client| client.watched == Some(*at))
            });
        }
    }
}
