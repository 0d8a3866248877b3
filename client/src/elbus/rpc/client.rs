//! Who calls.

use std::sync::Arc;
use std::time::Duration;

use coilgun_protocol::elbus::{Operation, RpcFrame, encode_rpc};
use tokio::sync::Semaphore;

use super::calls::Calls;
use super::error::RpcError;
use super::event::RpcEvent;
use super::processor::{Processor, RpcHandlers};
use crate::elbus::client::{Client, Confirm};
use crate::elbus::error::{Error, ErrorKind};
use crate::elbus::qos::QoS;

/// How a client calls and answers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RpcOptions {
    /// Handlers that run at a time. A call beyond them fails with [`ErrorKind::Busy`]; what nobody waits
    /// for an answer to waits until there is room.
    pub handlers_max: usize,
    /// How long an answer may take; none: as long as the connection stands, as with busrt.
    pub reply_timeout: Option<Duration>,
}

impl Default for RpcOptions {
    fn default() -> RpcOptions {
        RpcOptions { handlers_max: 1024, reply_timeout: None }
    }
}

/// Calls other clients, and answers their calls. Cheap to clone.
#[derive(Clone, Debug)]
pub struct RpcClient {
    client: Client,
    calls: Arc<Calls>,
    options: RpcOptions,
}

impl RpcClient {
    /// Calls and answers over a client's connection, whose channel of messages it takes.
    ///
    /// # Errors
    /// If the channel was taken before.
    pub fn new(client: Client, handlers: impl RpcHandlers) -> Result<RpcClient, Error> {
        RpcClient::with_options(client, handlers, RpcOptions::default())
    }

    /// The same, in another way.
    ///
    /// # Errors
    /// As [`RpcClient::new`].
    pub fn with_options(
        client: Client,
        handlers: impl RpcHandlers,
        options: RpcOptions,
    ) -> Result<RpcClient, Error> {
        let frames = client.take_event_channel().ok_or_else(|| {
            Error::new(ErrorKind::NotSupported, "somebody else has the channel of messages")
        })?;
        let calls = Arc::<Calls>::default();
        let processor = Processor {
            // A client that held itself would never end.
            client: client.downgrade(),
            handlers: Arc::new(handlers),
            calls: Arc::clone(&calls),
            permits: Arc::new(Semaphore::new(options.handlers_max)),
        };
        tokio::spawn(processor.run(frames));
        Ok(RpcClient { client, calls, options })
    }

    /// The connection.
    #[must_use]
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Whether the connection stands.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.client.is_connected()
    }

    /// Sends a notification.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub async fn notify(&self, target: &str, data: &[u8], qos: QoS) -> Result<Confirm, Error> {
        self.send(target, &RpcFrame::Notification(data), qos).await
    }

    /// Calls a method and wants no answer.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub async fn call0(
        &self,
        target: &str,
        method: &str,
        params: &[u8],
        qos: QoS,
    ) -> Result<Confirm, Error> {
        let method = method.as_bytes();
        self.send(target, &RpcFrame::Request { call_id: 0, method, params }, qos).await
    }

    /// Calls a method, and returns the answer.
    ///
    /// # Errors
    /// What the one who is called says; else a code of the bus: nobody has the name, or, if the options
    /// limit it, no answer came in time.
    pub async fn call(
        &self,
        target: &str,
        method: &str,
        params: &[u8],
        qos: QoS,
    ) -> Result<RpcEvent, RpcError> {
        let (waiting, answer) = self.calls.begin()?;
        let request =
            RpcFrame::Request { call_id: waiting.call_id, method: method.as_bytes(), params };
        self.send(target, &request, qos).await?.await?;
        let answer = async { answer.await.map_err(|_| RpcError::from(Error::eof()))? };
        match self.options.reply_timeout {
            Some(limit) => match tokio::time::timeout(limit, answer).await {
                Ok(answer) => answer,
                Err(_) => Err(Error::timeout("the reply").into()),
            },
            None => answer.await,
        }
    }

    async fn send(&self, target: &str, frame: &RpcFrame<'_>, qos: QoS) -> Result<Confirm, Error> {
        send(&self.client, target, frame, qos).await
    }
}

pub(super) async fn send(
    client: &Client,
    target: &str,
    frame: &RpcFrame<'_>,
    qos: QoS,
) -> Result<Confirm, Error> {
    let mut payload = Vec::new();
    encode_rpc(frame, &mut payload);
    client.ask(Operation::Message, qos, &[target.as_bytes(), &payload]).await
}
