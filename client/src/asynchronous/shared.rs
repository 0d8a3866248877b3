//! What all handles of one client and its driver share.

use std::collections::{HashMap, VecDeque};
use std::sync::PoisonError;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

#[expect(
    clippy::disallowed_types,
    reason = "tasks on any thread encode into one output; the lock is held for one frame or one read, and \
              never across an await"
)]
use std::sync::Mutex;
#[expect(clippy::disallowed_types, reason = "as the lock itself")]
type Lock<T> = Mutex<T>;

use coilgun_protocol::model::{FollowId, SubscriptionId, Timestamp};
use tokio::time::Instant;

use crate::engine::{Call, Engine, Event, FixedState, Woken};
use crate::error::ClientError;

/// Events that wait for one who watches; beyond, the oldest is dropped and counted.
const EVENTS_MAX: usize = 256;

/// The engine behind its lock, and the clock.
#[derive(Debug)]
pub(super) struct Shared {
    core: Lock<Core>,
    /// The zero of the engine's clock.
    epoch: Instant,
    /// The largest payload the latest broker accepts, for checks without the lock.
    payload_bytes_max: AtomicUsize,
}

/// What stands behind the lock.
#[derive(Debug)]
pub(super) struct Core {
    pub(super) engine: Engine,
    calls: HashMap<Call, Waker, FixedState>,
    subscriptions: HashMap<SubscriptionId, Waker, FixedState>,
    followers: HashMap<FollowId, Waker, FixedState>,
    /// Who waits for room to publish.
    room: Vec<Waker>,
    /// Who waits for anything else to change.
    watchers: Vec<Waker>,
    /// Something changed that watchers may wait for.
    pub(super) changed: bool,
    sinks: HashMap<u64, Sink, FixedState>,
    sink_last: u64,
    pub(super) sleep: DriverSleep,
    /// Responders that have requests in hand, or may get more.
    pub(super) serving: usize,
    /// Nobody holds the client any more.
    pub(super) is_abandoned: bool,
    /// The subscriber for messages by name was handed out.
    pub(super) has_named: bool,
}

/// Whether the driver sleeps, and what it has to be woken for.
#[derive(Debug, Default)]
pub(super) struct DriverSleep {
    /// The driver's waker while it sleeps.
    pub(super) waker: Option<Waker>,
    /// It could send more.
    pub(super) for_output: bool,
    /// It wakes by itself then; none: it does not.
    pub(super) until: Option<Timestamp>,
    /// It has to be woken whatever it waits for.
    pub(super) is_poked: bool,
}

/// Events for one who watches.
#[derive(Debug, Default)]
struct Sink {
    queue: VecDeque<Event>,
    missed: u64,
    waker: Option<Waker>,
}

/// Wakers to be called without the lock.
#[derive(Default)]
struct Wakers {
    driver: Option<Waker>,
    others: Vec<Waker>,
}

impl Shared {
    /// `make` gets the time at which the clock begins.
    pub(super) fn new(make: impl FnOnce(Timestamp) -> Engine) -> Shared {
        let engine = make(Timestamp(1));
        let payload_bytes_max = AtomicUsize::new(engine.payload_bytes_max());
        let core = Core {
            engine,
            calls: HashMap::default(),
            subscriptions: HashMap::default(),
            followers: HashMap::default(),
            room: Vec::new(),
            watchers: Vec::new(),
            changed: false,
            sinks: HashMap::default(),
            sink_last: 0,
            sleep: DriverSleep::default(),
            serving: 0,
            is_abandoned: false,
            has_named: false,
        };
        Shared { core: Lock::new(core), epoch: Instant::now(), payload_bytes_max }
    }

    pub(super) fn now(&self) -> Timestamp {
        let elapsed = u64::try_from(self.epoch.elapsed().as_nanos()).unwrap_or(u64::MAX);
        Timestamp(elapsed.saturating_add(1))
    }

    /// The moment on tokio's clock.
    pub(super) fn instant(&self, at: Timestamp) -> Instant {
        // Far away is as good as never.
        const YEAR: Duration = Duration::from_secs(365 * 24 * 3600);
        self.epoch + Duration::from_nanos(at.0).min(YEAR)
    }

    pub(super) fn payload_bytes_max(&self) -> usize {
        self.payload_bytes_max.load(Ordering::Relaxed)
    }

    pub(super) fn set_payload_bytes_max(&self, bytes: usize) {
        self.payload_bytes_max.store(bytes, Ordering::Relaxed);
    }

    /// Does something under the lock, and wakes afterwards whoever it concerns.
    #[inline]
    pub(super) fn with<T>(&self, act: impl FnOnce(&mut Core) -> T) -> T {
        // A panic under the lock is a mistake of ours that ends the driver, which ends the client.
        let mut core = self.core.lock().unwrap_or_else(PoisonError::into_inner);
        let result = act(&mut core);
        let wakers = core.wakers();
        drop(core);
        if let Some(driver) = wakers.driver {
            driver.wake();
        }
        wakers.others.into_iter().for_each(Waker::wake);
        result
    }

    /// Does something once there is room to publish.
    pub(super) fn poll_with_room<T>(
        &self,
        context: &Context<'_>,
        act: impl FnOnce(&mut Engine) -> Result<T, ClientError>,
    ) -> Poll<Result<T, ClientError>> {
        self.with(|core| {
            if core.engine.has_room() || core.engine.closed().is_some() {
                return Poll::Ready(act(&mut core.engine));
            }
            keep_waker(&mut core.room, context.waker());
            Poll::Pending
        })
    }

    /// Waits until `find` finds something. It is asked again whenever something changed.
    pub(super) async fn watch<T>(&self, mut find: impl FnMut(&mut Core) -> Option<T>) -> T {
        std::future::poll_fn(|context| {
            self.with(|core| match find(core) {
                Some(found) => Poll::Ready(found),
                None => {
                    keep_waker(&mut core.watchers, context.waker());
                    Poll::Pending
                }
            })
        })
        .await
    }
}

impl Core {
    /// Remembers whom to wake for a call.
    pub(super) fn wait_for_call(&mut self, call: Call, waker: &Waker) {
        self.calls.insert(call, waker.clone());
    }

    /// Remembers whom to wake for a subscription.
    pub(super) fn wait_for_messages(&mut self, id: SubscriptionId, waker: &Waker) {
        self.subscriptions.insert(id, waker.clone());
    }

    /// Remembers whom to wake for a follower.
    pub(super) fn wait_for_records(&mut self, id: FollowId, waker: &Waker) {
        self.followers.insert(id, waker.clone());
    }

    pub(super) fn forget_follower(&mut self, id: FollowId) {
        self.followers.remove(&id);
        self.engine.drop_follower(id);
        self.changed = true;
    }

    pub(super) fn forget_call(&mut self, call: Call) {
        self.calls.remove(&call);
        let was_paused = self.engine.is_reading_paused();
        let had_parked = self.engine.has_parked();
        self.engine.forget(call);
        self.changed |= had_parked && !self.engine.has_parked();
        // A subscription went with it that nobody had got yet.
        self.sleep.is_poked |= was_paused && !self.engine.is_reading_paused();
    }

    pub(super) fn forget_subscription(&mut self, id: SubscriptionId) {
        self.subscriptions.remove(&id);
        let was_paused = self.engine.is_reading_paused();
        self.engine.drop_subscription(id);
        self.sleep.is_poked |= was_paused && !self.engine.is_reading_paused();
        self.changed = true;
    }

    pub(super) fn open_sink(&mut self) -> u64 {
        self.sink_last += 1;
        self.sinks.insert(self.sink_last, Sink::default());
        self.sink_last
    }

    pub(super) fn close_sink(&mut self, sink: u64) {
        self.sinks.remove(&sink);
    }

    /// The next event for one who watches; the end, once the client has ended and all was said.
    pub(super) fn poll_event(&mut self, sink: u64, context: &Context<'_>) -> Poll<Option<Event>> {
        let is_over = self.engine.closed().is_some();
        let Some(sink) = self.sinks.get_mut(&sink) else { return Poll::Ready(None) };
        match sink.queue.pop_front() {
            Some(event) => Poll::Ready(Some(event)),
            None if is_over => Poll::Ready(None),
            None => {
                sink.waker = Some(context.waker().clone());
                Poll::Pending
            }
        }
    }

    pub(super) fn events_missed(&self, sink: u64) -> u64 {
        self.sinks.get(&sink).map_or(0, |sink| sink.missed)
    }

    /// Whom to wake because of what happened.
    #[inline]
    fn wakers(&mut self) -> Wakers {
        let mut wakers = Wakers::default();
        // Ends because nothing is added meanwhile.
        while let Some(woken) = self.engine.next_woken() {
            let waker = match woken {
                Woken::Call(call) => self.calls.remove(&call),
                Woken::Subscription(id) => self.subscriptions.remove(&id),
                Woken::Follower(id) => self.followers.remove(&id),
            };
            wakers.others.extend(waker);
        }
        while let Some(event) = self.engine.next_event() {
            self.changed = true;
            self.hand_out(&event, &mut wakers);
        }
        if core::mem::take(&mut self.changed) {
            wakers.others.append(&mut self.watchers);
        }
        if !self.room.is_empty() && (self.engine.has_room() || self.engine.closed().is_some()) {
            wakers.others.append(&mut self.room);
        }
        wakers.driver = self.driver_to_wake();
        wakers
    }

    fn hand_out(&mut self, event: &Event, wakers: &mut Wakers) {
        for sink in self.sinks.values_mut() {
            if sink.queue.len() == EVENTS_MAX {
                sink.queue.pop_front();
                sink.missed += 1;
            }
            sink.queue.push_back(event.clone());
            wakers.others.extend(sink.waker.take());
        }
    }

    fn driver_to_wake(&mut self) -> Option<Waker> {
        let sleep = &mut self.sleep;
        sleep.waker.as_ref()?;
        let is_early = || match (self.engine.deadline(), sleep.until) {
            (Some(due), Some(until)) => due < until,
            (Some(_), None) => true,
            (None, Some(_) | None) => false,
        };
        let is_due = sleep.is_poked || (sleep.for_output && self.engine.has_output()) || is_early();
        if is_due { sleep.waker.take() } else { None }
    }
}

/// Remembers whom to wake, once: a task that is polled again and again takes no more room.
fn keep_waker(wakers: &mut Vec<Waker>, waker: &Waker) {
    if !wakers.iter().any(|kept| kept.will_wake(waker)) {
        wakers.push(waker.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::address::Address;
    use crate::options::Options;

    #[test]
    fn a_task_that_asks_for_room_again_and_again_is_remembered_once() {
        let options = Options::new(Address::Tcp("h:1".to_owned()));
        let shared = Shared::new(|now| Engine::new(options, 7, now));
        let mut context = Context::from_waker(Waker::noop());
        for _ in 0..100 {
            let mut nothing = std::pin::pin!(shared.watch(|_| None::<()>));
            assert!(nothing.as_mut().poll(&mut context).is_pending());
        }
        shared.with(|core| assert_eq!(core.watchers.len(), 1));
    }
}
