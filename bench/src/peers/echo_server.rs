//! The bare ring echo as a program: `coilgun-server`'s echo on a shard's executor.

use std::io::{self, Write};

use coilgun_protocol::model::Timestamp;
use coilgun_server::echo::Echo;
use coilgun_server::env::{LinuxEnv, Turn, Waker, Work, run, spawn};
use coilgun_server::net::{ListenAddress, Listener};
use coilgun_server::resources::file_bytes;
use coilgun_server::setup::{MemoryPlan, build_network};

use crate::error::BenchError;
use crate::interrupt::Interrupt;

/// A connection to which more than this waits to be sent is not read, in bytes.
const OUTBOX_HIGH_BYTES: usize = 4 * 1024 * 1024;

/// An echo that ends when somebody asks for it.
struct UntilInterrupted {
    echo: Echo<LinuxEnv>,
    interrupt: Interrupt,
}

impl Turn for UntilInterrupted {
    fn now(&mut self) -> Timestamp {
        self.echo.now()
    }

    fn turn(&mut self, now: Timestamp) -> io::Result<Work> {
        if self.interrupt.is_raised() {
            self.echo.stop();
        }
        self.echo.turn(now)
    }

    fn nap(&mut self, ns: u64) -> io::Result<bool> {
        let is_new = self.interrupt.is_raised() && !self.echo.is_stopping();
        Ok(is_new || self.echo.nap(ns)?)
    }

    fn prepare_park(&mut self) -> io::Result<bool> {
        // Who raises the interrupt wakes this thread afterwards, but only if it sleeps: look again
        // after the sleep was announced.
        let is_new = self.interrupt.is_raised() && !self.echo.is_stopping();
        Ok(self.echo.prepare_park()? && !is_new)
    }

    fn end_park(&mut self) {
        self.echo.end_park();
    }
}

/// Echoes on an address until SIGINT or SIGTERM. Writes the address, with the port that the system
/// chose, to standard output in one line as soon as connections are accepted.
///
/// # Errors
/// If the address is in use, or the system refuses.
pub fn serve(address: &ListenAddress) -> Result<(), BenchError> {
    let waker = Waker::new().map_err(BenchError::system("making a waker"))?;
    let interrupt = Interrupt::default();
    let to_wake = waker.clone();
    interrupt.on_signals(move || to_wake.wake()).map_err(BenchError::system("catching signals"))?;
    let listener = Listener::bind(address)?;
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{}", listener.address())
        .and_then(|()| stdout.flush())
        .map_err(BenchError::system("saying where the echo listens"))?;
    drop(stdout);
    let thread = spawn("echo", None, file_bytes(1), move || echo(listener, waker, interrupt))
        .map_err(BenchError::system("starting an executor"))?;
    let ended = thread.join().map_err(BenchError::system("running an executor"))?;
    ended.map_err(BenchError::system("echoing"))
}

async fn echo(listener: Listener, waker: Waker, interrupt: Interrupt) -> io::Result<()> {
    let mut env = LinuxEnv::new(waker.clone());
    let mut net = build_network(&mut env, &MemoryPlan::default())?;
    net.listen(listener.descriptor(), listener.kind());
    let echo = Echo::new(env, net, OUTBOX_HIGH_BYTES);
    run(&mut UntilInterrupted { echo, interrupt }, &waker, 0).await
}
