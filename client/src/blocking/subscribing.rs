//! Subscriptions: how they begin, get credit and end.

use coilgun_protocol::model::{AddCredit, SubscriptionId, Ticket, Unsubscribe};
use coilgun_protocol::native::{ClientFrame, Features};

use crate::blocking::client::{Client, accepted};
use crate::error::ClientError;
use crate::publication::check_filter;
use crate::subscription::{SubscribeOptions, Subscription};

impl Client {
    /// Begins to receive what is published to the subjects that `filter` matches; returns when the
    /// subscription is in force.
    ///
    /// # Errors
    /// If the filter is none, the broker refuses it, or the options ask for credit and the broker
    /// does not offer it.
    pub fn subscribe(
        &mut self,
        filter: &str,
        options: &SubscribeOptions,
    ) -> Result<Subscription, ClientError> {
        check_filter(filter.as_bytes())?;
        if options.credit.is_some() {
            self.require_credit()?;
        }
        self.subscription_last += 1;
        let subscription = SubscriptionId(self.subscription_last);
        let ticket = self.next_ticket();
        let request = options.request(subscription, ticket, filter.as_bytes());
        self.exchange.push(&ClientFrame::Subscribe(request), self.timeout)?;
        match self.wait_for_outcome(ticket, "answer to a subscription") {
            Ok(outcome) => {
                accepted(&outcome, || format!("subscription to {filter}"))?;
                self.subscriptions.insert(subscription);
                Ok(Subscription::new(subscription))
            }
            Err(error) => {
                // Nobody gets the handle, so nobody else could end a subscription that began.
                let end = Unsubscribe { subscription, ticket: Ticket::NONE, deliveries_max: 0 };
                if !error.is_fatal() {
                    self.exchange.push(&ClientFrame::Unsubscribe(end), self.timeout)?;
                }
                Err(error)
            }
        }
    }

    /// Ends a subscription; returns when nothing more is delivered for it. Messages that arrived
    /// before are still handed out.
    ///
    /// # Errors
    /// If it has ended already, the connection is lost, or the broker does not answer in time.
    pub fn unsubscribe(&mut self, subscription: Subscription) -> Result<(), ClientError> {
        self.unsubscribe_after(subscription, 0)
    }

    /// Ends a subscription once it has had so many messages since it began; 0: at once.
    ///
    /// # Errors
    /// If it has ended already, the connection is lost, or the broker does not answer in time.
    pub fn unsubscribe_after(
        &mut self,
        subscription: Subscription,
        deliveries_max: u32,
    ) -> Result<(), ClientError> {
        let ticket = self.next_ticket();
        let frame = Unsubscribe { subscription: subscription.id(), ticket, deliveries_max };
        self.exchange.push(&ClientFrame::Unsubscribe(frame), self.timeout)?;
        let outcome = self.wait_for_outcome(ticket, "answer to the end of a subscription")?;
        accepted(&outcome, || format!("end of subscription {}", subscription.id().0))?;
        if deliveries_max == 0 {
            self.subscriptions.remove(&subscription.id());
        }
        Ok(())
    }

    /// Lets a subscription receive so many messages more. Waits for nothing, like
    /// [`Client::publish`].
    ///
    /// # Errors
    /// If the broker does not offer credit, or the connection is lost.
    pub fn add_credit(
        &mut self,
        subscription: Subscription,
        messages: u32,
    ) -> Result<(), ClientError> {
        self.require_credit()?;
        let credit = AddCredit { subscription: subscription.id(), messages };
        self.exchange.push(&ClientFrame::Credit(credit), self.timeout)
    }

    /// Ends all subscriptions and returns when everything that was sent has taken effect and nothing
    /// more is delivered for them. What arrived before is still handed out.
    ///
    /// # Errors
    /// If the connection is lost, or the broker does not answer in time.
    pub fn drain(&mut self) -> Result<(), ClientError> {
        for subscription in core::mem::take(&mut self.subscriptions) {
            self.end_soon(Subscription::new(subscription))?;
        }
        self.flush()
    }

    /// Sends the end of a subscription and waits for nothing.
    pub(crate) fn end_soon(&mut self, subscription: Subscription) -> Result<(), ClientError> {
        let subscription = subscription.id();
        self.subscriptions.remove(&subscription);
        let end = Unsubscribe { subscription, ticket: Ticket::NONE, deliveries_max: 0 };
        self.exchange.push(&ClientFrame::Unsubscribe(end), self.timeout)
    }

    fn require_credit(&self) -> Result<(), ClientError> {
        if self.server().features.contains(Features::CREDIT) {
            return Ok(());
        }
        Err(ClientError::NotOffered("credit for subscriptions"))
    }
}
