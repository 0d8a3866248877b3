//! Answering requests, one after the other, on the caller's thread.
//!
//! ```text
//! request --> expired? --> handler --> reply          (its deadline is over: nobody waits any more)
//!                             |------> error reply    Nats-Service-Error, Nats-Service-Error-Code
//!                             +-panic> error reply    500, and the next request is served
//! ```

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use crate::blocking::client::Client;
use crate::blocking::handling::{Request, ServeStatistics};
use crate::error::ClientError;
use crate::message::Message;
use crate::publication::Publication;
use crate::serving::{HandlerError, Reply, ServeOptions};
use crate::subscription::Subscription;

/// How long [`Client::serve`] waits before it asks again whether it shall go on.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// Serves the requests to the subjects of one filter. Dropping it ends that.
#[derive(Debug)]
pub struct Responder<'a> {
    client: &'a mut Client,
    /// None: it was ended.
    subscription: Option<Subscription>,
    statistics: ServeStatistics,
}

impl Client {
    /// Begins to take requests to the subjects that `filter` matches, for [`Responder::serve_next`].
    ///
    /// # Errors
    /// As [`Client::subscribe`].
    pub fn responder(
        &mut self,
        filter: &str,
        options: &ServeOptions,
    ) -> Result<Responder<'_>, ClientError> {
        let subscription = Some(self.subscribe(filter, &options.subscribe)?);
        Ok(Responder { client: self, subscription, statistics: ServeStatistics::default() })
    }

    /// Answers requests to the subjects that `filter` matches, one after the other, for as long as
    /// `goes_on` says so: it is asked after every request and every tenth of a second. Then it takes
    /// no further request, answers those that have arrived, and says how many it served.
    ///
    /// ```no_run
    /// use coilgun_client::Options;
    /// use coilgun_client::blocking::{Client, HandlerError, Reply, ServeOptions};
    ///
    /// # fn main() -> Result<(), coilgun_client::ClientError> {
    /// let mut client = Client::connect(Options::new("127.0.0.1:7700".parse()?))?;
    /// let options = ServeOptions::default().with_queue_group("mirrors");
    /// client.serve("mirror", &options, |request| {
    ///     match request.message().payload() {
    ///         [] => Err(HandlerError::new(400, "nothing to mirror")),
    ///         payload => Ok(Reply::new(payload.iter().rev().copied().collect::<Vec<u8>>())),
    ///     }
    /// }, |so_far| so_far.requests < 1000)?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// If the subscription is refused, or the connection is lost.
    pub fn serve(
        &mut self,
        filter: &str,
        options: &ServeOptions,
        mut handler: impl FnMut(&mut Request<'_>) -> Result<Reply, HandlerError>,
        mut goes_on: impl FnMut(&ServeStatistics) -> bool,
    ) -> Result<ServeStatistics, ClientError> {
        let mut responder = self.responder(filter, options)?;
        while goes_on(&responder.statistics) {
            responder.serve_next(LOOK_AGAIN, &mut handler)?;
        }
        responder.drain(&mut handler)
    }
}

impl Responder<'_> {
    /// Waits at most so long for a request and answers it with what `handler` gives; says whether one
    /// came. A handler that panics is an error with the code 500 to whoever asked, and the next
    /// request is served. A request whose time is over when its turn comes is not handled, and a
    /// reply that is ready too late is not sent: nobody waits for it.
    ///
    /// # Errors
    /// If the connection is lost, or the reply cannot be sent.
    pub fn serve_next(
        &mut self,
        timeout: Duration,
        handler: &mut impl FnMut(&mut Request<'_>) -> Result<Reply, HandlerError>,
    ) -> Result<bool, ClientError> {
        let Some(subscription) = self.subscription else { return Ok(false) };
        let Some(message) = self.client.next_message_of(subscription, timeout)? else {
            return Ok(false);
        };
        self.answer(&message, handler)?;
        Ok(true)
    }

    /// What it has done so far.
    #[must_use]
    pub fn statistics(&self) -> &ServeStatistics {
        &self.statistics
    }

    /// Takes no further request, answers those that have arrived, and returns when the replies are in
    /// the outboxes of those who asked.
    ///
    /// # Errors
    /// If the connection is lost, or the broker does not answer in time.
    pub fn drain(
        mut self,
        handler: &mut impl FnMut(&mut Request<'_>) -> Result<Reply, HandlerError>,
    ) -> Result<ServeStatistics, ClientError> {
        if let Some(subscription) = self.subscription.take() {
            self.client.unsubscribe(subscription)?;
            // Ends because nothing more arrives for it.
            while let Some(message) = self.client.next_message_of(subscription, Duration::ZERO)? {
                self.answer(&message, handler)?;
            }
        }
        match self.client.flush() {
            // A connection broke on the way: who asked over it was told so, and what was answered since
            // is what counts.
            Err(ClientError::Lost { .. }) => self.client.flush()?,
            flushed => flushed?,
        }
        Ok(core::mem::take(&mut self.statistics))
    }

    fn answer(
        &mut self,
        message: &Message,
        handler: &mut impl FnMut(&mut Request<'_>) -> Result<Reply, HandlerError>,
    ) -> Result<(), ClientError> {
        self.statistics.requests += 1;
        let begun = Instant::now();
        let mut request = Request::new(self.client, message, begun);
        if request.is_expired() {
            self.statistics.expired += 1;
            return Ok(());
        }
        let handled = catch_unwind(AssertUnwindSafe(|| handler(&mut request)));
        let is_late = request.is_expired();
        self.statistics.processing += begun.elapsed();
        // Its words may name what nobody outside shall know; the panic hook has printed them here.
        let result = handled.unwrap_or_else(|_words| {
            self.statistics.panics += 1;
            Err(HandlerError::new(500, "the handler panicked"))
        });
        if is_late {
            self.statistics.expired += 1;
        }
        let sent = match &result {
            Ok(reply) if !is_late => self.send(message, |to| reply.fill(to)),
            Ok(_) => Ok(()),
            Err(error) => self.fail(message, error, is_late),
        };
        match sent {
            // A reply that cannot be sent is a mistake of its handler, and no reason to serve no more.
            Err(error) if !error.is_fatal() => {
                self.fail(message, &HandlerError::new(500, error.to_string()), is_late)
            }
            sent => sent,
        }
    }

    /// Counts an error of a handler and tells it to whoever asked, if they still wait.
    fn fail(
        &mut self,
        message: &Message,
        error: &HandlerError,
        is_late: bool,
    ) -> Result<(), ClientError> {
        self.statistics.errors += 1;
        self.statistics.last_error = Some(error.clone());
        if is_late { Ok(()) } else { self.send(message, |to| error.fill(to)) }
    }

    fn send<'m>(
        &mut self,
        message: &'m Message,
        fill: impl FnOnce(Publication<'m>) -> Result<Publication<'m>, ClientError>,
    ) -> Result<(), ClientError> {
        // What was only published, not asked, gets no reply.
        let Some(reply) = Publication::reply_to(message) else { return Ok(()) };
        self.client.publish(&fill(reply)?)?;
        // Whoever asked shall not wait for the next request.
        self.client.write_out()
    }
}

impl Drop for Responder<'_> {
    fn drop(&mut self) {
        if let Some(subscription) = self.subscription.take() {
            self.client.end_soon(subscription);
        }
    }
}
