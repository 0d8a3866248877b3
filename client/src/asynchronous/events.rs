//! What happens to a client, as a stream.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_core::Stream;

use crate::asynchronous::shared::Shared;
use crate::engine::Event;

/// Everything that happens to a client and its connection from now on, oldest first. It ends when the
/// client has ended for good; it does not keep the client alive.
#[derive(Debug)]
pub struct Events {
    shared: Arc<Shared>,
    sink: u64,
}

impl Events {
    pub(super) fn new(shared: &Arc<Shared>) -> Events {
        let sink = shared.with(|core| core.open_sink());
        Events { shared: Arc::clone(shared), sink }
    }

    /// The next event; nothing, once the client has ended and everything was said.
    pub async fn next(&mut self) -> Option<Event> {
        std::future::poll_fn(|context| Pin::new(&mut *self).poll_next(context)).await
    }

    /// How many events were dropped because more than 256 waited.
    #[must_use]
    pub fn missed(&self) -> u64 {
        self.shared.with(|core| core.events_missed(self.sink))
    }
}

impl Stream for Events {
    type Item = Event;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Event>> {
        self.shared.with(|core| core.poll_event(self.sink, context))
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        self.shared.with(|core| core.close_sink(self.sink));
    }
}
