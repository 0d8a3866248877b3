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
    /// The native client.
    Native,
}

impl Kind {
    /// Every kind.
    pub(crate) const ALL: [Kind; 6] = [
        Kind::Busrt,
        Kind::Elbus,
        Kind::PythonBusrt,
        Kind::PythonBusrtAsync,
        Kind::PythonElbus,
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
            Kind::Native => "native",
        }
    }

    /// Whether its clients call each other with the RPC of elbus.
    pub(crate) fn has_rpc(self) -> bool {
        self != Kind::Native
    }

    /// Whether it excludes topics, publishes for one receiver, and has secondary clients.
    pub(crate) fn has_all_operations(self) -> bool {
        self == Kind::Busrt
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
            Kind::Busrt => rust("busrt-client"),
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
        command.arg(if self == Kind::Native { &native } else { &broker.socket }).arg(name);
        command
    }
}
