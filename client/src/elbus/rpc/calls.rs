//! Calls that wait for their answers.

use std::collections::HashMap;
use std::sync::{Arc, MutexGuard, PoisonError};

#[expect(clippy::disallowed_types, reason = "held to look up one call, never across an await")]
use std::sync::Mutex;
#[expect(clippy::disallowed_types, reason = "as the lock itself")]
type Lock<T> = Mutex<T>;

use tokio::sync::oneshot;

use super::error::RpcError;
use super::event::RpcEvent;
use crate::elbus::error::Error;
use crate::engine::FixedState;

/// Who waits for an answer.
pub(super) type Caller = oneshot::Sender<Result<RpcEvent, RpcError>>;
/// The answer that is waited for.
pub(super) type Answer = oneshot::Receiver<Result<RpcEvent, RpcError>>;

/// Calls that wait for their answers.
#[derive(Debug, Default)]
pub(super) struct Calls(Lock<Inner>);

#[derive(Debug, Default)]
struct Inner {
    last_id: u32,
    waiting: HashMap<u32, Caller, FixedState>,
    is_over: bool,
}

/// A call that waits; a caller that goes away waits no more.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) call_id: u32,
    calls: Arc<Calls>,
}

impl Calls {
    /// A new call with a number of its own.
    ///
    /// # Errors
    /// If the connection is over.
    pub(super) fn begin(self: &Arc<Calls>) -> Result<(Waiting, Answer), Error> {
        let (who, answer) = oneshot::channel();
        let mut calls = self.lock();
        if calls.is_over {
            return Err(Error::eof());
        }
        // Ends because there are more numbers than calls; 0 is none of them.
        loop {
            calls.last_id = calls.last_id.checked_add(1).unwrap_or(1);
            if !calls.waiting.contains_key(&calls.last_id) {
                break;
            }
        }
        let call_id = calls.last_id;
        calls.waiting.insert(call_id, who);
        Ok((Waiting { call_id, calls: Arc::clone(self) }, answer))
    }

    /// Who waits for the answer to this call, if anybody still does.
    pub(super) fn take(&self, call_id: u32) -> Option<Caller> {
        self.lock().waiting.remove(&call_id)
    }

    /// No answer comes any more, which the callers learn by this.
    pub(super) fn end(&self) {
        let mut calls = self.lock();
        calls.is_over = true;
        calls.waiting.clear();
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.calls.take(self.call_id);
    }
}
