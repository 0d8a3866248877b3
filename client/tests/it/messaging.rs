//! Publishing and subscribing.

use std::time::Duration;

use coilgun_client::blocking::Client;
use coilgun_client::{ClientError, Options, Publication, SubscribeOptions};
use coilgun_protocol::model::ErrorCode;
use coilgun_protocol::native::NativeConfig;

use crate::fake_broker::{FakeBroker, echo};

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn a_message_arrives_with_all_its_parts() {
    let (broker, mut client) = FakeBroker::with_client();
    let orders = client.subscribe("orders.>", &SubscribeOptions::default()).expect("accepted");
    let order = Publication::to("orders.new")
        .with_header("Trace", b"7")
        .expect("a header")
        .with_reply("answers.here")
        .with_payload("one table");
    client.publish(&order).expect("taken");
    let message = client.next_message(SECOND).expect("connected").expect("it arrives");
    assert_eq!(message.subscription(), orders.id());
    assert_eq!(message.subject(), b"orders.new");
    assert_eq!(message.reply(), Some(&b"answers.here"[..]));
    assert_eq!(message.header("Trace"), Some(&b"7"[..]));
    assert_eq!(message.sender(), Some(&b"echo"[..]));
    assert_eq!(message.payload(), b"one table");
    assert!(client.next_message(Duration::ZERO).expect("connected").is_none());
    client.close().expect("a good end");
    broker.join();
}

#[test]
fn an_acknowledgement_counts_the_receivers() {
    let (broker, mut client) = FakeBroker::with_client();
    let news = Publication::to("news");
    assert_eq!(client.publish_acked(&news).expect("acknowledged"), 0);
    let first = client.subscribe("news", &SubscribeOptions::default()).expect("accepted");
    client.subscribe("*", &SubscribeOptions::default()).expect("accepted");
    assert_eq!(client.publish_acked(&news).expect("acknowledged"), 2);
    assert_eq!(client.queued_count(), 2, "what came before the answer waits");
    client.unsubscribe(first).expect("it was there");
    assert_eq!(client.publish_acked(&news).expect("acknowledged"), 1);
    let error = client.unsubscribe(first).expect_err("it is gone");
    assert_eq!(error.code(), Some(ErrorCode::UnknownSubscription));
    assert!(!error.is_fatal());
    drop(client);
    broker.join();
}

#[test]
fn a_refused_subscription_leaves_the_connection_alone() {
    let (broker, mut client) = FakeBroker::with_client();
    let error = client
        .subscribe("$NAME.me", &SubscribeOptions::default())
        .expect_err("names are not subscribed to");
    assert_eq!(error.code(), Some(ErrorCode::ReservedSubject));
    let error = client.subscribe("a.>.b", &SubscribeOptions::default()).expect_err("no filter");
    assert_eq!(error.code(), Some(ErrorCode::InvalidFilter));
    client.flush().expect("the connection stands");
    drop(client);
    broker.join();
}

#[test]
fn credit_is_given_by_the_caller_only() {
    let (broker, mut client) = FakeBroker::with_client();
    let few = SubscribeOptions::default().with_credit(2);
    let subscription = client.subscribe("n", &few).expect("accepted");
    for _ in 0..3 {
        client.publish(&Publication::to("n")).expect("taken");
    }
    client.flush().expect("answered");
    assert_eq!(client.queued_count(), 2);
    client.add_credit(subscription, 5).expect("taken");
    assert_eq!(client.publish_acked(&Publication::to("n")).expect("acknowledged"), 1);
    drop(client);
    broker.join();
}

#[test]
fn two_sides_that_both_want_to_write_do_not_wait_for_each_other() {
    let (broker, mut client) = FakeBroker::with_client();
    client.subscribe("bulk", &SubscribeOptions::default()).expect("accepted");
    // Far more than the buffers of two sockets hold, and the broker sends all of it back before it
    // reads on.
    let payloads: Vec<Vec<u8>> = (0..40_u8).map(|at| vec![at; 1_000_000]).collect();
    for payload in &payloads {
        client.publish(&Publication::to("bulk").with_payload(payload)).expect("taken");
    }
    for payload in &payloads {
        let message = client.next_message(10 * SECOND).expect("connected").expect("it arrives");
        assert!(message.payload() == payload, "in order and whole");
    }
    client.close().expect("a good end");
    broker.join();
}

#[test]
fn a_full_queue_says_so_and_loses_nothing() {
    let broker = FakeBroker::tcp(|stream| echo(stream, NativeConfig::default()));
    let options = Options::new(broker.address.clone()).with_queue(3, 1024);
    let mut client = Client::connect(options).expect("let in");
    client.subscribe("n", &SubscribeOptions::default()).expect("accepted");
    for at in 0..5_u8 {
        client.publish(&Publication::to("n").with_payload(&[at])).expect("taken");
    }
    let error = client.flush().expect_err("there is no room for the fourth message");
    assert!(matches!(error, ClientError::QueueFull { messages: 3, .. }), "{error}");
    assert!(error.help().contains("next_message"), "{}", error.help());
    client.keep_alive().expect("a full queue is no reason to fail here");
    for at in 0..5_u8 {
        let message = client.next_message(SECOND).expect("connected").expect("it arrives");
        assert_eq!(message.payload(), [at]);
    }
    client.flush().expect("answered");
    drop(client);
    broker.join();
}

#[test]
fn what_is_too_large_is_refused_before_it_is_sent() {
    let broker = FakeBroker::tcp(|stream| {
        echo(stream, NativeConfig { payload_bytes_max: 10, ..NativeConfig::default() });
    });
    let mut client = Client::connect(Options::new(broker.address.clone())).expect("let in");
    let error = client
        .publish(&Publication::to("n").with_payload(&[0; 11]))
        .expect_err("the broker said its limit");
    assert!(matches!(error, ClientError::PayloadTooLarge { bytes: 11, bytes_max: 10 }), "{error}");
    client.publish(&Publication::to("n").with_payload(&[0; 10])).expect("taken");
    client.flush().expect("the connection stands");
    drop(client);
    broker.join();
}
