//! The async client with a broker that goes, and comes back or does not.

use std::net::TcpListener;
use std::sync::mpsc::Receiver;
use std::time::Duration;

use coilgun_client::{
    Client, ClientError, ConnectionState, Event, Events, Options, Publication, Reconnect, Reply,
    Request, ServeOptions, SubscribeOptions,
};
use coilgun_protocol::model::ErrorCode;
use coilgun_protocol::native::NativeConfig;

use crate::misbehaviour::{next_commands, welcome};
use crate::real_broker::RealBroker;
use crate::runtime::run;

const LONG: Duration = Duration::from_secs(30);

fn quick(options: Options) -> Options {
    let delay = Duration::from_millis(10);
    options.with_reconnect(Reconnect::default().with_delays(delay, delay))
}

async fn wait_for(events: &mut Events, is_it: impl Fn(&Event) -> bool) -> Event {
    while let Some(event) = events.next().await {
        if is_it(&event) {
            return event;
        }
    }
    panic!("the client ended before");
}

#[test]
fn clients_come_back_to_a_broker_that_was_started_again() {
    run(async {
        let mut broker = RealBroker::start();
        let writer = Client::connect(quick(broker.options())).await.expect("let in");
        let reader = Client::connect(quick(broker.options())).await.expect("let in");
        let mut all = reader.subscribe("a", &SubscribeOptions::default()).await.expect("valid");
        let echo = |request: Request| async move { Ok(Reply::new(request.payload())) };
        let responder =
            reader.serve("echo", &ServeOptions::default(), echo).await.expect("it serves");
        let (mut events, mut reader_events) = (writer.events(), reader.events());
        writer.publish(&Publication::to("a").with_payload(b"before")).await.expect("taken");
        writer.flush().await.expect("answered");
        assert_eq!(all.next().await.expect("it was delivered").payload(), b"before");

        broker.stop();
        wait_for(&mut events, |event| matches!(event, Event::Lost { .. })).await;
        wait_for(&mut reader_events, |event| matches!(event, Event::Lost { .. })).await;
        assert_eq!(writer.state(), ConnectionState::Away);
        let waits = tokio::spawn({
            let writer = writer.clone();
            async move { writer.request(&Publication::to("late").with_payload(b"?"), LONG).await }
        });
        broker.start_again();
        wait_for(&mut reader_events, |event| matches!(event, Event::Connected { .. })).await;
        reader.flush().await.expect("nothing was in doubt");
        writer.publish(&Publication::to("a").with_payload(b"after")).await.expect("taken");
        writer.flush().await.expect("what was flushed before is in no doubt");
        assert_eq!(all.next().await.expect("it was delivered").payload(), b"after");
        let reply = writer.request(&Publication::to("echo").with_payload(b"hi"), LONG).await;
        assert_eq!(reply.expect("it serves again").payload(), b"hi");
        let error = waits.await.expect("no panic").expect_err("nobody serves it");
        assert_eq!(error.code(), Some(ErrorCode::NoResponders), "it waited for the connection");
        assert_eq!(writer.statistics().reconnects, 1);
        assert_eq!(responder.statistics().requests, 1);
    });
}

#[test]
fn what_is_published_away_arrives_when_the_broker_is_back() {
    run(async {
        let mut broker = RealBroker::start();
        let client = Client::connect(quick(broker.options())).await.expect("let in");
        let mut all = client.subscribe("a", &SubscribeOptions::default()).await.expect("valid");
        let mut events = client.events();
        broker.stop();
        wait_for(&mut events, |event| matches!(event, Event::Lost { .. })).await;
        for number in 0..100_u8 {
            client
                .publish(&Publication::to("a").with_payload(&[number]))
                .await
                .expect("it is kept");
        }
        broker.start_again();
        for number in 0..100_u8 {
            assert_eq!(all.next().await.expect("it was sent").payload(), [number]);
        }
    });
}

#[test]
fn s21_a_broker_that_goes_and_comes_in_the_middle_of_traffic_brings_nothing_twice() {
    run(async {
        let mut broker = RealBroker::start();
        let client = Client::connect(quick(broker.options())).await.expect("let in");
        let mut all = client.subscribe("a", &SubscribeOptions::default()).await.expect("valid");
        let mut events = client.events();
        let (writer, mut number) = (client.clone(), 0_u64);
        let mut received = Vec::new();
        for _ in 0..4 {
            for _ in 0..20_000 {
                let payload = number.to_le_bytes();
                writer.publish(&Publication::to("a").with_payload(&payload)).await.expect("taken");
                number += 1;
            }
            broker.stop();
            broker.start_again();
            wait_for(&mut events, |event| matches!(event, Event::Connected { .. })).await;
            while let Some(message) = all.try_next() {
                received.push(u64::from_le_bytes(message.payload().try_into().expect("a number")));
            }
        }
        // What went with a connection is in doubt, and the barrier says so once.
        if let Err(error) = writer.flush().await {
            assert!(matches!(error, ClientError::Lost { .. }), "{error}");
        }
        writer
            .publish(&Publication::to("a").with_payload(&u64::MAX.to_le_bytes()))
            .await
            .expect("ok");
        while received.last() != Some(&u64::MAX) {
            let message = all.next().await.expect("the last one arrives");
            received.push(u64::from_le_bytes(message.payload().try_into().expect("a number")));
        }
        assert!(received.windows(2).all(|pair| pair[0] < pair[1]), "in order, and once");
    });
}

#[test]
fn a_broker_that_never_comes_back_ends_every_call() {
    run(async {
        let mut broker = RealBroker::start();
        let delay = Duration::from_millis(1);
        let reconnect = Reconnect::default().with_delays(delay, delay).with_attempts_max(3);
        let options = broker.options().with_reconnect(reconnect);
        let client = Client::connect(options).await.expect("let in");
        let mut all = client.subscribe("a", &SubscribeOptions::default()).await.expect("valid");
        let mut events = client.events();
        let asked = tokio::spawn({
            let client = client.clone();
            async move { client.request(&Publication::to("a"), LONG).await }
        });
        assert!(all.next().await.is_some(), "the request reached the client itself");
        broker.stop();
        assert!(matches!(asked.await.expect("no panic"), Err(ClientError::Lost { .. })));
        let closed = wait_for(&mut events, |event| matches!(event, Event::Closed(_))).await;
        assert!(matches!(closed, Event::Closed(ClientError::Connect { .. })), "{closed:?}");
        assert!(events.next().await.is_none() && all.next().await.is_none());
        for result in [client.publish(&Publication::to("a")).await, client.flush().await] {
            let error = result.expect_err("the client has ended");
            assert!(matches!(error, ClientError::Connect { .. }) && !error.help().is_empty());
        }
        assert_eq!(client.state(), ConnectionState::Closed);
    });
}

#[test]
fn refusals_that_no_retry_mends_are_final() {
    run(async {
        let broker = RealBroker::start();
        let eve = broker.options().with_credentials("eve", b"hush").with_retry_first_connect();
        let error = Client::connect(eve).await.expect_err("not with these credentials");
        assert!(!error.is_retryable() && error.code().is_some(), "{error}");
        let lost = broker.options().with_namespace("nowhere").with_retry_first_connect();
        let error = Client::connect(lost).await.expect_err("there is no such namespace");
        assert_eq!(error.code(), Some(ErrorCode::UnknownNamespace));
    });
}

#[test]
fn a_first_connection_fails_at_once_or_is_tried_until_it_stands() {
    run(async {
        let mut broker = RealBroker::start();
        broker.stop();
        let error = Client::connect(broker.options()).await.expect_err("nobody is there");
        assert!(matches!(error, ClientError::Connect { .. }), "{error}");
        let options = quick(broker.options()).with_retry_first_connect();
        let connecting = tokio::spawn(Client::connect(options));
        broker.start_again();
        let client = connecting.await.expect("no panic").expect("it is let in");
        client.flush().await.expect("answered");
        // A second address is as good as the first.
        let mut options = broker.options();
        let good = core::mem::replace(
            &mut options.address,
            coilgun_client::Address::Unix("/nowhere".into()),
        );
        Client::connect(options.with_address(good)).await.expect("the second address answers");
    });
}

#[test]
fn a_broker_that_shuts_down_says_so_and_is_left_when_it_ends() {
    run(async {
        let mut broker = RealBroker::start();
        let client = Client::connect(quick(broker.options())).await.expect("let in");
        let mut events = client.events();
        // It waits for its clients for a while, so it drains on a thread.
        let draining = std::thread::spawn(move || {
            broker.drain();
            broker
        });
        let said = wait_for(&mut events, |event| matches!(event, Event::GoingAway(_))).await;
        assert!(
            matches!(said, Event::GoingAway(why) if why.code == ErrorCode::ShuttingDown as u16)
        );
        let lost = wait_for(&mut events, |event| matches!(event, Event::Lost { .. })).await;
        assert!(matches!(lost, Event::Lost { error: ClientError::Ended(_), .. }), "{lost:?}");
        let mut broker = draining.join().expect("it drained");
        broker.start_again();
        wait_for(&mut events, |event| matches!(event, Event::Connected { .. })).await;
        client.flush().await.expect("it is back");
    });
}

/// A broker that goes when the test says so, and comes back so; it says when a message has come.
fn goes_and_comes_back(told: Receiver<()>) -> (Options, Receiver<()>) {
    let (says, said) = std::sync::mpsc::channel();
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = listener.local_addr().expect("it is bound").to_string();
    std::thread::spawn(move || {
        let mut stream = listener.accept().expect("the client connects").0;
        drop(welcome(&mut stream, NativeConfig::default()));
        told.recv().expect("the test says when");
        drop(stream);
        told.recv().expect("the test says when");
        let mut stream = listener.accept().expect("the client comes back").0;
        let mut opened = welcome(&mut stream, NativeConfig::default());
        // Ends when the message comes, or fails with the connection.
        while next_commands(&mut stream, &mut opened).expect("it comes").requests.is_empty() {}
        says.send(()).expect("the test listens");
    });
    (quick(Options::new(coilgun_client::Address::Tcp(address))), said)
}

#[test]
fn what_was_published_away_is_sent_although_the_client_was_closed_or_dropped_there() {
    run(async {
        for is_closed in [true, false] {
            let (tell, told) = std::sync::mpsc::channel();
            let (options, came) = goes_and_comes_back(told);
            let client = Client::connect(options).await.expect("let in");
            let mut events = client.events();
            tell.send(()).expect("it listens");
            wait_for(&mut events, |event| matches!(event, Event::Lost { .. })).await;
            let it = Publication::to("a").with_reply("b");
            client.publish(&it).await.expect("it is kept");
            if is_closed {
                let close = tokio::spawn(async move { client.close().await });
                tell.send(()).expect("it listens");
                close.await.expect("no panic").expect("what was published is sent before");
            } else {
                drop(client);
                tell.send(()).expect("it listens");
            }
            wait_for(&mut events, |event| matches!(event, Event::Closed(ClientError::Closed)))
                .await;
            came.recv_timeout(LONG).expect("the message comes");
        }
    });
}
