//! The clients of a shard that have a name, as rows of a list.

use coilgun_protocol::elbus::{NAME, primary_of};
use coilgun_protocol::model::NamespaceId;
use coilgun_protocol::session::{Session, Traffic};
use serde::{Deserialize, Serialize};

use crate::env::Env;
use crate::net::{Socket, SocketKind};
use crate::shard::turn::Shard;

/// Rows that one shard tells another at once: what they take fits a message between shards.
const ROWS_MAX: usize = 32;

/// How a client is connected.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(in super::super) enum Kind {
    /// In the process of the broker.
    Internal,
    /// Through a UNIX socket.
    Unix,
    /// Through TCP.
    Tcp,
    /// Through a WebSocket.
    WebSocket,
}

impl Kind {
    /// Its name in the list.
    pub(super) fn name(self) -> &'static str {
        match self {
            Kind::Internal => "internal",
            Kind::Unix => "local_ipc",
            Kind::Tcp => "tcp",
            Kind::WebSocket => "websocket",
        }
    }
}

/// What travelled on one connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub(super) struct Counted {
    pub(super) r_frames: u64,
    pub(super) r_bytes: u64,
    pub(super) w_frames: u64,
    pub(super) w_bytes: u64,
}

impl From<Traffic> for Counted {
    fn from(traffic: Traffic) -> Counted {
        Counted {
            r_frames: traffic.frames_in,
            r_bytes: traffic.bytes_in,
            w_frames: traffic.frames_out,
            w_bytes: traffic.bytes_out,
        }
    }
}

/// One client.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(in super::super) struct ClientRow {
    /// Its name, as elbus writes it.
    pub(super) name: String,
    /// That of its primary, if it is a secondary.
    pub(super) primary: Option<String>,
    pub(super) kind: Kind,
    /// Its own address, if it has one.
    pub(super) source: Option<String>,
    /// Where it connected to.
    pub(super) port: Option<String>,
    pub(super) traffic: Counted,
    /// Bytes that wait to be read by it.
    pub(super) queue: u64,
}

/// Some rows, and the native name behind which the next ones begin; none: those were the last.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(in super::super) struct Rows {
    pub(in super::super) rows: Vec<ClientRow>,
    pub(in super::super) next: Option<Vec<u8>>,
}

impl ClientRow {
    /// The row of the broker itself.
    pub(super) fn of_the_broker() -> ClientRow {
        ClientRow {
            name: ".broker".to_owned(),
            primary: None,
            kind: Kind::Internal,
            source: None,
            port: None,
            traffic: Counted::default(),
            queue: 0,
        }
    }
}

impl<E: Env> Shard<E> {
    /// The address of whoever is connected, if it has one.
    fn source_of(&self, socket: &Socket) -> Option<String> {
        match socket.kind() {
            SocketKind::Tcp => {
                let address = self.env.peer_address(socket.descriptor())?;
                Some(address.to_string())
            }
            SocketKind::WebSocket => socket.link_address().map(|address| address.to_string()),
            SocketKind::Unix | SocketKind::InProcess => None,
        }
    }

    /// Where it connected to, if that is a place.
    fn place_of(&self, socket: &Socket) -> Option<String> {
        self.listener_names.get(socket.listener()).filter(|name| !name.is_empty()).cloned()
    }

    /// The next clients of a namespace, in the order of their names, behind this one.
    pub(in super::super) fn client_rows(&self, namespace: NamespaceId, after: &[u8]) -> Rows {
        let mut rows = Vec::new();
        let mut next = None;
        for (name, id) in self.router.named_clients(namespace, after) {
            let Some(client) = self.clients.get(id) else { continue };
            let Some(socket) = self.net.socket(id) else { continue };
            let mut text = Vec::new();
            NAME.text(name, &mut text);
            let text = String::from_utf8(text).expect("shown names are UTF-8");
            rows.push(ClientRow {
                primary: primary_of(&text).map(str::to_owned),
                name: text,
                kind: match socket.kind() {
                    SocketKind::Tcp => Kind::Tcp,
                    SocketKind::Unix => Kind::Unix,
                    SocketKind::InProcess => Kind::Internal,
                    SocketKind::WebSocket => Kind::WebSocket,
                },
                source: self.source_of(socket),
                port: self.place_of(socket),
                traffic: Counted::from(client.session.traffic()),
                queue: socket.outbox().pending_bytes() as u64,
            });
            if rows.len() == ROWS_MAX {
                next = Some(name.to_vec());
                break;
            }
        }
        Rows { rows, next }
    }
}
