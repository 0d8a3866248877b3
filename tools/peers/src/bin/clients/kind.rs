//! The kinds of clients there are, and what each of them can do.

use std::process::Command;

use crate::broker::Broker;
use crate::places::Places;

/// A library with which clients are made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    /// The crate busrt.
    Busrt,
    /// The crate elbus.
    Elbus,
    /// The package busrt of Python.
    PythonBusrt,
    /// The package `busrt_async` of Python.
    PythonBusrtAsync,
    /// The package elbus of Python.
    PythonElbus,
    /// The crate busrt, through a WebSocket.
    BusrtWebSocket,
    /// The native client.
    Native,
}

impl Kind {
    /// Every kind.
    pub(crate) const ALL: [Kind; 7] = [
        Kind::Busrt,
        Kind::Elbus,
        Kind::PythonBusrt,
        Kind::PythonBusrtAsync,
        Kind::PythonElbus,
        Kind::BusrtWebSocket,
        Kind::Native,
    ];

    /// Its name, which is a part of the names of its clients.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Kind::Busrt => "busrt",
            Kind::Elbus => "elbus",
            Kind::PythonBusrt => "python-busrt",
            Kind::PythonBusrtAsync => "python-busrt-async",
            Kind::PythonElbus => "python-elbus",
            Kind::BusrtWebSocket => "busrt-websocket",
            Kind::Native => "native",
        }
    }

    /// Whether its clients call each other with the RPC of elbus.
    pub(crate) fn has_rpc(self) -> bool {
        self != Kind::Native
    }

    /// Whether its clients reach a broker that only has a UNIX socket for elbus.
    pub(crate) fn is_on_a_socket(self) -> bool {
        self.has_rpc() && self != Kind::BusrtWebSocket
    }

    /// Bytes of the largest payload that it is asked to send. busrt's client cannot send more through a
    /// WebSocket than twice the size of its buffers, whatever the server.
    pub(crate) fn payload_bytes_max(self) -> usize {
        if self == Kind::BusrtWebSocket { 16_000 } else { 300_000 }
    }

    /// Whether it excludes topics, publishes for one receiver, and has secondary clients.
    pub(crate) fn has_all_operations(self) -> bool {
        matches!(self, Kind::Busrt | Kind::BusrtWebSocket)
    }

    /// The program, for a client with this name.
    pub(crate) fn program(self, name: &str, broker: &Broker, places: &Places) -> Command {
        let rust = |program: &str| Command::new(places.programs.join(program));
        let python = |script: &str| {
            let mut command = Command::new(&places.python);
            command.arg(places.scripts.join(script));
            command
        };
        let mut command = match self {
            Kind::Busrt | Kind::BusrtWebSocket => rust("busrt-client"),
            Kind::Elbus => rust("elbus-client"),
            Kind::Native => rust("native-client"),
            Kind::PythonBusrtAsync => python("client_async.py"),
            Kind::PythonBusrt | Kind::PythonElbus => {
                let mut command = python("client_threads.py");
                command.arg(if self == Kind::PythonBusrt { "busrt" } else { "elbus" });
                command
            }
        };
        let native = broker.native_socket();
        match self {
            Kind::Native => command.arg(native),
            Kind::BusrtWebSocket => command.arg(&broker.websocket),
            _ => command.arg(&broker.socket),
        };
        command.arg(name);
        command
    }
}
