//! A broker without an echo server beside it, started with arguments of a scenario's choice.

use coilgun_server::net::ListenAddress;
use tempfile::TempDir;

use crate::cpu::ProcessCpuClock;
use crate::error::BenchError;
use crate::interrupt::Interrupt;
use crate::peers::child::ChildProcess;
use crate::peers::servers::{BrokerSource, Server, start_broker};

/// A broker; it ends with this, and its files go.
#[derive(Debug)]
pub struct LoneBroker {
    server: Server,
    _folder: TempDir,
}

impl LoneBroker {
    /// Starts a broker on some cores (none: on any) and returns when it accepts connections; one that runs already is
    /// only looked up.
    ///
    /// # Errors
    /// If it does not start, somebody asks for the end, or a running broker is to get arguments.
    pub fn start(
        source: &BrokerSource,
        arguments: &[String],
        cpus: &[usize],
        interrupt: &Interrupt,
    ) -> Result<LoneBroker, BenchError> {
        let folder = tempfile::Builder::new()
            .prefix("coilgun-bench-")
            .tempdir()
            .map_err(BenchError::system("making a folder for the broker"))?;
        let server = match source {
            BrokerSource::Program(path) => {
                start_broker(path, arguments, cpus, folder.path(), interrupt)?
            }
            BrokerSource::Running { .. } if !arguments.is_empty() => {
                let text = format!("a broker that runs already does not take {arguments:?}");
                return Err(BenchError::Argument(text));
            }
            BrokerSource::Running { address, pid } => {
                let clock = pid
                    .map(ProcessCpuClock::of)
                    .transpose()
                    .map_err(BenchError::system("finding the broker's CPU clock"))?;
                Server { process: None, address: address.clone(), clock, pid: *pid }
            }
        };
        Ok(LoneBroker { server, _folder: folder })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> &ListenAddress {
        &self.server.address
    }

    /// Its CPU clock; none if its process is not known.
    #[must_use]
    pub fn clock(&self) -> Option<ProcessCpuClock> {
        self.server.clock
    }

    /// The number of its process, if it is known.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.server.pid
    }

    /// Makes an error that a connection ended into one that says how the broker did.
    #[must_use]
    pub fn explain(&mut self, error: BenchError) -> BenchError {
        match self.server.process.as_mut().map(ChildProcess::check_running) {
            Some(Err(ended)) => ended,
            Some(Ok(())) | None => error,
        }
    }

    /// Ends it in good order, if it was started here.
    ///
    /// # Errors
    /// If it has to be killed, or says that it failed.
    pub fn stop(self) -> Result<(), BenchError> {
        self.server.process.map_or(Ok(()), ChildProcess::stop)
    }
}
