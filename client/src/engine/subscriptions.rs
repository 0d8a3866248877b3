//! Subscriptions and what waits for them. They outlive connections.

use std::collections::{HashMap, VecDeque};

use coilgun_protocol::model::{SubscriptionId, Ticket};
use coilgun_protocol::native::SubscribeRequest;

use crate::engine::calls::Call;
use crate::engine::fixed_state::FixedState;
use crate::error::ClientError;
use crate::message::Message;
use crate::subscription::{SubscribeOptions, WhenFull};

/// Where a subscription stands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Stage {
    /// It was asked for, and the call waits for the broker.
    Asked(Call),
    /// It is in force, or will be on the next connection.
    Live,
    /// Its end was asked for; what is on its way still comes.
    Ending,
    /// Nothing more comes.
    Ended,
}

/// A subscription.
#[derive(Debug)]
pub(super) struct Held {
    filter: String,
    options: SubscribeOptions,
    pub(super) stage: Stage,
    queue: VecDeque<Message>,
    queue_bytes: usize,
    /// Messages dropped here since one was queued.
    dropped: u32,
    is_slow: bool,
    /// Deliveries in all, those dropped here included.
    delivered: u64,
    /// Deliveries before this connection.
    delivered_before: u64,
    /// After how many deliveries in all it ends; 0: it does not.
    deliveries_max: u64,
    /// Deliveries it may still have; none: any number.
    credit: Option<u32>,
}

/// What became of a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Queued {
    /// It is in the queue. `is_first`: nothing was there before it.
    Yes { is_first: bool },
    /// It was dropped. `is_first`: it is the first since the queue had room.
    Dropped { is_first: bool },
}

/// What [`Engine::take_messages`](crate::engine::Engine::take_messages) found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Taken {
    /// So many messages were appended; at least one.
    Messages(usize),
    /// Nothing is there just now.
    Nothing,
    /// Nothing is there, and nothing more comes.
    Ended,
}

impl Held {
    pub(super) fn new(filter: &str, options: &SubscribeOptions, stage: Stage) -> Held {
        Held {
            filter: filter.to_owned(),
            options: options.clone(),
            stage,
            queue: VecDeque::new(),
            queue_bytes: 0,
            dropped: 0,
            is_slow: false,
            delivered: 0,
            delivered_before: 0,
            deliveries_max: options.deliveries_max.into(),
            credit: options.credit,
        }
    }

    pub(super) fn filter(&self) -> &str {
        &self.filter
    }

    pub(super) fn uses_credit(&self) -> bool {
        self.credit.is_some()
    }

    pub(super) fn add_credit(&mut self, messages: u32) {
        // The largest number means "no limit" on the wire; nobody counts that far.
        let sum = |credit: u32| credit.saturating_add(messages).min(u32::MAX - 1);
        self.credit = self.credit.map(sum);
    }

    /// How the subscription begins on a new connection: with what is left of it.
    pub(super) fn begin(&mut self, id: SubscriptionId, ticket: Ticket) -> SubscribeRequest<'_> {
        self.delivered_before = self.delivered;
        let mut request = self.options.request(id, ticket, self.filter.as_bytes());
        request.credit = self.credit.unwrap_or(SubscribeRequest::CREDIT_UNLIMITED);
        let left = self.deliveries_max.saturating_sub(self.delivered);
        request.deliveries_max = u32::try_from(left).expect("no more is left than was asked for");
        request
    }

    /// Whether there is a queue that asks for the connection not to be read.
    pub(super) fn stops_reading(&self) -> bool {
        self.options.when_full == WhenFull::StopReading
            && self.stage != Stage::Ended
            && self.is_full()
    }

    fn is_full(&self) -> bool {
        !self.queue.is_empty()
            && (self.queue.len() >= self.options.queue_messages_max
                || self.queue_bytes >= self.options.queue_bytes_max)
    }

    /// A message arrived.
    pub(super) fn queue(&mut self, message: Message) -> Queued {
        self.delivered += 1;
        self.credit = self.credit.map(|credit| credit.saturating_sub(1));
        if self.deliveries_max != 0 && self.delivered >= self.deliveries_max {
            self.stage = Stage::Ended;
        }
        if self.is_full() && self.options.when_full == WhenFull::DropNewest {
            self.dropped = self.dropped.saturating_add(1);
            let is_first = !core::mem::replace(&mut self.is_slow, true);
            return Queued::Dropped { is_first };
        }
        self.is_slow = false;
        let is_first = self.queue.is_empty();
        self.queue_bytes += message.bytes_len();
        self.queue.push_back(message.with_missed(core::mem::take(&mut self.dropped)));
        Queued::Yes { is_first }
    }

    /// Says when the subscription ends. Returns whether it goes on until then, and what the broker
    /// has to be told.
    pub(super) fn end_after(&mut self, deliveries_max: u32) -> Option<u32> {
        let in_all = u64::from(deliveries_max);
        if in_all > self.delivered {
            self.deliveries_max = in_all;
            return u32::try_from(in_all - self.delivered_before).ok();
        }
        None
    }

    /// Moves what waits to the end of `out`.
    pub(super) fn take(&mut self, out: &mut VecDeque<Message>) -> Taken {
        let count = self.queue.len();
        if count == 0 {
            let is_over = self.stage == Stage::Ended;
            return if is_over { Taken::Ended } else { Taken::Nothing };
        }
        self.queue_bytes = 0;
        if out.is_empty() {
            core::mem::swap(out, &mut self.queue);
        } else {
            out.append(&mut self.queue);
        }
        Taken::Messages(count)
    }

    /// The oldest that waits.
    pub(super) fn pop(&mut self) -> Option<Message> {
        let message = self.queue.pop_front()?;
        self.queue_bytes -= message.bytes_len();
        Some(message)
    }

    pub(super) fn queued(&self) -> usize {
        self.queue.len()
    }
}

/// All subscriptions of a client.
#[derive(Debug, Default)]
pub(super) struct Subscriptions {
    held: HashMap<SubscriptionId, Held, FixedState>,
    last: u64,
    /// Subscriptions that were begun again on this connection, under the number of the frame.
    begun_again: HashMap<u64, SubscriptionId, FixedState>,
    woken: Vec<SubscriptionId>,
}

impl Subscriptions {
    pub(super) fn next_id(&mut self) -> SubscriptionId {
        self.last += 1;
        SubscriptionId(self.last)
    }

    pub(super) fn insert(&mut self, id: SubscriptionId, held: Held) {
        self.held.insert(id, held);
    }

    #[inline]
    pub(super) fn find(&mut self, id: SubscriptionId) -> Option<&mut Held> {
        self.held.get_mut(&id)
    }

    pub(super) fn remove(&mut self, id: SubscriptionId) -> Option<Held> {
        self.held.remove(&id)
    }

    /// Every number, in order.
    pub(super) fn ids(&self) -> Vec<SubscriptionId> {
        let mut ids: Vec<_> = self.held.keys().copied().collect();
        ids.sort_unstable();
        ids
    }

    pub(super) fn queued(&self) -> usize {
        self.held.values().map(Held::queued).sum()
    }

    /// Whether nobody has to be waited for any more but for those that go on.
    pub(super) fn are_empty(&self) -> bool {
        self.held.values().all(|held| held.queued() == 0)
    }

    pub(super) fn stop_reading(&self) -> bool {
        self.held.values().any(Held::stops_reading)
    }

    /// Nothing more comes for a subscription.
    pub(super) fn end(&mut self, id: SubscriptionId) {
        if let Some(held) = self.held.get_mut(&id) {
            held.stage = Stage::Ended;
            self.woken.push(id);
        }
    }

    pub(super) fn end_all(&mut self) {
        for id in self.ids() {
            self.end(id);
        }
    }

    /// The connection is lost: what was about to end has ended.
    pub(super) fn on_lost(&mut self) {
        self.begun_again.clear();
        self.end_ending();
    }

    /// What was about to end has ended, and nothing else: the inbox of requests goes on.
    pub(super) fn end_ending(&mut self) {
        for id in self.ids() {
            if self.held[&id].stage == Stage::Ending {
                self.end(id);
            }
        }
    }

    pub(super) fn begin_again(&mut self, number: u64, id: SubscriptionId) {
        self.begun_again.insert(number, id);
    }

    /// An outcome that may be about a subscription that was begun again: its number and filter.
    pub(super) fn begun_again(&mut self, number: u64) -> Option<SubscriptionId> {
        self.begun_again.remove(&number)
    }

    pub(super) fn wake(&mut self, id: SubscriptionId) {
        self.woken.push(id);
    }

    pub(super) fn next_woken(&mut self) -> Option<SubscriptionId> {
        self.woken.pop()
    }
}

/// Why a subscription could not be begun again.
pub(super) fn refused(filter: &str, code: u16) -> ClientError {
    ClientError::refused(format!("subscription to {filter}"), code)
}
