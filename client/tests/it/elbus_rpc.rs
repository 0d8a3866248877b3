//! Calls between clients of elbus.

use std::sync::Arc;
use std::time::Duration;

use coilgun_client::elbus::{
    Client, Config, ErrorKind, NoHandlers, QoS, RpcClient, RpcError, RpcEvent, RpcHandlers,
    RpcOptions, RpcResult,
};
use tokio::sync::{Semaphore, mpsc};

use crate::real_broker::RealBroker;
use crate::runtime::run;

/// Answers some methods, and tells the test what it heard.
struct Handlers {
    heard: mpsc::UnboundedSender<(String, Vec<u8>)>,
    /// What `wait` waits for.
    gate: Arc<Semaphore>,
}

impl RpcHandlers for Handlers {
    async fn handle_call(&self, event: RpcEvent) -> RpcResult {
        match event.parse_method()? {
            "echo" => Ok(Some(event.payload().to_vec())),
            "nothing" => Ok(None),
            "fail" => Err(RpcError::new(-7, Some(event.payload().to_vec()))),
            "wait" => {
                self.gate.acquire().await.expect("nobody closes it").forget();
                Ok(None)
            }
            "tell" => {
                let sender = event.sender().to_owned();
                self.heard.send((sender, event.payload().to_vec())).expect("the test listens");
                Ok(None)
            }
            _ => Err(RpcError::method(None)),
        }
    }

    async fn handle_notification(&self, event: RpcEvent) {
        let sender = event.sender().to_owned();
        self.heard.send((sender, event.payload().to_vec())).expect("the test listens");
    }
}

struct Scene {
    broker: RealBroker,
    caller: RpcClient,
    server: RpcClient,
    heard: mpsc::UnboundedReceiver<(String, Vec<u8>)>,
    gate: Arc<Semaphore>,
}

async fn scene(server: RpcOptions, caller: RpcOptions) -> Scene {
    let broker = RealBroker::start();
    let (told, heard) = mpsc::unbounded_channel();
    let gate = Arc::new(Semaphore::new(0));
    let config = Config::new(&broker.elbus_socket(), "server");
    let client = Client::connect(&config).await.expect("it is let in");
    let handlers = Handlers { heard: told, gate: Arc::clone(&gate) };
    let server = RpcClient::with_options(client, handlers, server).expect("it has a channel");
    let config = Config::in_process(broker.elbus_connector(), "caller");
    let client = Client::connect(&config).await.expect("it is let in");
    let caller = RpcClient::with_options(client, NoHandlers, caller).expect("it has a channel");
    Scene { broker, caller, server, heard, gate }
}

async fn call(rpc: &RpcClient, target: &str, method: &str) -> Result<Vec<u8>, i16> {
    let result = rpc.call(target, method, b"params", QoS::Processed).await;
    result.map(|event| event.payload().to_vec()).map_err(|error| error.code())
}

#[test]
fn calls_are_answered_or_fail_with_their_codes() {
    run(async {
        let mut scene = scene(RpcOptions::default(), RpcOptions::default()).await;
        let rpc = &scene.caller;
        assert_eq!(call(rpc, "server", "echo").await, Ok(b"params".to_vec()));
        assert_eq!(call(rpc, "server", "nothing").await, Ok(Vec::new()));
        let failed = rpc.call("server", "fail", b"details", QoS::RealtimeProcessed).await;
        let failed = failed.expect_err("it fails");
        assert_eq!((failed.code(), failed.data()), (-7, &b"details"[..]));
        assert_eq!(call(rpc, "server", "of no such name").await, Err(-32_601));
        assert_eq!(call(rpc, "nobody", "echo").await, Err(-32_113));
        assert_eq!(call(rpc, ".broker", "benchmark.test").await, Ok(b"params".to_vec()));
        // The other way round, to a client that answers nothing.
        assert_eq!(call(&scene.server, "caller", "echo").await, Err(-32_601));
        let sent = rpc.call0("server", "tell", b"call0", QoS::Processed).await;
        sent.expect("it is written").await.expect("it arrived");
        let sent = rpc.notify("server", b"note", QoS::Processed).await;
        sent.expect("it is written").await.expect("it arrived");
        let mut heard = Vec::new();
        for _ in 0..2 {
            heard.push(scene.heard.recv().await.expect("the server goes on"));
        }
        heard.sort();
        assert_eq!(
            heard,
            [("caller".to_owned(), b"call0".to_vec()), ("caller".to_owned(), b"note".to_vec())]
        );
    });
}

#[test]
fn many_calls_at_a_time_find_their_answers() {
    run(async {
        let scene = scene(RpcOptions::default(), RpcOptions::default()).await;
        let calls: Vec<_> = (0..500u32)
            .map(|number| {
                let rpc = scene.caller.clone();
                tokio::spawn(async move {
                    let params = number.to_le_bytes();
                    let reply = rpc.call("server", "echo", &params, QoS::Processed).await;
                    assert_eq!(reply.expect("it is answered").payload(), params);
                })
            })
            .collect();
        for call in calls {
            call.await.expect("it is answered");
        }
    });
}

#[test]
fn more_calls_than_may_run_are_refused_at_once() {
    run(async {
        let few = RpcOptions { handlers_max: 2, ..RpcOptions::default() };
        let scene = scene(few, RpcOptions::default()).await;
        let waiting: Vec<_> = (0..2)
            .map(|_| {
                let rpc = scene.caller.clone();
                tokio::spawn(async move {
                    // Ends because the handler of the loop below is soon done.
                    loop {
                        match call(&rpc, "server", "wait").await {
                            Err(-32_118) => {}
                            answer => return answer,
                        }
                    }
                })
            })
            .collect();
        // Ends because both handlers run at some time.
        while call(&scene.caller, "server", "echo").await != Err(-32_118) {}
        scene.gate.add_permits(2);
        for call in waiting {
            assert_eq!(call.await.expect("it ends"), Ok(Vec::new()));
        }
    });
}

#[test]
fn an_answer_may_be_limited_and_a_caller_may_go_away() {
    run(async {
        let limit = Some(Duration::from_millis(50));
        let hasty = RpcOptions { reply_timeout: limit, ..RpcOptions::default() };
        let scene = scene(RpcOptions::default(), hasty).await;
        assert_eq!(call(&scene.caller, "server", "wait").await, Err(-32_120));
        // What comes late is for nobody.
        scene.gate.add_permits(1);
        assert_eq!(call(&scene.caller, "server", "echo").await, Ok(b"params".to_vec()));
        let taken = RpcClient::new(scene.caller.client().clone(), NoHandlers).map(drop);
        assert_eq!(taken.map_err(|it| it.kind()), Err(ErrorKind::NotSupported));
    });
}

#[test]
fn calls_end_with_the_connection() {
    run(async {
        let mut scene = scene(RpcOptions::default(), RpcOptions::default()).await;
        let rpc = scene.caller.clone();
        let waiting = tokio::spawn(async move { call(&rpc, "server", "wait").await });
        let sent = scene.caller.call0("server", "tell", b"behind it", QoS::Processed).await;
        sent.expect("it is written").await.expect("it arrived");
        scene.heard.recv().await.expect("the server goes on");
        scene.broker.stop();
        assert_eq!(waiting.await.expect("it ends"), Err(-32_255));
        assert!(!scene.caller.is_connected());
        assert_eq!(call(&scene.caller, "server", "echo").await, Err(-32_255));
    });
}
