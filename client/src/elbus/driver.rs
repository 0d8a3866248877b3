//! The task that moves the bytes of one client.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Interval, MissedTickBehavior, interval};

use super::error::Error;
use super::shared::Shared;
use crate::asynchronous::Stream;

/// What one read asks for, in bytes.
const READ_BYTES: usize = 64 * 1024;
/// How many reads follow each other before other tasks have their turn.
const ROUNDS_MAX: usize = 16;
/// The shortest time between two signs of life.
const PING_MIN: Duration = Duration::from_millis(10);

/// The future of the task.
pub(super) struct Driver {
    shared: Arc<Shared>,
    stream: Stream,
    /// What the engine gave, and how much of it the system took.
    buffer: Vec<u8>,
    written: usize,
    /// Since when the system takes nothing.
    blocked_since: Option<Instant>,
    room: Box<[u8]>,
    pings: Interval,
    timeout: Duration,
}

impl Driver {
    pub(super) fn new(shared: Arc<Shared>, stream: Stream, timeout: Duration) -> Driver {
        let mut pings = interval((timeout / 2).max(PING_MIN));
        pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Driver {
            shared,
            stream,
            buffer: Vec::new(),
            written: 0,
            blocked_since: None,
            room: vec![0; READ_BYTES].into(),
            pings,
            timeout,
        }
    }

    /// Writes until nothing is left or the system takes no more.
    fn write(&mut self, context: &mut Context<'_>) -> Result<(), Error> {
        // Ends because every turn writes at least one byte, or is the last.
        loop {
            if self.written == self.buffer.len() {
                self.written = 0;
                self.blocked_since = None;
                let buffer = &mut self.buffer;
                self.shared.with(|core| core.engine.take_output(buffer));
                if self.buffer.is_empty() {
                    return Ok(());
                }
                self.shared.room.notify_waiters();
            }
            match self.stream.poll_write(context, &self.buffer[self.written..]) {
                Poll::Ready(Ok(0)) => return Err(Error::eof()),
                Poll::Ready(Ok(count)) => {
                    self.written += count;
                    self.blocked_since = None;
                }
                Poll::Ready(Err(error)) => return Err(Error::io(&error)),
                Poll::Pending => {
                    self.blocked_since.get_or_insert_with(Instant::now);
                    return Ok(());
                }
            }
        }
    }

    /// Reads once. Returns whether there was something.
    fn read(&mut self, context: &mut Context<'_>) -> Result<bool, Error> {
        if self.shared.with(|core| core.engine.is_full()) {
            return Ok(false);
        }
        match self.stream.poll_read(context, &mut self.room) {
            Poll::Ready(Ok(0)) => Err(Error::eof()),
            Poll::Ready(Ok(count)) => {
                self.shared.on_bytes(&self.room[..count])?;
                Ok(true)
            }
            Poll::Ready(Err(error)) => Err(Error::io(&error)),
            Poll::Pending => Ok(false),
        }
    }

    /// Gives signs of life, and notices that the system took nothing for too long.
    fn tick(&mut self, context: &mut Context<'_>) -> Result<(), Error> {
        // Ends because the next tick is in the future.
        while self.pings.poll_tick(context).is_ready() {
            if self.blocked_since.is_some_and(|since| since.elapsed() > self.timeout) {
                return Err(Error::timeout("writing to the broker"));
            }
            self.shared.with(|core| core.engine.ping());
        }
        Ok(())
    }

    /// Does what is possible without waiting. Returns whether it has ended.
    fn turn(&mut self, context: &mut Context<'_>) -> Result<bool, Error> {
        // Before anything is looked at, so that nothing is missed.
        self.shared.with(|core| core.driver = Some(context.waker().clone()));
        self.tick(context)?;
        // What was held back because nobody took frames.
        self.shared.on_bytes(&[])?;
        for _ in 0..ROUNDS_MAX {
            self.write(context)?;
            let is_done = self.shared.with(|core| core.is_abandoned) && self.buffer.is_empty();
            if is_done {
                return Ok(true);
            }
            if !self.read(context)? {
                return Ok(false);
            }
        }
        context.waker().wake_by_ref();
        Ok(false)
    }
}

impl Future for Driver {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let driver = self.get_mut();
        match driver.turn(context) {
            Ok(false) => Poll::Pending,
            Ok(true) => {
                driver.shared.end(&Error::eof());
                Poll::Ready(())
            }
            Err(error) => {
                driver.shared.end(&error);
                Poll::Ready(())
            }
        }
    }
}
