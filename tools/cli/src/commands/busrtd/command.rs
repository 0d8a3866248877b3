//! `coilgun busrtd`, from its flags to its end.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use coilgun_server::Broker;
use coilgun_server::config::{Config, Protocol};
use coilgun_server::net::ListenAddress;

use super::daemon::{Daemon, Process, detach};
use super::fifo::{Fifo, FifoReader};
use super::log::{Level, Log};
use super::pid_file::PidFile;
use super::settings;
use crate::arguments::{BindArgument, BusrtdArguments};
use crate::commands::serve::abort_on_panic;
use crate::failure::Failure;
use crate::process_limits::make_room;
use crate::signals::SignalWatch;

/// Where private directories are made, if that is possible: what lives there may be on a disk.
const PRIVATE_PARENT: &str = "/var/tmp";

/// Runs a broker for clients of elbus, in the foreground or in the background, and says what fails.
pub(in super::super) fn busrtd(arguments: &BusrtdArguments) -> ExitCode {
    let process = if arguments.daemonize { detach().map(Some) } else { Ok(None) };
    let daemon = match process {
        Ok(Some(Process::First(status))) => return ExitCode::from(status),
        Ok(Some(Process::Between)) => return ExitCode::SUCCESS,
        Ok(Some(Process::Background(daemon))) => Some(daemon),
        Ok(None) => None,
        Err(failure) => {
            failure.report(false);
            return ExitCode::from(failure.status());
        }
    };
    abort_on_panic();
    let log = Log::new(arguments);
    let running = match Running::start(arguments, log) {
        Ok(running) => running,
        Err(failure) => {
            // Said before whoever waits for it is told.
            failure.report(false);
            if let Some(daemon) = daemon {
                daemon.failed(failure.status());
            }
            return ExitCode::from(failure.status());
        }
    };
    let ended = daemon.map_or(Ok(()), Daemon::ready).and_then(|()| running.wait());
    match ended {
        Ok(()) => {
            log.say(Level::Info, "ended");
            ExitCode::SUCCESS
        }
        Err(failure) => {
            log.say(Level::Error, &failure.to_string());
            ExitCode::from(failure.status())
        }
    }
}

/// A broker with all that belongs to it, which goes in this order.
struct Running {
    _signals: SignalWatch,
    _fifos: Vec<FifoReader>,
    broker: Broker,
    _pid_file: Option<PidFile>,
    _data: DataPlace,
}

impl Running {
    fn start(arguments: &BusrtdArguments, log: Log) -> Result<Running, Failure> {
        let data = DataPlace::of(arguments.ours.data.clone())?;
        let config = settings::config(arguments, data.path())?;
        log.say(
            Level::Detail,
            &format!("{} shards, data in {}", config.shards, config.data.display()),
        );
        warn_of_exposure(&config, log);
        make_room(&config);
        let fifos = arguments.bind.iter().filter_map(|place| match place {
            BindArgument::Fifo(path) => Some(Fifo::create(path)),
            BindArgument::Unix(_) | BindArgument::Tcp(_) | BindArgument::WebSocket(_) => None,
        });
        let fifos = fifos.collect::<Result<Vec<_>, _>>()?;
        let broker = Broker::start(config)?;
        let pid_file = arguments.pid_file.as_deref().map(PidFile::create).transpose()?;
        let shutdown = broker.shutdown_handle();
        let signals = SignalWatch::start(move || {
            log.say(Level::Info, "ending; a second signal ends at once");
            shutdown.shutdown();
        });
        let signals =
            signals.map_err(|source| Failure::System { doing: "listen for signals", source })?;
        let mut readers = Vec::new();
        for fifo in fifos {
            readers.push(fifo.read(broker.speaker(), log)?);
        }
        for (address, protocol) in broker.listeners() {
            let scheme = if *protocol == Protocol::ElbusWebsocket { "ws://" } else { "" };
            log.say(Level::Info, &format!("listening on {scheme}{address}"));
        }
        Ok(Running { _signals: signals, _fifos: readers, broker, _pid_file: pid_file, _data: data })
    }

    fn wait(self) -> Result<(), Failure> {
        self.broker.wait()?;
        Ok(())
    }
}

/// Where the broker keeps its data.
enum DataPlace {
    /// Where the operator wants it.
    Given(PathBuf),
    /// In a directory of its own, which is removed at the end.
    Private(tempfile::TempDir),
}

impl DataPlace {
    fn of(given: Option<PathBuf>) -> Result<DataPlace, Failure> {
        if let Some(path) = given {
            return Ok(DataPlace::Given(path));
        }
        let make = |parent: &Path| {
            let made = tempfile::Builder::new().prefix("coilgun-busrtd-").tempdir_in(parent);
            made.map(DataPlace::Private)
                .map_err(|source| Failure::path("make a directory in", parent, source))
        };
        make(Path::new(PRIVATE_PARENT)).or_else(|_| make(&std::env::temp_dir()))
    }

    fn path(&self) -> &Path {
        match self {
            DataPlace::Given(path) => path,
            DataPlace::Private(folder) => folder.path(),
        }
    }
}

/// Clients of elbus have no passwords: whoever reaches an address may do everything.
fn warn_of_exposure(config: &Config, log: Log) {
    for listening in config.listeners() {
        if let ListenAddress::Tcp(address) = listening.address
            && !address.ip().is_loopback()
        {
            let text = format!("whoever can reach {address} may connect: elbus knows no passwords");
            log.say(Level::Info, &text);
        }
    }
}
