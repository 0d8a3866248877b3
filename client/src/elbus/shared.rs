//! What the handles of one client and its driver share.

use std::sync::PoisonError;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Waker;

#[expect(
    clippy::disallowed_types,
    reason = "tasks on any thread encode into one output; the lock is held for one operation or one read, and \
              never across an await"
)]
use std::sync::Mutex;
#[expect(clippy::disallowed_types, reason = "as the lock itself")]
type Lock<T> = Mutex<T>;

use tokio::sync::{Notify, oneshot};

use super::engine::{Engine, Heard};
use super::error::Error;

/// Who waits for an answer.
pub(super) type Answer = oneshot::Sender<Result<(), Error>>;

/// The engine behind its lock, and who waits for it.
#[derive(Debug)]
pub(super) struct Shared {
    core: Lock<Core>,
    /// Frames came, or the connection is over.
    pub(super) frames: Notify,
    /// There is room for more output, or the connection is over.
    pub(super) room: Notify,
    is_connected: AtomicBool,
}

/// What stands behind the lock.
#[derive(Debug)]
pub(super) struct Core {
    pub(super) engine: Engine<Answer>,
    /// The driver, while it sleeps.
    pub(super) driver: Option<Waker>,
    /// Nobody holds the client any more.
    pub(super) is_abandoned: bool,
    /// The channel of frames was handed out.
    pub(super) has_channel: bool,
    /// Why the connection is over.
    pub(super) end: Option<Error>,
    /// Who waits to be let in.
    let_in: Option<Answer>,
}

impl Shared {
    pub(super) fn new(engine: Engine<Answer>, let_in: Answer) -> Shared {
        Shared {
            core: Lock::new(Core {
                engine,
                driver: None,
                is_abandoned: false,
                has_channel: false,
                end: None,
                let_in: Some(let_in),
            }),
            frames: Notify::new(),
            room: Notify::new(),
            is_connected: AtomicBool::new(true),
        }
    }

    /// Does something with the core. Whoever has to be woken is woken afterwards.
    pub(super) fn with<T>(&self, work: impl FnOnce(&mut Core) -> T) -> T {
        // What panicked under the lock left nothing half done that anybody relies on.
        work(&mut self.core.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Wakes the driver, if it sleeps.
    pub(super) fn wake_driver(&self) {
        let driver = self.with(|core| core.driver.take());
        if let Some(driver) = driver {
            driver.wake();
        }
    }

    /// Whether the connection stands.
    pub(super) fn is_connected(&self) -> bool {
        self.is_connected.load(Ordering::Acquire)
    }

    /// Takes in what the broker sent, and tells everybody what it means for them.
    ///
    /// # Errors
    /// As [`Engine::on_bytes`].
    pub(super) fn on_bytes(&self, bytes: &[u8]) -> Result<(), Error> {
        let (Heard { is_let_in, answers }, let_in) = self.with(|core| {
            let heard = core.engine.on_bytes(bytes)?;
            let let_in = if heard.is_let_in { core.let_in.take() } else { None };
            Ok((heard, let_in))
        })?;
        debug_assert_eq!(is_let_in, let_in.is_some());
        // Whoever has gone in the meantime does not want to know.
        answers.into_iter().chain(let_in.map(|who| (who, Ok(())))).for_each(|(who, answer)| {
            let _ = who.send(answer);
        });
        self.frames.notify_waiters();
        Ok(())
    }

    /// The connection is over.
    pub(super) fn end(&self, error: &Error) {
        let waiting = self.with(|core| {
            core.end.get_or_insert_with(|| error.clone());
            let mut waiting = core.engine.take_waiting();
            waiting.extend(core.let_in.take());
            waiting
        });
        self.is_connected.store(false, Ordering::Release);
        for who in waiting {
            // Whoever has gone in the meantime does not want to know.
            let _ = who.send(Err(error.clone()));
        }
        self.frames.notify_waiters();
        self.room.notify_waiters();
    }
}
