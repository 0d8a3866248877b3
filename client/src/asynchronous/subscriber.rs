//! What arrives for one subscription.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use coilgun_protocol::model::SubscriptionId;
use futures_core::Stream;

use crate::asynchronous::client::Handle;
use crate::asynchronous::waiting::Waiting;
use crate::engine::Taken;
use crate::error::ClientError;
use crate::message::Message;
use crate::subscription::Subscription;

/// The messages of one subscription, as a stream. It survives the loss of the connection. Dropping it
/// ends the subscription, and what waits for it is thrown away.
#[derive(Debug)]
pub struct Subscriber {
    handle: Arc<Handle>,
    id: SubscriptionId,
    /// Messages that were taken out together and not handed out yet.
    batch: VecDeque<Message>,
}

impl Subscriber {
    pub(super) fn new(handle: &Arc<Handle>, id: SubscriptionId) -> Subscriber {
        Subscriber { handle: Arc::clone(handle), id, batch: VecDeque::new() }
    }

    /// The subscription, as its messages name it.
    #[must_use]
    pub fn subscription(&self) -> Subscription {
        Subscription::new(self.id)
    }

    /// The next message; nothing, once the subscription has ended and everything was handed out.
    /// A future that is dropped loses no message.
    pub async fn next(&mut self) -> Option<Message> {
        std::future::poll_fn(|context| Pin::new(&mut *self).poll_next(context)).await
    }

    /// The next message, if one is there.
    pub fn try_next(&mut self) -> Option<Message> {
        if self.batch.is_empty() {
            let batch = &mut self.batch;
            self.handle.shared.with(|core| {
                let (taken, resumes) = core.engine.take_messages(self.id, batch);
                core.sleep.is_poked |= resumes;
                core.changed |= matches!(taken, Taken::Messages(_));
            });
        }
        self.batch.pop_front()
    }

    /// Ends the subscription; returns when nothing more arrives for it. What arrived before is
    /// still handed out.
    ///
    /// # Errors
    /// If the client has ended, or the broker does not answer in time.
    pub async fn unsubscribe(&mut self) -> Result<(), ClientError> {
        self.unsubscribe_after(0).await
    }

    /// Ends the subscription once it has had so many messages since it began; 0: at once.
    ///
    /// # Errors
    /// If the client has ended, or the broker does not answer in time.
    pub async fn unsubscribe_after(&mut self, deliveries_max: u32) -> Result<(), ClientError> {
        let (now, timeout) = (self.handle.shared.now(), self.handle.timeout);
        let call = self
            .handle
            .shared
            .with(|core| core.engine.unsubscribe(now, self.id, deliveries_max, timeout))?;
        Waiting::new(&self.handle, call).await.map(drop)
    }

    /// Ends the subscription and returns all that had arrived.
    ///
    /// # Errors
    /// If the client has ended, or the broker does not answer in time.
    pub async fn drain(mut self) -> Result<Vec<Message>, ClientError> {
        self.unsubscribe().await?;
        let mut all = Vec::new();
        // Ends because nothing more arrives.
        while let Some(message) = self.next().await {
            all.push(message);
        }
        Ok(all)
    }

    /// Lets the subscription receive so many messages more. Waits for nothing.
    ///
    /// # Errors
    /// If the broker does not offer credit, or the client has ended.
    pub fn add_credit(&self, messages: u32) -> Result<(), ClientError> {
        self.handle.shared.with(|core| core.engine.add_credit(self.id, messages))
    }
}

impl Stream for Subscriber {
    type Item = Message;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Message>> {
        if let Some(message) = self.batch.pop_front() {
            return Poll::Ready(Some(message));
        }
        let it = &mut *self;
        let (id, batch) = (it.id, &mut it.batch);
        let taken = it.handle.shared.with(|core| {
            let (taken, resumes) = core.engine.take_messages(id, batch);
            core.sleep.is_poked |= resumes;
            match taken {
                Taken::Messages(_) => core.changed = true,
                Taken::Nothing => core.wait_for_messages(id, context.waker()),
                Taken::Ended => {}
            }
            taken
        });
        match taken {
            Taken::Messages(_) => Poll::Ready(it.batch.pop_front()),
            Taken::Nothing => Poll::Pending,
            Taken::Ended => Poll::Ready(None),
        }
    }
}

impl Drop for Subscriber {
    fn drop(&mut self) {
        self.handle.shared.with(|core| core.forget_subscription(self.id));
    }
}
