//! One of the two servers, on a UNIX socket.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use coilgun_server::net::ListenAddress;
use serde::Serialize;
use tempfile::TempDir;

use crate::cpu::ProcessCpuClock;
use crate::error::BenchError;
use crate::interrupt::Interrupt;
use crate::peers::child::{ChildProcess, Program};
use crate::peers::servers::await_ready;
use crate::traffic::connection::Connection;

/// Frames that may wait for a client where none is to be cut off for them.
const LONG_QUEUE: &str = "1000000";
/// Seconds after which a client is cut off that is silent: longer than anything takes here.
const TIMEOUT: &str = "60";

/// Which server.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Which {
    /// busrtd as it comes.
    Busrtd,
    /// busrtd with a queue so long that it cuts off nobody in its own benchmark.
    BusrtdLongQueue,
    /// Coilgun, with the flags of the first.
    Coilgun,
}

impl Which {
    /// All of them, in the order of a round.
    pub const ALL: [Which; 3] = [Which::Busrtd, Which::Coilgun, Which::BusrtdLongQueue];

    /// Its name for people.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Which::Busrtd => "busrtd",
            Which::BusrtdLongQueue => "busrtd, long queue",
            Which::Coilgun => "coilgun",
        }
    }
}

/// Where the programs are.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Programs {
    /// `coilgun`.
    pub coilgun: PathBuf,
    /// `busrtd`.
    pub busrtd: PathBuf,
    /// `busrt`, the command line.
    pub busrt: PathBuf,
}

/// A server that runs; it ends with this, and its files go.
#[derive(Debug)]
pub struct ElbusServer {
    process: ChildProcess,
    folder: TempDir,
}

impl ElbusServer {
    /// Starts a server, and returns when it accepts connections.
    ///
    /// # Errors
    /// If it does not start, or somebody asks for the end.
    pub fn start(
        which: Which,
        programs: &Programs,
        interrupt: &Interrupt,
    ) -> Result<ElbusServer, BenchError> {
        let folder = tempfile::Builder::new()
            .prefix("coilgun-bench-")
            .tempdir()
            .map_err(BenchError::system("making a folder for a server"))?;
        let path = match which {
            Which::Busrtd | Which::BusrtdLongQueue => &programs.busrtd,
            Which::Coilgun => &programs.coilgun,
        };
        let program = Program {
            name: which.name(),
            path: path.clone(),
            arguments: arguments(which, &socket(folder.path())),
            cpus: Vec::new(),
        };
        let mut process = ChildProcess::start(&program, folder.path())?;
        let address = ListenAddress::Unix(socket(folder.path()));
        await_ready(&mut process, interrupt, |_| Connection::open(&address, 0).ok().map(drop))?;
        Ok(ElbusServer { process, folder })
    }

    /// Where its socket is.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        socket(self.folder.path())
    }

    /// The same as an address.
    #[must_use]
    pub fn address(&self) -> ListenAddress {
        ListenAddress::Unix(self.socket())
    }

    /// Its CPU clock.
    ///
    /// # Errors
    /// If it is gone.
    pub fn clock(&self) -> Result<ProcessCpuClock, BenchError> {
        self.process.cpu_clock()
    }

    /// Ends it in good order.
    ///
    /// # Errors
    /// If it has to be killed, or says that it failed.
    pub fn stop(self) -> Result<(), BenchError> {
        self.process.stop()
    }
}

fn socket(folder: &Path) -> PathBuf {
    folder.join("bus.sock")
}

fn arguments(which: Which, socket: &Path) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = match which {
        Which::Busrtd | Which::BusrtdLongQueue => Vec::new(),
        Which::Coilgun => vec!["busrtd".into()],
    };
    arguments.extend(["-t".into(), TIMEOUT.into(), "-B".into(), socket.into()]);
    if which == Which::BusrtdLongQueue {
        arguments.extend(["--queue-size".into(), LONG_QUEUE.into()]);
    }
    arguments
}
