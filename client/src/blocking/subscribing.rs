//! Subscriptions: how they begin, get credit and end.

use coilgun_protocol::model::ErrorCode;

use crate::blocking::client::Client;
use crate::error::ClientError;
use crate::subscription::{SubscribeOptions, Subscription};

impl Client {
    /// Begins to receive what is published to the subjects that `filter` matches; returns when the
    /// subscription is in force. It outlives connections.
    ///
    /// # Errors
    /// If the filter is none, the broker refuses it or does not answer in time, or the options ask for
    /// credit and the broker does not offer it.
    pub fn subscribe(
        &mut self,
        filter: &str,
        options: &SubscribeOptions,
    ) -> Result<Subscription, ClientError> {
        let timeout = self.timeout;
        let (engine, now) = self.driver.engine_now();
        let (call, id) = engine.subscribe(now, filter, options, timeout)?;
        self.driver.queue.know(id);
        let answer = self.driver.wait_for(call);
        if answer.is_err() {
            // Nobody gets the handle, so nobody else could end a subscription that began.
            self.driver.engine.drop_subscription(id);
            self.driver.queue.drop_all_of(id);
        }
        answer.map(|_| Subscription::new(id))
    }

    /// Ends a subscription; returns when nothing more is delivered for it. Messages that arrived
    /// before are still handed out.
    ///
    /// # Errors
    /// If it has ended already, the client has, or the broker does not answer in time.
    pub fn unsubscribe(&mut self, subscription: Subscription) -> Result<(), ClientError> {
        self.unsubscribe_after(subscription, 0)
    }

    /// Ends a subscription once it has had so many messages since it began; 0: at once.
    ///
    /// # Errors
    /// If it has ended already, the client has, or the broker does not answer in time.
    pub fn unsubscribe_after(
        &mut self,
        subscription: Subscription,
        deliveries_max: u32,
    ) -> Result<(), ClientError> {
        let id = subscription.id();
        if !self.driver.queue.is_known(id) {
            let what = format!("end of subscription {}", id.0);
            return Err(ClientError::refused(what, ErrorCode::UnknownSubscription as u16));
        }
        let timeout = self.timeout;
        let (engine, now) = self.driver.engine_now();
        let call = engine.unsubscribe(now, id, deliveries_max, timeout)?;
        self.driver.wait_for(call)?;
        self.driver.collect();
        Ok(())
    }

    /// Lets a subscription receive so many messages more. Waits for nothing, like
    /// [`Client::publish`].
    ///
    /// # Errors
    /// If the broker does not offer credit, or the client has ended.
    pub fn add_credit(
        &mut self,
        subscription: Subscription,
        messages: u32,
    ) -> Result<(), ClientError> {
        self.driver.engine.add_credit(subscription.id(), messages)
    }

    /// Ends all subscriptions and returns when everything that was sent has taken effect and nothing
    /// more is delivered for them. What arrived before is still handed out; nothing comes for the
    /// client's name any more.
    ///
    /// # Errors
    /// If the client has ended, or the broker does not answer in time.
    pub fn drain(&mut self) -> Result<(), ClientError> {
        let timeout = self.timeout;
        let (engine, now) = self.driver.engine_now();
        let call = engine.drain(now, timeout)?;
        self.driver.wait_for(call).map(drop)
    }

    /// Ends a subscription and waits for nothing; what arrived for it and was not taken is dropped.
    pub(crate) fn end_soon(&mut self, subscription: Subscription) {
        let id = subscription.id();
        self.driver.engine.drop_subscription(id);
        self.driver.queue.drop_all_of(id);
    }
}
