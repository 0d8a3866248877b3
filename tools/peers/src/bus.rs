//! A client of elbus or busrt in Rust: both libraries have the same shape.
//!
//! Each program has two connections: one under its name, for messages, and one under the name with
//! `.rpc` behind it, for calls, because the libraries read every message of the latter as a frame of
//! RPC.

/// Makes a `run` for the library of this name. What only one of them has is an expression with the
/// client and the order, which says how the order went.
#[macro_export]
macro_rules! bus_client {
    ($library:ident, |$client:ident, $order:ident| $more:expr) => {
        use $crate::order::{Order, payload_of};
        use $crate::report;
        use $library::client::AsyncClient;
        use $library::ipc::{Client, Config};
        use $library::rpc::{Rpc, RpcClient, RpcError, RpcEvent, RpcHandlers, RpcResult};
        use $library::{Error, Frame, FrameKind, OpConfirm, QoS};

        struct Handlers;

        fn told(kind: &str, event: &RpcEvent, method: &str) {
            report::heard(kind, event.sender(), method, event.payload());
        }

        #[async_trait::async_trait]
        impl RpcHandlers for Handlers {
            async fn handle_call(&self, event: RpcEvent) -> RpcResult {
                let method = event.parse_method()?.to_owned();
                match method.as_str() {
                    "echo" => Ok(Some(event.payload().to_vec())),
                    "fail" => Err(RpcError::new(-32099, Some(event.payload().to_vec()))),
                    "tell" => {
                        told("call", &event, &method);
                        Ok(None)
                    }
                    _ => Err(RpcError::method(None)),
                }
            }

            async fn handle_notification(&self, event: RpcEvent) {
                told("notification", &event, "-");
            }

            async fn handle_frame(&self, _frame: Frame) {}
        }

        fn listen(frames: $library::EventChannel) {
            tokio::spawn(async move {
                while let Ok(frame) = frames.recv().await {
                    let kind = match frame.kind() {
                        FrameKind::Message => "message",
                        FrameKind::Broadcast => "broadcast",
                        FrameKind::Publish => "publication",
                        _ => "something",
                    };
                    let topic = frame.topic().unwrap_or("-");
                    if !topic.starts_with(".broker/") {
                        report::heard(kind, frame.sender(), topic, frame.payload());
                    }
                }
            });
        }

        /// The answer to an operation that is to be acknowledged.
        async fn code(confirm: Result<OpConfirm, Error>) -> u8 {
            let answer = match confirm {
                Ok(Some(answer)) => answer.await.expect("an answer comes"),
                Ok(None) => panic!("it was to be acknowledged"),
                Err(error) => Err(error),
            };
            answer.map_or_else(|error| error.kind() as u8, |()| 1)
        }

        async fn call(rpc: &RpcClient, to: &str, method: &str, text: &str) {
            let payload = payload_of(text);
            match rpc.call(to, method, payload.into(), QoS::Processed).await {
                Ok(event) => report::replied(event.payload()),
                Err(error) => report::failed(error.code(), error.data().unwrap_or_default()),
            }
        }

        async fn carry_out(client: &mut Client, rpc: &RpcClient, order: Order) {
            let qos = QoS::Processed;
            let confirm = match &order {
                Order::Send(to, text) => client.send(to, payload_of(text).into(), qos).await,
                Order::Broadcast(mask, text) => {
                    client.send_broadcast(mask, payload_of(text).into(), qos).await
                }
                Order::Publish(topic, text) => {
                    client.publish(topic, payload_of(text).into(), qos).await
                }
                Order::Subscribe(topic) => client.subscribe(topic, qos).await,
                Order::Unsubscribe(topic) => client.unsubscribe(topic, qos).await,
                Order::Call(to, method, text) => return call(rpc, to, method, text).await,
                Order::Call0(to, method, text) => {
                    rpc.call0(to, method, payload_of(text).into(), qos).await
                }
                Order::Notify(to, text) => rpc.notify(to, payload_of(text).into(), qos).await,
                other => {
                    let ($client, $order) = (client, other);
                    $more
                }
            };
            report::done(code(confirm).await);
        }

        #[tokio::main]
        async fn main() {
            let words: Vec<String> = std::env::args().collect();
            let [_, path, name] = words.as_slice() else { panic!("SOCKET and NAME") };
            let mut client = Client::connect(&Config::new(path, name)).await.expect("it is let in");
            listen(client.take_event_channel().expect("it was not taken before"));
            let config = Config::new(path, &format!("{name}.rpc"));
            let rpc =
                RpcClient::new(Client::connect(&config).await.expect("it is let in"), Handlers);
            report::ready();
            let mut orders = $crate::order::orders();
            while let Some(order) = orders.recv().await {
                carry_out(&mut client, &rpc, order).await;
            }
        }
    };
}
