//! Finding out who a client is (law S26).
//!
//! ```text
//! HELLO --> guest? ------------------------------------> let in, or authentication_required
//!      '--> right before? -----------------------------> let in
//!      '--> asked --> Authenticating --verdict--> Verified --> let in
//!                          |                 '--> wrong_credentials
//!                          '--too late--> handshake_timeout
//! ```
//!
//! What the client sends behind HELLO is held meanwhile, as it is while its name is decided about.

use coilgun_protocol::buffer::Chunk;
use coilgun_protocol::model::limits::HANDSHAKE_MS_MAX;
use coilgun_protocol::model::{ClientId, ErrorCode, NamespaceId, Open, Timestamp};

use super::dispatch::bytes;
use super::naming::Entrance;
use super::settings::GuestRule;
use super::turn::Shard;
use crate::env::Env;
use crate::mutant::{self, Mutant};
use crate::security::{Answer, Authentication, UserNumber};

/// Who a client is.
pub(super) enum Identified {
    /// It does not say.
    Guest,
    /// This user.
    User(UserNumber),
    /// That is not known yet.
    Waits,
}

/// Why a client is not let in.
type Refusal = (ErrorCode, String);

impl<E: Env> Shard<E> {
    /// The same shard with users; to be said before it listens.
    #[must_use]
    pub fn with_users(mut self, authentication: Authentication) -> Shard<E> {
        let key = std::array::from_fn(|_| self.env.random());
        self.router.know_identities(authentication.users().identities());
        Shard { authentication: authentication.with_key(key), ..self }
    }

    /// Finds out who a client is, or begins to.
    pub(super) fn identify(
        &mut self,
        now: Timestamp,
        id: ClientId,
        open: &Open,
        chunk: Chunk<'_>,
        text: &[u8],
    ) -> Result<Identified, Refusal> {
        let plain = |code| (code, String::new());
        let Some(client) = self.clients.get_mut(id) else {
            return Err(plain(ErrorCode::HandshakeExpected));
        };
        if client.is_surplus {
            return Err(plain(ErrorCode::TooManyConnections));
        }
        if open.user.is_empty() && open.secret.is_empty() {
            return match client.guests {
                GuestRule::Refused => Err(plain(ErrorCode::AuthenticationRequired)),
                GuestRule::Default | GuestRule::Trusted => Ok(Identified::Guest),
            };
        }
        if self.authentication.users().is_empty() {
            return Err(plain(ErrorCode::CredentialsNotAccepted));
        }
        let (user, secret) = (bytes(open.user, chunk, text), bytes(open.secret, chunk, text));
        match self.authentication.ask(id, user, secret) {
            Answer::Right(user) => Ok(Identified::User(user)),
            Answer::Busy => Err(plain(ErrorCode::AuthenticationBusy)),
            Answer::Waits => {
                client.entrance = Entrance::Authenticating;
                client.known_by = now.plus_ms(HANDSHAKE_MS_MAX);
                self.deadlines.watch(client, Some(client.known_by));
                Ok(Identified::Waits)
            }
        }
    }

    /// Where a client works that is a guest or a user, by what it asked for.
    pub(super) fn namespace_of(
        &self,
        id: ClientId,
        user: Option<UserNumber>,
        wanted: &[u8],
    ) -> Result<NamespaceId, Refusal> {
        let refuse = |code| (code, format!("namespace {:?}", wanted.escape_ascii().to_string()));
        let user = user.map(|number| self.authentication.users().get(number));
        if let Some(user) = user.filter(|_| wanted.is_empty()) {
            return Ok(user.namespaces[0]);
        }
        let Some(namespace) = self.settings.namespace(wanted) else {
            return Err(refuse(ErrorCode::UnknownNamespace));
        };
        let is_trusted = self.clients.get(id).is_some_and(|it| it.guests == GuestRule::Trusted);
        match user {
            Some(user) if !user.namespaces.contains(&namespace) => {
                Err(refuse(ErrorCode::PermissionDenied))
            }
            None if namespace != NamespaceId::DEFAULT && !is_trusted => {
                Err(refuse(ErrorCode::AuthenticationRequired))
            }
            Some(_) | None => Ok(namespace),
        }
    }

    /// Takes what was found out about passwords, and lets those go on who waited for it.
    pub(super) fn run_verdicts(&mut self) {
        // Ends because a shard waits for a bounded number of verdicts, and asks for none here.
        while let Some((waiters, user)) = self.authentication.next_verdict() {
            for id in waiters {
                self.on_verdict(id, user);
            }
        }
    }

    fn on_verdict(&mut self, id: ClientId, user: Option<UserNumber>) {
        let client = match mutant::is_active(Mutant::StaleVerdict) {
            true => self.clients.iter_mut().find(|client| client.id.slot == id.slot),
            // A client that has gone is not there under this name, whoever is in its slot.
            false => self.clients.get_mut(id),
        };
        let Some(client) = client.filter(|it| it.entrance == Entrance::Authenticating) else {
            return;
        };
        client.entrance = match user {
            Some(user) => Entrance::Verified(user),
            None => Entrance::Refused(ErrorCode::WrongCredentials),
        };
        let id = client.id;
        self.let_go(id);
    }

    /// A client that waits for a verdict is looked at: it does not wait for longer than a handshake.
    pub(super) fn on_verdict_late(&mut self, now: Timestamp, id: ClientId) {
        let Some(client) = self.clients.get_mut(id) else { return };
        if now < client.known_by {
            let known_by = client.known_by;
            return self.deadlines.watch(client, Some(known_by));
        }
        self.counters.refused += 1;
        self.end(now, id, ErrorCode::HandshakeTimeout, "");
    }
}
