//! The echo server and the broker of a run.

use std::ffi::OsString;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::time::Duration;

use coilgun_server::net::ListenAddress;
use tempfile::TempDir;

use crate::cpu::{ProcessCpuClock, monotonic_ns};
use crate::error::BenchError;
use crate::interrupt::Interrupt;
use crate::peers::child::{ChildProcess, Program};
use crate::scenario::Peer;
use crate::traffic::connection::Connection;

/// How long a server may take until it accepts connections, in milliseconds.
const READY_MS_MAX: u64 = 15_000;
/// How long to wait for the end of a server before asking again whether it is ready.
const READY_INTERVAL: Duration = Duration::from_millis(5);

/// Where the servers come from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ServerSettings {
    /// The program that holds the echo server: this one.
    pub bench: PathBuf,
    /// The broker.
    pub broker: BrokerSource,
    /// The cores of both; none: any.
    pub cpus: Vec<usize>,
}

/// Where the broker comes from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum BrokerSource {
    /// It is started.
    Program(PathBuf),
    /// It runs already.
    Running {
        /// Where it listens.
        address: ListenAddress,
        /// Its process; none: its CPU time is not known.
        pid: Option<u32>,
    },
}

/// The echo server and the broker; both end with this, and their files go.
#[derive(Debug)]
pub struct Servers {
    echo: Server,
    broker: Server,
    _folder: TempDir,
}

/// One server.
#[derive(Debug)]
pub(crate) struct Server {
    /// Its process, if it was started here.
    pub(crate) process: Option<ChildProcess>,
    pub(crate) address: ListenAddress,
    pub(crate) clock: Option<ProcessCpuClock>,
    /// Number of its process, if it is known.
    pub(crate) pid: Option<u32>,
}

impl Servers {
    /// Starts what has to be started, and returns when both accept connections.
    ///
    /// # Errors
    /// If one does not, or somebody asks for the end.
    pub fn start(settings: &ServerSettings, interrupt: &Interrupt) -> Result<Servers, BenchError> {
        let folder = tempfile::Builder::new()
            .prefix("coilgun-bench-")
            .tempdir()
            .map_err(BenchError::system("making a folder for the servers"))?;
        let echo = start_echo(settings, folder.path(), interrupt)?;
        let broker = match &settings.broker {
            BrokerSource::Program(path) => {
                start_broker(path, &[], &settings.cpus, folder.path(), interrupt)?
            }
            BrokerSource::Running { address, pid } => {
                let clock = pid
                    .map(ProcessCpuClock::of)
                    .transpose()
                    .map_err(BenchError::system("finding the broker's CPU clock"))?;
                Server { process: None, address: address.clone(), clock, pid: *pid }
            }
        };
        Ok(Servers { echo, broker, _folder: folder })
    }

    /// Where a server listens.
    #[must_use]
    pub fn address(&self, peer: Peer) -> &ListenAddress {
        &self.server(peer).address
    }

    /// A server's CPU clock; none if its process is not known.
    #[must_use]
    pub fn clock(&self, peer: Peer) -> Option<ProcessCpuClock> {
        self.server(peer).clock
    }

    /// Makes an error that a connection ended into one that says how the server did.
    #[must_use]
    pub fn explain(&mut self, peer: Peer, error: BenchError) -> BenchError {
        let server = match peer {
            Peer::Echo => &mut self.echo,
            Peer::Broker => &mut self.broker,
        };
        match server.process.as_mut().map(ChildProcess::check_running) {
            Some(Err(ended)) => ended,
            Some(Ok(())) | None => error,
        }
    }

    /// Ends what was started, in good order.
    ///
    /// # Errors
    /// If a server has to be killed, or says that it failed.
    pub fn stop(self) -> Result<(), BenchError> {
        let Servers { echo, broker, _folder } = self;
        for server in [broker, echo] {
            if let Some(process) = server.process {
                process.stop()?;
            }
        }
        Ok(())
    }

    fn server(&self, peer: Peer) -> &Server {
        match peer {
            Peer::Echo => &self.echo,
            Peer::Broker => &self.broker,
        }
    }
}

/// How `coilgun` is told to serve on one address, with its data in `data`.
fn broker_arguments(address: &ListenAddress, data: &Path) -> Vec<OsString> {
    let address = OsString::from(address.to_string());
    let mut arguments: Vec<OsString> = vec!["serve".into(), "--listen".into(), address];
    arguments.extend(["--unix".into(), "none".into(), "--data".into(), data.into()]);
    arguments
}

/// Starts a broker with these arguments beside its own, and returns when it accepts connections.
pub(crate) fn start_broker(
    path: &Path,
    more_arguments: &[String],
    cpus: &[usize],
    folder: &Path,
    interrupt: &Interrupt,
) -> Result<Server, BenchError> {
    let address = free_address()?;
    let mut arguments = broker_arguments(&address, &folder.join("data"));
    arguments.extend(more_arguments.iter().map(OsString::from));
    let program = Program { name: "broker", path: path.to_owned(), arguments, cpus: cpus.to_vec() };
    let mut process = ChildProcess::start(&program, folder)?;
    await_ready(&mut process, interrupt, |_| Connection::open(&address, 0).ok().map(drop))?;
    let (clock, pid) = (Some(process.cpu_clock()?), Some(process.pid()));
    Ok(Server { process: Some(process), address, clock, pid })
}

/// The echo server stands on the same kind of socket as the broker.
fn start_echo(
    settings: &ServerSettings,
    folder: &Path,
    interrupt: &Interrupt,
) -> Result<Server, BenchError> {
    let listen = match &settings.broker {
        BrokerSource::Running { address: ListenAddress::Unix(_), .. } => {
            ListenAddress::Unix(folder.join("echo.sock"))
        }
        BrokerSource::Running { address: ListenAddress::Tcp(_), .. } | BrokerSource::Program(_) => {
            ListenAddress::Tcp(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))
        }
    };
    let program = Program {
        name: "echo server",
        path: settings.bench.clone(),
        arguments: vec!["echo-server".into(), "--listen".into(), listen.to_string().into()],
        cpus: settings.cpus.clone(),
    };
    let mut process = ChildProcess::start(&program, folder)?;
    let address = await_ready(&mut process, interrupt, said_address)?;
    let (clock, pid) = (Some(process.cpu_clock()?), Some(process.pid()));
    Ok(Server { process: Some(process), address, clock, pid })
}

/// The address in the first whole line of a process's output.
fn said_address(process: &ChildProcess) -> Option<ListenAddress> {
    let output = process.output();
    let (line, _) = output.split_once('\n')?;
    Some(parse_address(line))
}

/// Asks again and again until there is an answer.
///
/// That a program which knows nothing of the bench is ready shows in nothing but that it answers;
/// between two attempts the end of the program is waited for.
pub(crate) fn await_ready<T>(
    process: &mut ChildProcess,
    interrupt: &Interrupt,
    ask: impl Fn(&ChildProcess) -> Option<T>,
) -> Result<T, BenchError> {
    let ends_at = monotonic_ns() + READY_MS_MAX * 1_000_000;
    // Ends because time runs out.
    while monotonic_ns() < ends_at {
        if interrupt.is_raised() {
            return Err(BenchError::Interrupted);
        }
        if let Some(answer) = ask(process) {
            return Ok(answer);
        }
        process.wait(READY_INTERVAL)?;
        process.check_running()?;
    }
    Err(process.failed(format!("was not ready within {READY_MS_MAX} ms")))
}

/// A TCP address of this machine on which nobody listens at the moment.
fn free_address() -> Result<ListenAddress, BenchError> {
    let socket = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .map_err(BenchError::system("looking for a free port"))?;
    let address = socket.local_addr().map_err(BenchError::system("looking for a free port"))?;
    Ok(ListenAddress::Tcp(address))
}

/// An address as people write it: `host:port` with numbers, or else a path.
#[must_use]
pub fn parse_address(text: &str) -> ListenAddress {
    match text.parse() {
        Ok(address) => ListenAddress::Tcp(address),
        Err(_) => ListenAddress::Unix(PathBuf::from(text)),
    }
}
