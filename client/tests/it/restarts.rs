//! A broker that goes and comes back under clients.

use std::time::{Duration, Instant};

use coilgun_client::blocking::{Client, Reply, ServeOptions};
use coilgun_client::engine::{ConnectionState, Event};
use coilgun_client::{ClientError, Options, Publication, Reconnect, SubscribeOptions};

use crate::running::Running;

const SECOND: Duration = Duration::from_secs(1);

/// How a client comes back in a test: soon.
fn soon() -> Reconnect {
    Reconnect::default().with_delays(Duration::from_millis(1), Duration::from_millis(20))
}

fn client(broker: &Running) -> Client {
    Client::connect(Options::new(broker.address()).with_reconnect(soon())).expect("let in")
}

/// Stops a broker and starts another one at its address.
fn restart(broker: Running) -> Running {
    let address = broker.address().to_string();
    broker.stop();
    Running::at(&address)
}

/// Waits in the client until it has noticed that the broker is gone.
fn notice_the_end(client: &mut Client) {
    while client.state() == ConnectionState::Connected {
        assert!(client.next_message(Duration::from_millis(1)).expect("it comes back").is_none());
    }
}

#[test]
fn subscriptions_and_what_is_published_meanwhile_outlive_the_broker() {
    let broker = Running::start();
    let (mut reader, mut writer) = (client(&broker), client(&broker));
    let orders = reader.subscribe("orders", &SubscribeOptions::default()).expect("accepted");
    writer.publish(&Publication::to("orders").with_payload("before")).expect("taken");
    writer.flush().expect("the broker answers");
    let first = reader.next_message(10 * SECOND).expect("connected").expect("it arrives");
    assert_eq!(first.payload(), b"before");
    let address = broker.address().to_string();
    broker.stop();
    notice_the_end(&mut reader);
    notice_the_end(&mut writer);
    writer.publish(&Publication::to("orders").with_payload("while away")).expect("it is kept");
    let broker = Running::at(&address);
    reader.flush().expect("it comes back, and its subscription with it");
    assert_eq!(reader.state(), ConnectionState::Connected);
    writer.flush().expect("it comes back, and sends what it kept");
    let second = reader.next_message(10 * SECOND).expect("connected").expect("it arrives");
    assert_eq!((second.payload(), second.subscription()), (&b"while away"[..], orders.id()));
    assert_eq!(reader.statistics().reconnects, 1);
    reader.close().expect("a good end");
    writer.close().expect("a good end");
    broker.stop();
}

#[test]
fn what_happened_to_the_connection_is_told_in_order() {
    let broker = Running::start();
    let mut client = client(&broker);
    let address = broker.address().to_string();
    broker.stop();
    notice_the_end(&mut client);
    let broker = Running::at(&address);
    client.flush().expect("it comes back");
    let mut events = std::iter::from_fn(|| client.take_event());
    assert!(matches!(events.next(), Some(Event::Connected { reconnects: 0, .. })));
    let rest: Vec<Event> = events.collect();
    assert!(rest.iter().any(|event| matches!(event, Event::Lost { .. })), "{rest:?}");
    assert!(matches!(rest.last(), Some(Event::Connected { reconnects: 1, .. })), "{rest:?}");
    client.close().expect("a good end");
    broker.stop();
}

#[test]
fn a_request_whose_broker_goes_is_not_waited_for() {
    let broker = Running::start();
    let mut silent = client(&broker);
    silent.subscribe("ask", &SubscribeOptions::default()).expect("accepted");
    let mut asker = client(&broker);
    let waiting = std::thread::spawn(move || {
        // An hour: the test would not end if it were waited for.
        asker.request(&Publication::to("ask"), 3600 * SECOND)
    });
    silent.next_message(10 * SECOND).expect("connected").expect("it is asked");
    let broker = restart(broker);
    let error = waiting.join().expect("it does not panic").expect_err("nobody knows");
    assert!(matches!(error, ClientError::Lost { .. }), "{error}");
    assert!(error.is_retryable() && !error.is_fatal());
    broker.stop();
}

#[test]
fn a_responder_serves_on_after_a_restart() {
    let broker = Running::start();
    let mut asker = client(&broker);
    let mut worker = client(&broker);
    let (ready, is_ready) = std::sync::mpsc::channel();
    let thread = std::thread::spawn(move || {
        worker.serve(
            "work",
            &ServeOptions::default(),
            |request| Ok(Reply::new(request.message().payload())),
            |so_far| ready.send(()).is_ok() && so_far.requests < 2,
        )
    });
    is_ready.recv().expect("it serves");
    let work = Publication::to("work").with_payload("one");
    assert_eq!(asker.request(&work, 10 * SECOND).expect("answered").payload(), b"one");
    let broker = restart(broker);
    let give_up = Instant::now() + 60 * SECOND;
    // Until the worker is back there is nobody to answer, which is said at once.
    let answered = loop {
        match asker.request(&work, 10 * SECOND) {
            Ok(reply) => break reply,
            Err(error) => assert!(error.is_retryable() && Instant::now() < give_up, "{error}"),
        }
    };
    assert_eq!(answered.payload(), b"one");
    thread.join().expect("it does not panic").expect("it served");
    broker.stop();
}

#[test]
fn a_client_that_does_not_come_back_says_why_it_ended() {
    let broker = Running::start();
    let options = Options::new(broker.address()).without_reconnect();
    let mut client = Client::connect(options).expect("let in");
    broker.stop();
    let error = client.next_message(10 * SECOND).expect_err("the broker is gone");
    assert!(error.is_fatal(), "{error}");
    let again = client.flush().expect_err("it stays so");
    assert_eq!(again.to_string(), error.to_string());
    assert_eq!(client.state(), ConnectionState::Closed);
    assert!(client.close().is_err());
}

#[test]
fn attempts_may_be_counted_and_calls_end_with_the_last() {
    let broker = Running::start();
    let reconnect = soon().with_attempts_max(3);
    let options = Options::new(broker.address()).with_reconnect(reconnect);
    let mut client = Client::connect(options).expect("let in");
    broker.stop();
    let error = client.next_message(60 * SECOND).expect_err("it gives up");
    assert!(matches!(error, ClientError::Connect { .. }), "{error}");
}

#[test]
fn a_call_waits_for_a_broker_no_longer_than_it_may() {
    let broker = Running::start();
    let options = Options::new(broker.address())
        .with_reconnect(soon())
        .with_timeout(Duration::from_millis(50));
    let mut client = Client::connect(options).expect("let in");
    broker.stop();
    notice_the_end(&mut client);
    let error = client.flush().expect_err("nobody is there");
    assert!(matches!(error, ClientError::TimedOut { .. }), "{error}");
    assert!(client.next_message(Duration::from_millis(20)).expect("it comes back").is_none());
    client.publish(&Publication::to("a")).expect("it is kept");
    let error = client.close().expect_err("what was published could not be sent");
    assert!(matches!(error, ClientError::TimedOut { .. }), "{error}");
}

#[test]
fn what_is_kept_is_bounded_and_the_first_connection_may_be_waited_for() {
    let broker = Running::start();
    let address = broker.address();
    let options = Options::new(address.clone())
        .with_reconnect(soon())
        .with_timeout(Duration::from_millis(50))
        .with_away_bytes_max(10_000);
    let mut client = Client::connect(options.clone()).expect("let in");
    broker.stop();
    notice_the_end(&mut client);
    let message = Publication::to("a").with_payload(&[7; 4_000]);
    client.publish(&message).and_then(|()| client.publish(&message)).expect("they are kept");
    let error = client.publish(&message).expect_err("there is no room for a third");
    assert!(matches!(error, ClientError::AwayFull { bytes_max: 10_000 }), "{error}");
    let patient = options.with_retry_first_connect().with_connect_timeout(60 * SECOND);
    let waiting = std::thread::spawn(move || Client::connect(patient));
    let broker = Running::at(&address.to_string());
    waiting.join().expect("it does not panic").expect("let in").close().expect("a good end");
    broker.stop();
}
