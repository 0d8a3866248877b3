//! Who may publish to a subject: looked up once per route and identity, not per message (law S32).

use coilgun_protocol::model::{ClientId, ErrorCode, Filter, Subject};

use super::plan::RouteHint;
use super::route_cache::RouteSlot;
use super::state::Router;
use crate::mutant::{self, Mutant};
use crate::security::{IdentityId, Usage};

/// Which identities may do one thing, by their bits.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Permits {
    /// Of which it is known.
    known: u64,
    /// Which of those may.
    allowed: u64,
}

impl Permits {
    fn get(self, bit: u64) -> Option<bool> {
        (self.known & bit != 0).then_some(self.allowed & bit != 0)
    }

    fn set(&mut self, bit: u64, is_allowed: bool) {
        self.known |= bit;
        self.allowed |= if is_allowed { bit } else { 0 };
    }
}

impl Router {
    /// Says whether a client may publish to a subject. A `hint` that led there before says it without
    /// looking; one that leads to where the client may not publish is not handed out.
    ///
    /// # Errors
    /// [`ErrorCode::PermissionDenied`], or [`ErrorCode::InvalidSubject`].
    ///
    /// # Panics
    /// If the publisher was not added or is being removed.
    pub fn check_permission(
        &mut self,
        publisher: ClientId,
        usage: Usage,
        subject: &[u8],
        hint: &mut RouteHint,
    ) -> Result<(), ErrorCode> {
        let attributes = self.clients.present(publisher).attributes;
        let (namespace, identity) = (attributes.namespace, attributes.identity);
        if !identity.is_restricted() {
            return Ok(());
        }
        if self.cache.is_current(hint.slot, namespace, subject) {
            let is_looked_up = hint.build == self.cache.route(hint.slot).build
                && hint.permitted & usage.bit() != 0;
            if is_looked_up || mutant::is_active(Mutant::IgnoredPermission) {
                return Ok(());
            }
        }
        let at = self.cache.find(namespace, subject).unwrap_or_default();
        let known = match self.cache.is_current(at, namespace, subject) {
            true => self.permit_in(at, identity, usage),
            false => None,
        };
        let may = match known {
            Some(may) => may,
            None => {
                Subject::parse(subject).map_err(|_| ErrorCode::InvalidSubject)?;
                self.identities.may_send(identity, usage, subject)
            }
        };
        if !may {
            // Nothing is built for it, so that nobody displaces routes by what is denied.
            self.note_permit(at, identity, usage, false);
            *hint = RouteHint::default();
            return Err(ErrorCode::PermissionDenied);
        }
        self.locate(namespace, subject, hint)?;
        self.note_permit(hint.slot, identity, usage, true);
        let build = self.route_in(hint.slot).build;
        if hint.build != build {
            hint.permitted = 0;
        }
        hint.build = build;
        hint.permitted |= usage.bit();
        Ok(())
    }

    /// Says whether a client may publish to all clients whose name matches a filter.
    ///
    /// # Errors
    /// [`ErrorCode::PermissionDenied`].
    ///
    /// # Panics
    /// If the publisher was not added or is being removed.
    pub fn check_broadcast(
        &mut self,
        publisher: ClientId,
        usage: Usage,
        name_filter: &[u8],
    ) -> Result<(), ErrorCode> {
        let identity = self.clients.present(publisher).attributes.identity;
        self.text.clear();
        self.text.extend_from_slice(b"$NAME.");
        self.text.extend_from_slice(name_filter);
        match self.identities.may_send_to_all(identity, usage, &self.text) {
            true => Ok(()),
            false => Err(ErrorCode::PermissionDenied),
        }
    }

    /// Says whether a client may send something to the broker itself, or have it sent somewhere.
    ///
    /// # Errors
    /// [`ErrorCode::PermissionDenied`].
    ///
    /// # Panics
    /// If the client was not added or is being removed.
    pub fn check_subject(
        &self,
        client: ClientId,
        usage: Usage,
        subject: &[u8],
    ) -> Result<(), ErrorCode> {
        let identity = self.clients.present(client).attributes.identity;
        match self.identities.may_send(identity, usage, subject) {
            true => Ok(()),
            false => Err(ErrorCode::PermissionDenied),
        }
    }

    /// Whether a client may see what is published to this subject.
    ///
    /// # Errors
    /// [`ErrorCode::PermissionDenied`] if not, [`ErrorCode::InvalidSubject`] if it is none.
    pub fn check_seen(&self, client: ClientId, subject: &[u8]) -> Result<(), ErrorCode> {
        let identity = self.clients.present(client).attributes.identity;
        let parsed = Subject::parse(subject).map_err(|_| ErrorCode::InvalidSubject)?;
        let filter = Filter::parse(subject).map_err(|_| ErrorCode::InvalidSubject)?;
        let may = self.identities.may_subscribe(identity, filter)
            && !self.identities.hides(identity, parsed);
        if may { Ok(()) } else { Err(ErrorCode::PermissionDenied) }
    }

    fn permit_in(&self, at: RouteSlot, identity: IdentityId, usage: Usage) -> Option<bool> {
        self.cache.route(at).permits[place(usage)].get(identity.bit()?)
    }

    /// Remembers in a route what was looked up. A route that is not remembered remembers nothing.
    fn note_permit(&mut self, at: RouteSlot, identity: IdentityId, usage: Usage, may: bool) {
        if let Some(bit) = identity.bit()
            && let Some(route) = self.cache.route_mut(at)
        {
            route.permits[place(usage)].set(bit, may);
        }
    }
}

fn place(usage: Usage) -> usize {
    match usage {
        Usage::Publish => 0,
        Usage::Request => 1,
    }
}
