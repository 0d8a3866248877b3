//! Requests that are served, by handlers that do well and by handlers that do not.

use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;

use coilgun_client::blocking::{
    Client, HandlerError, Reply, Request, ServeOptions, ServeStatistics,
};
use coilgun_client::{ClientError, Options, Publication, SubscribeOptions};

use crate::running::Running;

const SECOND: Duration = Duration::from_secs(1);

/// Serves `work` on a thread until it has had so many requests.
fn serve(
    broker: &Running,
    count: u64,
    handler: impl FnMut(&mut Request<'_>) -> Result<Reply, HandlerError> + Send + 'static,
) -> JoinHandle<ServeStatistics> {
    let mut client = broker.client();
    let (ready, is_ready) = mpsc::channel();
    let thread = std::thread::spawn(move || {
        let options = ServeOptions::default().with_queue_group("workers");
        let goes_on = move |so_far: &ServeStatistics| {
            // Only the first look is waited for.
            let _ = ready.send(());
            so_far.requests < count
        };
        let served = client.serve("work", &options, handler, goes_on).expect("served");
        client.close().expect("a good end");
        served
    });
    is_ready.recv().expect("it serves");
    thread
}

fn ask(client: &mut Client, payload: &str) -> Result<Vec<u8>, ClientError> {
    let question = Publication::to("work").with_payload(payload);
    client.request(&question, 10 * SECOND).map(|reply| reply.payload().to_vec())
}

#[test]
fn every_outcome_of_a_handler_reaches_whoever_asked() {
    let broker = Running::start();
    let thread = serve(&broker, 5, |request| match request.message().payload() {
        b"fail" => Err(HandlerError::new(404, "no such\nthing")),
        b"panic" => panic!("planted"),
        b"bad header" => Ok(Reply::new("x").with_header("no name", "")),
        b"fine" => Ok(Reply::new("done").with_header("Kind", "plain")),
        other => Ok(Reply::new(other)),
    });
    let mut client = broker.client();
    let failed = ask(&mut client, "fail").expect_err("the handler fails");
    assert!(matches!(&failed, ClientError::Handler { code: 404, text } if text == "no such thing"));
    assert!(!failed.is_fatal() && !failed.is_retryable());
    let panicked = ask(&mut client, "panic").expect_err("the handler panics");
    assert!(
        matches!(&panicked, ClientError::Handler { code: 500, text } if !text.contains("planted"))
    );
    let bad = ask(&mut client, "bad header").expect_err("the reply cannot be sent");
    assert!(matches!(bad, ClientError::Handler { code: 500, .. }), "{bad}");
    assert_eq!(ask(&mut client, "fine").expect("answered"), b"done");
    assert_eq!(ask(&mut client, "echo").expect("answered"), b"echo");
    let served = thread.join().expect("it does not panic");
    assert_eq!((served.requests, served.errors, served.panics, served.expired), (5, 3, 1, 0));
    assert_eq!(served.last_error.expect("there was one").code, 500);
    broker.stop();
}

#[test]
fn a_reply_may_come_in_pieces() {
    let broker = Running::start();
    let thread = serve(&broker, 1, |request| {
        request.reply_more(&Reply::new("one")).expect("sent");
        request.reply_more(&Reply::new("two")).expect("sent");
        Ok(Reply::new("three"))
    });
    let mut client = broker.client();
    let mut replies = client.request_many(&Publication::to("work"), 10 * SECOND).expect("sent");
    let mut payloads = Vec::new();
    while let Some(reply) = replies.next_reply().expect("answered") {
        payloads.push(reply.into_payload());
    }
    assert_eq!(payloads, [&b"one"[..], b"two", b"three"]);
    assert_eq!(thread.join().expect("it does not panic").requests, 1);
    broker.stop();
}

#[test]
fn a_request_whose_time_is_over_is_not_answered() {
    let broker = Running::start();
    let thread = serve(&broker, 2, |request| {
        if request.message().payload() == b"slow" {
            assert!(request.deadline().is_some(), "whoever asked said how long they wait");
            // Works for as long as somebody waits, and a moment longer.
            while !request.is_expired() {
                std::hint::spin_loop();
            }
        }
        Ok(Reply::new("too late"))
    });
    let mut client = broker.client();
    let slow = Publication::to("work").with_payload("slow");
    let error = client.request(&slow, Duration::from_millis(20)).expect_err("it takes too long");
    assert!(matches!(error, ClientError::TimedOut { .. }), "{error}");
    ask(&mut client, "quick").expect("the next one is answered");
    let served = thread.join().expect("it does not panic");
    assert_eq!((served.requests, served.expired, served.errors), (2, 1, 0));
    broker.stop();
}

#[test]
fn everyone_who_answers_is_heard_until_it_is_quiet() {
    let broker = Running::start();
    let mut responders: Vec<Client> = (0..3).map(|_| broker.client()).collect();
    for responder in &mut responders {
        responder.subscribe("who", &SubscribeOptions::default()).expect("accepted");
    }
    let threads = responders.into_iter().map(|mut client| {
        std::thread::spawn(move || {
            let asked = client.next_message(10 * SECOND).expect("connected").expect("it is asked");
            let reply = Publication::reply_to(&asked).expect("it wants a reply");
            client.publish(&reply.with_payload("me")).expect("taken");
            client.close().expect("a good end");
        })
    });
    let threads: Vec<_> = threads.collect();
    let mut client = broker.client();
    let replies =
        client.request_all(&Publication::to("who"), SECOND, 10 * SECOND).expect("they answer");
    assert_eq!(replies.len(), 3);
    for thread in threads {
        thread.join().expect("it does not panic");
    }
    // An hour: the test would not end if it were waited for.
    let hour = 3600 * SECOND;
    let nobody = client.request_all(&Publication::to("nobody"), hour, hour).expect("no error");
    assert!(nobody.is_empty());
    broker.stop();
}

#[test]
fn a_drain_ends_subscriptions_and_keeps_what_arrived() {
    let broker = Running::start();
    let mut client = broker.client();
    client.subscribe("a", &SubscribeOptions::default()).expect("accepted");
    let held = client.subscribe("b", &SubscribeOptions::default()).expect("accepted");
    for subject in ["a", "b"] {
        client.publish(&Publication::to(subject)).expect("taken");
    }
    client.drain().expect("the broker answers");
    assert_eq!(client.publish_acked(&Publication::to("a")).expect("acknowledged"), 0);
    let of_held = client.next_message_of(held, Duration::ZERO).expect("connected");
    assert_eq!(of_held.expect("it arrived").subject(), b"b");
    let left = client.next_message(Duration::ZERO).expect("connected").expect("it arrived");
    assert_eq!(left.subject(), b"a");
    assert!(client.next_message(Duration::ZERO).expect("connected").is_none());
    client.close().expect("a good end");
    broker.stop();
}

#[test]
fn a_responder_that_is_dropped_serves_no_more() {
    let broker = Running::start();
    let mut client = broker.client();
    drop(client.responder("work", &ServeOptions::default()).expect("accepted"));
    client.flush().expect("the broker answers");
    let mut other = Client::connect(Options::new(broker.address())).expect("let in");
    let error = ask(&mut other, "anybody").expect_err("nobody is there");
    assert!(matches!(error, ClientError::Refused { .. }), "{error}");
    broker.stop();
}
