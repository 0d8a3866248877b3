//! The table of users; made once, and never changed.

use std::collections::HashMap;
use std::sync::Arc;

use coilgun_core::security::{Identities, IdentityId, Permissions};
use coilgun_protocol::model::NamespaceId;

use super::hash::SecretHash;

/// A user's place in the table.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct UserNumber(pub(super) u32);

/// A user.
#[derive(Clone, Debug)]
pub struct User {
    /// What it is called.
    pub name: String,
    /// The hash of its password.
    pub secret: SecretHash,
    /// Where it may work; the first is where it is if it asks for none. Not empty.
    pub namespaces: Vec<NamespaceId>,
    /// What it may do.
    pub identity: IdentityId,
}

/// All users of a broker.
#[derive(Clone, Debug, Default)]
pub struct Users {
    users: Vec<User>,
    by_name: HashMap<String, UserNumber>,
    identities: Identities,
}

impl Users {
    /// Takes a user in.
    ///
    /// # Panics
    /// If there is one of this name, or it has no namespace: both were checked.
    pub fn add(
        &mut self,
        name: &str,
        secret: SecretHash,
        namespaces: Vec<NamespaceId>,
        permissions: Permissions,
    ) {
        assert!(!namespaces.is_empty(), "a user is somewhere");
        let identity = self.identities.add(permissions);
        let number = UserNumber(u32::try_from(self.users.len()).expect("there are few users"));
        let before = self.by_name.insert(name.to_owned(), number);
        assert!(before.is_none(), "a name is one user's");
        self.users.push(User { name: name.to_owned(), secret, namespaces, identity });
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.users.is_empty()
    }

    /// The user at this place.
    #[must_use]
    pub fn get(&self, number: UserNumber) -> &User {
        &self.users[number.0 as usize]
    }

    /// The user of this name.
    #[must_use]
    pub fn find(&self, name: &[u8]) -> Option<UserNumber> {
        self.by_name.get(std::str::from_utf8(name).ok()?).copied()
    }

    /// What each identity may do.
    #[must_use]
    pub fn identities(&self) -> Arc<Identities> {
        Arc::new(self.identities.clone())
    }

    /// Whether this is the password of that user. Where there is no user, another one's hash is
    /// checked, so that it takes as long.
    pub(super) fn verify(&self, user: Option<UserNumber>, secret: &[u8]) -> bool {
        let checked = user.map_or(self.users.first(), |number| self.users.get(number.0 as usize));
        checked.is_some_and(|it| it.secret.is_of(secret)) && user.is_some()
    }

    /// The same where passwords stand for themselves.
    pub(super) fn verify_plain(&self, user: Option<UserNumber>, secret: &[u8]) -> bool {
        user.is_some_and(|number| self.get(number).secret.is_plain(secret))
    }
}
