//! The task that takes messages, and the handlers it runs.

use std::future::Future;
use std::sync::Arc;

use coilgun_protocol::elbus::RpcFrame;
use tokio::sync::Semaphore;

use super::calls::Calls;
use super::client::send;
use super::error::{RpcError, RpcResult};
use super::event::{RpcEvent, RpcEventKind};
use crate::elbus::client::{EventChannel, WeakClient};
use crate::elbus::error::{Error, ErrorKind};
use crate::elbus::frame::{Frame, FrameKind};
use crate::elbus::qos::QoS;

/// What a client does with calls and messages. Every method runs in a task of its own, many at a time.
pub trait RpcHandlers: Send + Sync + 'static {
    /// Answers a call. Without it every call fails with "no such method".
    fn handle_call(&self, event: RpcEvent) -> impl Future<Output = RpcResult> + Send {
        drop(event);
        async { Err(RpcError::method(None)) }
    }

    /// Takes in a notification. Without it none is.
    fn handle_notification(&self, event: RpcEvent) -> impl Future<Output = ()> + Send {
        drop(event);
        async {}
    }

    /// Takes in a broadcast or a publication. Without it none is.
    fn handle_frame(&self, frame: Frame) -> impl Future<Output = ()> + Send {
        drop(frame);
        async {}
    }
}

/// Handlers of a client that only calls.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoHandlers;

impl RpcHandlers for NoHandlers {}

/// The task that takes messages.
pub(super) struct Processor<H> {
    pub(super) client: WeakClient,
    pub(super) handlers: Arc<H>,
    pub(super) calls: Arc<Calls>,
    pub(super) permits: Arc<Semaphore>,
}

impl<H: RpcHandlers> Processor<H> {
    pub(super) async fn run(self, mut frames: EventChannel) {
        // Ends with the connection.
        while let Some(frame) = frames.recv().await {
            if frame.kind() == FrameKind::Message {
                self.on_message(frame).await;
            } else {
                let handlers = Arc::clone(&self.handlers);
                self.spawn(async move { handlers.handle_frame(frame).await }).await;
            }
        }
        self.calls.end();
    }

    async fn on_message(&self, frame: Frame) {
        // A message that is no part of a call is for nobody, as with busrt.
        let Some((event, code)) = RpcEvent::read(frame) else { return };
        match event.kind() {
            RpcEventKind::Notification => {
                let handlers = Arc::clone(&self.handlers);
                self.spawn(async move { handlers.handle_notification(event).await }).await;
            }
            RpcEventKind::Request => self.on_request(event).await,
            RpcEventKind::Reply => self.on_reply(event, code),
        }
    }

    fn on_reply(&self, event: RpcEvent, code: Option<i16>) {
        let who = self.calls.take(event.id());
        let answer = match code {
            Some(code) => Err(RpcError::new(code, Some(event.payload().to_vec()))),
            None => Ok(event),
        };
        if let Some(who) = who {
            // A caller that has gone in the meantime does not want to know.
            let _ = who.send(answer);
        }
    }

    async fn on_request(&self, event: RpcEvent) {
        let handlers = Arc::clone(&self.handlers);
        if event.id() == 0 {
            self.spawn(async move { drop(handlers.handle_call(event).await) }).await;
            return;
        }
        let client = self.client.clone();
        let Ok(permit) = Arc::clone(&self.permits).try_acquire_owned() else {
            let busy = Error::new(ErrorKind::Busy, "too many calls at a time");
            return reply(&client, &event, Err(busy.into())).await;
        };
        tokio::spawn(async move {
            let asked = event.clone();
            let result = handlers.handle_call(event).await;
            reply(&client, &asked, result).await;
            drop(permit);
        });
    }

    /// Runs something in a task of its own, as soon as it may.
    async fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        let permit = Arc::clone(&self.permits).acquire_owned().await;
        let permit = permit.expect("nobody closes it");
        tokio::spawn(async move {
            work.await;
            drop(permit);
        });
    }
}

/// Answers a call. If the caller has gone, nobody wants to know.
async fn reply(client: &WeakClient, event: &RpcEvent, result: RpcResult) {
    let Some(client) = client.upgrade() else { return };
    let qos = if event.frame().is_realtime() { QoS::RealtimeProcessed } else { QoS::Processed };
    let call_id = event.id();
    let sent = match result {
        Ok(payload) => {
            let payload = payload.unwrap_or_default();
            send(&client, event.sender(), &RpcFrame::Reply { call_id, payload: &payload }, qos)
                .await
        }
        Err(error) => {
            let frame = RpcFrame::Error { call_id, code: error.code(), data: error.data() };
            send(&client, event.sender(), &frame, qos).await
        }
    };
    // As said above; and where the connection is over, the caller learns that by itself.
    let _ = sent;
}
