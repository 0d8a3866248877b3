//! The task that moves the bytes of one client.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use coilgun_protocol::model::Timestamp;
use tokio::time::{Sleep, sleep_until};

use crate::address::Address;
use crate::asynchronous::shared::{DriverSleep, Shared};
use crate::asynchronous::transport::Stream;
use crate::engine::ConnectionState;
use crate::error::ClientError;

/// What one read asks for, in bytes.
const READ_BYTES: usize = 64 * 1024;
/// How many reads follow each other before other tasks have their turn.
const ROUNDS_MAX: usize = 16;

/// The future of the task.
pub(super) struct Driver {
    shared: Arc<Shared>,
    link: Link,
    /// What the engine gave, and how much of it the system took.
    buffer: Vec<u8>,
    written: usize,
    room: Box<[u8]>,
    sleep: Pin<Box<Sleep>>,
    sleeps_until: Option<Timestamp>,
    /// How long saying goodbye may take when nobody holds the client any more.
    timeout: Duration,
    /// Nobody holds the client any more, and what was published waits for a connection until then.
    leaves_at: Option<Timestamp>,
}

/// Where the connection stands.
enum Link {
    None,
    Connecting(Address, Pin<Box<dyn Future<Output = io::Result<Stream>> + Send>>),
    Open { stream: Stream, write_failed: Option<io::Error> },
}

/// What one look at the connection found.
struct Round {
    read_some: bool,
    /// The system takes no more just now.
    is_write_blocked: bool,
}

impl Driver {
    pub(super) fn new(shared: Arc<Shared>, timeout: Duration) -> Driver {
        let begin = shared.instant(Timestamp(1));
        Driver {
            shared,
            link: Link::None,
            buffer: Vec::new(),
            written: 0,
            room: vec![0; READ_BYTES].into(),
            sleep: Box::pin(sleep_until(begin)),
            sleeps_until: None,
            timeout,
            leaves_at: None,
        }
    }

    /// Does what is due, and says whether the client has ended.
    fn turn(&mut self) -> bool {
        let now = self.shared.now();
        let (timeout, leaves_at) = (self.timeout, &mut self.leaves_at);
        let (due, address, is_over) = self.shared.with(|core| {
            core.sleep = DriverSleep::default();
            if core::mem::take(&mut core.is_abandoned) {
                let ms = u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX);
                *leaves_at = Some(now.plus_ms(ms));
            }
            if leaves_at.is_some_and(|latest| latest <= now || !core.engine.has_parked()) {
                *leaves_at = None;
                core.engine.close(now, timeout);
            }
            let had_parked = core.engine.has_parked();
            let due = core.engine.tick(now);
            core.changed |= had_parked && !core.engine.has_parked();
            let address = core.engine.next_connect(now);
            (due, address, core.engine.closed().is_some())
        });
        if let Err(error) = due {
            self.lose(error);
        }
        if let Some(address) = address {
            let connect = Box::pin(Stream::connect(address.clone()));
            self.link = Link::Connecting(address, connect);
        }
        is_over || self.shared.with(|core| core.engine.closed().is_some())
    }

    /// The connection is lost, or given up.
    fn lose(&mut self, error: ClientError) {
        self.link = Link::None;
        let now = self.shared.now();
        let (buffer, written) = (&self.buffer, self.written);
        self.shared.with(|core| {
            core.changed = true;
            core.engine.on_lost(now, error, buffer, written);
        });
        self.buffer.clear();
        self.written = 0;
    }

    /// Connects, writes and reads what is possible without waiting.
    fn poll_link(&mut self, context: &mut Context<'_>) -> Round {
        if let Link::Connecting(address, connect) = &mut self.link {
            let Poll::Ready(connected) = connect.as_mut().poll(context) else {
                return Round { read_some: false, is_write_blocked: true };
            };
            match connected {
                Ok(stream) => {
                    self.link = Link::Open { stream, write_failed: None };
                    let now = self.shared.now();
                    self.shared.with(|core| core.engine.on_connected(now));
                }
                Err(error) => {
                    let error =
                        ClientError::Connect { address: address.clone(), source: Arc::new(error) };
                    self.lose(error);
                    return Round { read_some: true, is_write_blocked: true };
                }
            }
        }
        let is_write_blocked = self.poll_write(context);
        match self.poll_read(context) {
            Ok(read_some) => Round { read_some, is_write_blocked },
            Err(error) => {
                self.lose(error);
                Round { read_some: true, is_write_blocked: true }
            }
        }
    }

    /// Writes until nothing is left or the system takes no more; says whether the latter is so.
    fn poll_write(&mut self, context: &mut Context<'_>) -> bool {
        let Link::Open { stream, write_failed } = &mut self.link else { return true };
        // Ends because every turn writes at least one byte, or is the last.
        while write_failed.is_none() {
            if self.written == self.buffer.len() {
                let (buffer, written) = (&mut self.buffer, self.written);
                buffer.clear();
                self.written = 0;
                self.shared.with(|core| core.engine.take_output(buffer, written));
                if self.buffer.is_empty() {
                    return false;
                }
            }
            match stream.poll_write(context, &self.buffer[self.written..]) {
                Poll::Ready(Ok(count)) if count > 0 => self.written += count,
                Poll::Ready(Ok(_)) => *write_failed = Some(io::ErrorKind::WriteZero.into()),
                Poll::Ready(Err(error)) => *write_failed = Some(error),
                Poll::Pending => return true,
            }
        }
        true
    }

    /// Reads once, and says whether there was something.
    fn poll_read(&mut self, context: &mut Context<'_>) -> Result<bool, ClientError> {
        let Link::Open { stream, write_failed } = &mut self.link else { return Ok(false) };
        let now = self.shared.now();
        let (is_paused, went_on) = self.shared.with(|core| {
            let engine = &mut core.engine;
            let goes_on = engine.has_held_bytes();
            let went_on = if goes_on { engine.on_bytes(now, &[]) } else { Ok(()) };
            (engine.is_reading_paused(), went_on)
        });
        went_on?;
        if is_paused && write_failed.is_none() {
            return Ok(false);
        }
        match stream.poll_read(context, &mut self.room) {
            Poll::Ready(Ok(0)) => Err(ClientError::Gone),
            Poll::Ready(Ok(count)) => {
                let bytes = &self.room[..count];
                let max = self.shared.with(|core| {
                    core.engine.on_bytes(now, bytes).map(|()| core.engine.payload_bytes_max())
                })?;
                self.shared.set_payload_bytes_max(max);
                Ok(true)
            }
            Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::ConnectionReset => {
                Err(ClientError::Gone)
            }
            Poll::Ready(Err(error)) => Err(ClientError::io(error)),
            // Writing failed, and the broker left no word about it.
            Poll::Pending => match write_failed.take() {
                Some(error) => Err(ClientError::io(error)),
                None => Ok(false),
            },
        }
    }

    /// Goes to sleep, unless there is something to do; says whether it sleeps.
    fn fall_asleep(&mut self, context: &mut Context<'_>, is_write_blocked: bool) -> bool {
        let is_open = matches!(self.link, Link::Open { .. });
        let leaves_at = self.leaves_at;
        let until = self.shared.with(|core| {
            let engine = &core.engine;
            // Whoever poked since the last turn found nobody asleep to wake.
            let has_work = core.is_abandoned
                || core.sleep.is_poked
                || engine.has_held_bytes()
                || (is_open && !is_write_blocked && engine.has_output());
            if has_work {
                return None;
            }
            let until = engine.deadline().into_iter().chain(leaves_at).min();
            core.sleep = DriverSleep {
                waker: Some(context.waker().clone()),
                for_output: is_open && !is_write_blocked,
                until,
                is_poked: false,
            };
            Some(until)
        });
        let Some(until) = until else { return false };
        let Some(at) = until else {
            self.sleeps_until = None;
            return true;
        };
        if self.sleeps_until != Some(at) {
            self.sleeps_until = Some(at);
            self.sleep.as_mut().reset(self.shared.instant(at));
        }
        if self.sleep.as_mut().poll(context).is_ready() {
            self.sleeps_until = None;
            return false;
        }
        true
    }
}

impl Future for Driver {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let driver = &mut *self;
        for _ in 0..ROUNDS_MAX {
            if driver.turn() {
                return Poll::Ready(());
            }
            let round = driver.poll_link(context);
            if !round.read_some && driver.fall_asleep(context, round.is_write_blocked) {
                return Poll::Pending;
            }
        }
        // Others have their turn before it goes on.
        context.waker().wake_by_ref();
        Poll::Pending
    }
}

impl Drop for Driver {
    /// However the task ended, nobody waits for it any more.
    fn drop(&mut self) {
        self.shared.with(|core| {
            if core.engine.state() != ConnectionState::Closed {
                core.engine.abandon(&ClientError::Closed);
            }
            core.changed = true;
        });
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;
    use crate::engine::Engine;
    use crate::options::Options;

    /// A subscriber that makes room, or a client that is closed, pokes a driver that may be anywhere
    /// between its look at the connection and its sleep.
    #[test]
    fn a_driver_that_is_poked_before_it_sleeps_takes_another_turn() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
        let _entered = runtime.as_ref().expect("a runtime needs no more than memory").enter();
        let options = Options::new(Address::Tcp("h:1".to_owned()));
        let shared = Arc::new(Shared::new(|now| Engine::new(options, 7, now)));
        let connecting = shared.with(|core| core.engine.next_connect(Timestamp(1)));
        assert!(connecting.is_some(), "nothing but the time limit is due now");
        let mut driver = Driver::new(Arc::clone(&shared), Duration::from_secs(1));
        assert!(!driver.turn());
        let context = &mut Context::from_waker(Waker::noop());
        shared.with(|core| core.sleep.is_poked = true);
        assert!(!driver.fall_asleep(context, true), "the poke was for this sleep");
        assert!(!driver.turn());
        assert!(driver.fall_asleep(context, true), "a turn answers it");
    }
}
