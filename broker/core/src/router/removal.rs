//! Clients that leave (law S23).

use coilgun_protocol::model::ClientId;

use super::client::Presence;
use super::state::Router;

/// How far the removal of a client is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use]
pub enum Removal {
    /// Nothing is left of the client; its slot can be used again.
    Done,
    /// Subscriptions are left; call again, in another turn.
    More,
}

impl Router {
    /// Removes a client, `budget` subscriptions at a time, at least one.
    ///
    /// After the first call the client is in no plan, its name is free, and the only thing it can
    /// still be used for is to call this again until it says [`Removal::Done`]. A client that is not
    /// there is done.
    pub fn remove_client(&mut self, client: ClientId, budget: usize) -> Removal {
        self.unpress(client);
        let Some(leaver) = self.clients.get_mut(client) else { return Removal::Done };
        self.revision += 1;
        let budget = budget.max(1);
        match leaver.presence {
            Presence::Present if leaver.subscription_count <= budget => {
                self.leave_primary(client);
                self.release_name(client);
                self.end_all(client);
                self.clients.begin_leaving(client);
            }
            Presence::Present => {
                let namespace = leaver.attributes.namespace;
                self.leave_primary(client);
                self.release_name(client);
                self.clients.begin_leaving(client);
                // Cheaper than looking for its routes now, and exact: routes that are built from
                // now on leave it out, and no others are used.
                self.cache.epochs.bump_namespace(namespace);
                self.detach_some(client, budget);
            }
            Presence::Leaving => self.detach_some(client, budget),
        }
        if self.clients.in_slot(client.slot).subscription_count > 0 {
            return Removal::More;
        }
        self.drop_exclusions(client);
        self.clients.finish_leaving(client);
        Removal::Done
    }

    /// Ends all subscriptions of a client that has few, which makes only those routes worthless
    /// that it is in.
    fn end_all(&mut self, client: ClientId) {
        for _ in 0..self.clients.present(client).subscription_count {
            let key = self.clients.present(client).first;
            self.end(key);
        }
    }

    /// Takes out up to `budget` subscriptions of a client that is in no route any more.
    fn detach_some(&mut self, client: ClientId, budget: usize) {
        let count = self.clients.in_slot(client.slot).subscription_count.min(budget);
        for _ in 0..count {
            let key = self.clients.in_slot(client.slot).first;
            self.detach(key);
        }
    }
}
