//! Every protocol a connection may speak, behind one enum (law S28).

use coilgun_protocol::buffer::{Chunk, OutBuf};
use coilgun_protocol::elbus::{ElbusConfig, ElbusSession};
use coilgun_protocol::model::{Commands, Event, Timestamp};
use coilgun_protocol::native::NativeSession;
use coilgun_protocol::session::{Consumed, Session, SessionError, Traffic};

#[cfg(test)]
use super::doors::{NatsProbe, Rude};
use super::settings::ShardSettings;

/// What is spoken on a listening socket.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ListenerProtocol {
    /// The native protocol.
    Native,
    /// The protocol of elbus and busrt.
    Elbus(ElbusConfig),
    /// The text protocol of a test.
    #[cfg(test)]
    NatsProbe,
    /// A session of a test that keeps no order of commands.
    #[cfg(test)]
    Rude,
}

/// The session of one connection, whatever its protocol.
#[derive(Debug)]
pub enum AnySession {
    /// The native protocol.
    Native(NativeSession),
    /// The protocol of elbus and busrt.
    Elbus(Box<ElbusSession>),
    /// The text protocol of a test.
    #[cfg(test)]
    NatsProbe(Box<NatsProbe>),
    /// A session of a test that keeps no order of commands.
    #[cfg(test)]
    Rude(Rude),
}

/// Calls the same method whatever the protocol.
macro_rules! each {
    ($any:expr, $session:ident => $call:expr) => {
        match $any {
            AnySession::Native($session) => $call,
            AnySession::Elbus($session) => $call,
            #[cfg(test)]
            AnySession::NatsProbe($session) => $call,
            #[cfg(test)]
            AnySession::Rude($session) => $call,
        }
    };
}

impl AnySession {
    /// Whether a client is told to go elsewhere when the broker ends, in words of its protocol. The
    /// others are not waited for until they go by themselves.
    #[must_use]
    pub fn says_good_bye(&self) -> bool {
        match self {
            AnySession::Native(_) => true,
            AnySession::Elbus(_) => false,
            #[cfg(test)]
            AnySession::NatsProbe(_) | AnySession::Rude(_) => true,
        }
    }

    /// A session for a connection that came through a listening socket of this protocol.
    #[must_use]
    pub fn new(protocol: ListenerProtocol, settings: &ShardSettings) -> AnySession {
        match protocol {
            ListenerProtocol::Native => AnySession::Native(NativeSession::new(settings.native)),
            ListenerProtocol::Elbus(config) => {
                AnySession::Elbus(Box::new(ElbusSession::new(config)))
            }
            #[cfg(test)]
            ListenerProtocol::NatsProbe => AnySession::NatsProbe(Box::default()),
            #[cfg(test)]
            ListenerProtocol::Rude => AnySession::Rude(Rude::default()),
        }
    }
}

impl Session for AnySession {
    fn on_open(&mut self, now: Timestamp, out: &mut OutBuf) {
        each!(self, session => session.on_open(now, out));
    }

    #[inline]
    fn on_bytes(
        &mut self,
        now: Timestamp,
        input: Chunk<'_>,
        commands: &mut Commands,
        out: &mut OutBuf,
    ) -> Result<Consumed, SessionError> {
        each!(self, session => session.on_bytes(now, input, commands, out))
    }

    fn on_sign_of_life(&mut self, at: Timestamp) {
        each!(self, session => session.on_sign_of_life(at));
    }

    #[inline]
    fn on_event(&mut self, now: Timestamp, event: &Event<'_>, out: &mut OutBuf) {
        each!(self, session => session.on_event(now, event, out));
    }

    fn on_tick(&mut self, now: Timestamp, commands: &mut Commands, out: &mut OutBuf) {
        each!(self, session => session.on_tick(now, commands, out));
    }

    fn deadline(&self) -> Option<Timestamp> {
        each!(self, session => session.deadline())
    }

    fn on_drain(&mut self, out: &mut OutBuf) {
        each!(self, session => session.on_drain(out));
    }

    fn on_close(&mut self) {
        each!(self, session => session.on_close());
    }

    fn traffic(&self) -> Traffic {
        each!(self, session => session.traffic())
    }
}
