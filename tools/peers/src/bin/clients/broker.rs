//! The broker under test.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::child::Child;
use crate::places::Places;

/// What it is told beside its flags.
const CONFIGURATION: &str =
    "[[listener]]\naddress = \"127.0.0.1:0\"\nprotocol = \"elbus-websocket\"\n";

/// A broker with a folder of its own, which is removed with it.
#[derive(Debug)]
pub(crate) struct Broker {
    process: Child,
    folder: PathBuf,
    /// Its socket for clients of elbus.
    pub(crate) socket: PathBuf,
    /// Where it takes WebSockets; empty: nowhere.
    pub(crate) websocket: String,
}

impl Broker {
    /// `coilgun serve` with two shards, for WebSockets, too.
    pub(crate) fn serve(places: &Places) -> Broker {
        let folder = folder("serve");
        std::fs::create_dir_all(&folder).expect("there is a temporary directory");
        let file = folder.join("coilgun.toml");
        std::fs::write(&file, CONFIGURATION).expect("the folder is writable");
        let mut command = Command::new(&places.broker);
        command.args(["serve", "--shards", "2", "--listen", "127.0.0.1:0", "--config"]).arg(file);
        command.arg("--data").arg(folder.join("data"));
        let mut broker = Broker::start(command, folder, "data/elbus.sock", "(elbus)");
        let line = broker.process.line_with("(elbus-websocket)");
        let address = line.split_whitespace().rev().nth(1).expect("it names an address");
        broker.websocket = format!("ws://{address}");
        broker
    }

    /// `coilgun busrtd`.
    pub(crate) fn busrtd(places: &Places) -> Broker {
        let folder = folder("busrtd");
        std::fs::create_dir_all(&folder).expect("the folder of the build is writable");
        let mut command = Command::new(&places.broker);
        command.args(["busrtd", "-w", "2", "-B"]).arg(folder.join("bus.sock"));
        Broker::start(command, folder, "bus.sock", "listening on ")
    }

    fn start(command: Command, folder: PathBuf, socket: &str, sign: &str) -> Broker {
        let mut process = Child::start(command);
        process.line_with(sign);
        let socket = folder.join(socket);
        Broker { process, folder, socket, websocket: String::new() }
    }

    /// Ends it in good order.
    pub(crate) fn end(mut self) {
        self.process.end();
    }

    /// Its socket for native clients.
    pub(crate) fn native_socket(&self) -> PathBuf {
        self.folder.join("data/coilgun.sock")
    }
}

/// A folder of this process: the path of a socket has to be short.
fn folder(name: &str) -> PathBuf {
    let folder = format!("coilgun-clients-{}-{name}", std::process::id());
    std::env::temp_dir().join(Path::new(&folder))
}

impl Drop for Broker {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.folder) {
            eprintln!("clients: {}: {error}", self.folder.display());
        }
    }
}
