//! What clients of elbus may do, by their names, and how that changes while they are connected.
//!
//! ```text
//!  AccessHandle --new map--> shared, version + 1 --wakes--> every shard
//!                                                              |
//!                    clients whose entry changed are cut off <-+-> the others get new identities
//! ```

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError};

#[expect(
    clippy::disallowed_types,
    reason = "held to copy one pointer; by whoever changes something, for as long as that takes"
)]
use std::sync::Mutex;
#[expect(clippy::disallowed_types, reason = "as the lock itself")]
type Lock<T> = Mutex<T>;

use coilgun_core::security::{Identities, IdentityId, Permissions, Rules};
use coilgun_protocol::model::limits;
use ipnet::IpNet;

use crate::config::{ConfigError, ElbusClientConfig};
use crate::shard::ControlSender;

/// One client.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ElbusClient {
    /// From where it may come; nothing: from everywhere.
    pub(crate) hosts: Option<Vec<IpNet>>,
    /// What it may do.
    pub(crate) permissions: Permissions,
}

/// Who may connect, and what each of them may do. Whoever is not in it is refused.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ElbusAccess(HashMap<Box<[u8]>, ElbusClient>);

/// What is said at a time, with the identities that follow from it: made by whoever says it, because it may
/// take a while (law S26).
#[derive(Debug)]
pub(crate) struct AccessTable {
    /// Nothing: everybody may do everything.
    access: Option<ElbusAccess>,
    /// What each identity may do, users included.
    identities: Arc<Identities>,
    by_name: HashMap<Box<[u8]>, IdentityId>,
    /// Whoever may do nothing.
    nobody: IdentityId,
}

/// What a client may do.
#[derive(PartialEq, Eq, Debug)]
pub(crate) enum Right<'a> {
    /// Everything: nobody is listed.
    Everything,
    /// What its entry says.
    Listed(&'a ElbusClient),
    /// Nothing: others are listed.
    Nothing,
}

/// What all shards look at.
#[derive(Debug)]
pub struct SharedAccess {
    /// Those of users, which never change.
    of_users: Arc<Identities>,
    version: AtomicU64,
    current: Lock<Arc<AccessTable>>,
    /// Held by whoever changes something.
    changing: Lock<()>,
}

/// Changes what clients of elbus may do while the broker runs. Cheap to clone.
///
/// Clients that are connected and whose entry changes are cut off, and find the new rules when they
/// come back; the others notice nothing.
#[derive(Clone, Debug)]
pub struct AccessHandle {
    shared: Arc<SharedAccess>,
    shards: Arc<[ControlSender]>,
}

impl ElbusClient {
    /// Whether it may come from an address; from one that is not known only if it may from everywhere.
    pub(crate) fn may_come_from(&self, address: Option<IpAddr>) -> bool {
        let Some(hosts) = &self.hosts else { return true };
        let contains =
            |address: IpAddr| hosts.iter().any(|network| network.contains(&address.to_canonical()));
        address.is_some_and(contains)
    }
}

impl ElbusAccess {
    /// What these entries say.
    ///
    /// # Errors
    /// Names the client and the key that is wrong.
    pub fn of(clients: &[ElbusClientConfig]) -> Result<ElbusAccess, ConfigError> {
        if clients.len() > limits::USERS_MAX {
            let (value, max) = (clients.len() as u64, limits::USERS_MAX as u64);
            return Err(ConfigError::Range {
                key: "the number of elbus_client",
                value,
                min: 0,
                max,
            });
        }
        let mut access = HashMap::new();
        for client in clients {
            let (name, entry) = client.access()?;
            if access.insert(name, entry).is_some() {
                let (client, key) = (client.name.clone(), "name");
                let reason = "there is another one of this name".to_owned();
                return Err(ConfigError::ElbusClient { client, key, reason });
            }
        }
        Ok(ElbusAccess(access))
    }
}

impl AccessTable {
    fn new(access: Option<ElbusAccess>, of_users: &Identities) -> AccessTable {
        let mut identities = of_users.clone();
        let nothing = || Rules::new::<&str>(Some(&[]), &[]).expect("there is no filter in them");
        let nobody = identities.add(Permissions {
            publish: nothing(),
            subscribe: nothing(),
            request: nothing(),
            names: Some(nothing()),
            broadcast: Some(nothing()),
        });
        let entries: Vec<_> = access.iter().flat_map(|access| &access.0).collect();
        let numbers = identities.add_all(entries.iter().map(|(_, it)| it.permissions.clone()));
        let by_name = entries.iter().zip(numbers).map(|((name, _), id)| ((*name).clone(), id));
        let by_name = by_name.collect();
        AccessTable { access, identities: Arc::new(identities), by_name, nobody }
    }

    /// What a client of this native name may do.
    pub(crate) fn right_of(&self, name: &[u8]) -> Right<'_> {
        match &self.access {
            None => Right::Everything,
            Some(access) => access.0.get(name).map_or(Right::Nothing, Right::Listed),
        }
    }

    /// The identity of that.
    pub(crate) fn identity_of(&self, name: &[u8]) -> IdentityId {
        match &self.access {
            None => IdentityId::EVERYTHING,
            Some(_) => self.by_name.get(name).copied().unwrap_or(self.nobody),
        }
    }

    /// The identity of whoever may do nothing.
    pub(crate) fn nobody(&self) -> IdentityId {
        self.nobody
    }

    /// What each identity may do.
    pub(crate) fn identities(&self) -> Arc<Identities> {
        Arc::clone(&self.identities)
    }
}

impl SharedAccess {
    /// What is said in the beginning, beside what users may do; nothing: everybody may do everything.
    #[must_use]
    pub fn new(access: Option<ElbusAccess>, of_users: Arc<Identities>) -> SharedAccess {
        let current = Lock::new(Arc::new(AccessTable::new(access, &of_users)));
        SharedAccess { of_users, version: AtomicU64::new(1), current, changing: Lock::new(()) }
    }

    /// Goes up with every change.
    #[inline]
    pub(crate) fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    /// What is said now.
    pub(crate) fn current(&self) -> Arc<AccessTable> {
        Arc::clone(&self.current.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn change(&self, change: impl FnOnce(Option<&ElbusAccess>) -> Option<ElbusAccess>) {
        // Two who change something do so one after the other: each begins from what the other one made.
        let _turn = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let before = self.current();
        let table = Arc::new(AccessTable::new(change(before.access.as_ref()), &self.of_users));
        *self.current.lock().unwrap_or_else(PoisonError::into_inner) = table;
        // Behind what it announces.
        self.version.fetch_add(1, Ordering::Release);
    }
}

impl AccessHandle {
    /// Changes what these shards look at.
    #[must_use]
    pub fn new(shared: Arc<SharedAccess>, shards: Arc<[ControlSender]>) -> AccessHandle {
        AccessHandle { shared, shards }
    }

    /// From now on these entries count and no others; nothing: everybody may do everything.
    ///
    /// # Errors
    /// Names the client and the key that is wrong; nothing changes then.
    pub fn replace(&self, clients: Option<&[ElbusClientConfig]>) -> Result<(), ConfigError> {
        let access = clients.map(ElbusAccess::of).transpose()?;
        self.change(|_| access);
        Ok(())
    }

    /// From now on this entry counts, in the place of one of the same name. Where everybody might do
    /// everything, only those that are set may connect from then on.
    ///
    /// # Errors
    /// Names the key that is wrong; nothing changes then.
    pub fn set(&self, client: &ElbusClientConfig) -> Result<(), ConfigError> {
        let (name, entry) = client.access()?;
        self.change(|current| {
            let mut access = current.cloned().unwrap_or_default();
            access.0.insert(name, entry);
            Some(access)
        });
        Ok(())
    }

    /// From now on a client of this name is refused.
    ///
    /// # Errors
    /// If no client is called so.
    pub fn remove(&self, name: &str) -> Result<(), ConfigError> {
        let (name, _) = ElbusClientConfig::named(name).access()?;
        self.change(|current| {
            let mut access = current.cloned().unwrap_or_default();
            access.0.remove(&name);
            Some(access)
        });
        Ok(())
    }

    fn change(&self, change: impl FnOnce(Option<&ElbusAccess>) -> Option<ElbusAccess>) {
        self.shared.change(change);
        self.shards.iter().for_each(ControlSender::wake);
    }
}
