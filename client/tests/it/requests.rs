//! Requests, replies, and what happens without a responder.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use coilgun_client::blocking::Client;
use coilgun_client::{ClientError, Message, Options, Publication, SubscribeOptions};
use coilgun_protocol::model::{ErrorCode, Headers, PublishFlags, SubscriptionId, Ticket};
use coilgun_protocol::native::NativeConfig;

use crate::fake_broker::FakeBroker;
use crate::misbehaviour::{deliver_frame, next_commands, welcome};
use crate::runtime::run;

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn nobody_to_answer_is_said_at_once() {
    let (broker, mut client) = FakeBroker::with_client();
    // An hour: the test would not end if the error came with the time limit only.
    let error = client
        .request(&Publication::to("nobody.here"), 3600 * SECOND)
        .expect_err("nobody is there");
    assert_eq!(error.code(), Some(ErrorCode::NoResponders));
    assert_eq!(error.to_string(), "request to nobody.here: nobody serves this subject");
    client.flush().expect("the connection stands");
    drop(client);
    broker.join();
}

#[test]
fn a_reply_carries_the_number_of_its_request() {
    let (broker, mut client) = FakeBroker::with_client();
    client.subscribe("ask", &SubscribeOptions::default()).expect("accepted");
    // The client is its own responder, which only a broker of one connection needs: the request
    // times out, and waits in the queue.
    let silent = client.request(&Publication::to("ask").with_payload(b"?"), Duration::ZERO);
    assert!(matches!(silent, Err(ClientError::TimedOut { waited_for: "reply", .. })));
    let asked = client.next_message(SECOND).expect("connected").expect("the request arrives");
    assert!(asked.is_request());
    assert_eq!(asked.deadline_ms(), 1);
    let reply = Publication::reply_to(&asked).expect("it wants a reply").with_payload(b"!");
    assert_eq!(client.publish_acked(&reply).expect("acknowledged"), 1);
    assert_eq!(client.queued_count(), 0, "a reply that comes too late is thrown away");
    let plain = Publication::to("ask");
    client.publish(&plain).expect("taken");
    let message = client.next_message(SECOND).expect("connected").expect("it arrives");
    assert!(Publication::reply_to(&message).is_none());
    drop(client);
    broker.join();
}

/// A broker that answers each request with the payloads `replies`, every one but the last with the
/// sign that more follow, and each of them first with a reply that is too late.
fn answer_requests(mut stream: TcpStream, replies: &[&[u8]]) {
    let mut session = welcome(&mut stream, NativeConfig::default());
    let mut late_subject = Vec::new();
    // Ends when the client closes the connection.
    while let Some(asked) = next_commands(&mut stream, &mut session) {
        for request in asked.requests {
            let inbox = asked.inbox.unwrap_or(SubscriptionId(1));
            if !late_subject.is_empty() {
                let late = deliver_frame(inbox, &late_subject, b"late", PublishFlags::default());
                stream.write_all(&late).expect("the client reads");
            }
            for (at, payload) in replies.iter().enumerate() {
                let is_last = at + 1 == replies.len();
                let flags = if is_last { PublishFlags::default() } else { PublishFlags::MORE };
                let frame = deliver_frame(inbox, &request.reply, payload, flags);
                stream.write_all(&frame).expect("the client reads");
            }
            late_subject = request.reply;
        }
    }
    let _ = stream.read(&mut [0]);
}

#[test]
fn the_first_reply_counts_and_late_ones_do_not() {
    let broker = FakeBroker::tcp(|stream| answer_requests(stream, &[b"one", b"two"]));
    let mut client = Client::connect(Options::new(broker.address.clone())).expect("let in");
    for _ in 0..3 {
        let reply = client.request(&Publication::to("ask"), SECOND).expect("answered");
        assert_eq!(reply.payload(), b"one");
        assert!(reply.has_more());
    }
    assert_eq!(client.queued_count(), 0);
    drop(client);
    broker.join();
}

#[test]
fn replies_come_up_to_the_last_one() {
    let broker = FakeBroker::tcp(|stream| answer_requests(stream, &[b"one", b"two", b"three"]));
    let mut client = Client::connect(Options::new(broker.address.clone())).expect("let in");
    for _ in 0..2 {
        let mut replies = client.request_many(&Publication::to("ask"), SECOND).expect("sent");
        let mut payloads = Vec::new();
        while let Some(reply) = replies.next_reply().expect("answered") {
            payloads.push(reply.into_payload());
        }
        assert_eq!(payloads, [&b"one"[..], b"two", b"three"]);
        assert!(replies.next_reply().expect("it is over").is_none());
    }
    drop(client);
    broker.join();
}

#[test]
fn a_request_has_a_number_of_its_own_even_as_a_reply() {
    let (broker, mut client) = FakeBroker::with_client();
    client.subscribe("ask", &SubscribeOptions::default()).expect("accepted");
    let first = client.request(&Publication::to("ask"), Duration::ZERO);
    let second = client.request(&Publication::to("ask"), Duration::ZERO);
    assert!(first.is_err() && second.is_err(), "nobody answers");
    let mut numbers = Vec::new();
    for _ in 0..2 {
        let asked = client.next_message(SECOND).expect("connected").expect("it arrives");
        assert_ne!(asked.correlation(), Ticket::NONE);
        assert_eq!(asked.headers(), Headers::default());
        numbers.push(asked.correlation());
    }
    assert_ne!(numbers[0], numbers[1]);
    drop(client);
    broker.join();
}

/// Answers the first request once and is gone.
fn answer_once_and_go(mut stream: TcpStream) {
    let mut opened = welcome(&mut stream, NativeConfig::default());
    let mut inbox = None;
    // Ends with the request that the test sends.
    loop {
        let asked = next_commands(&mut stream, &mut opened).expect("the client asks");
        inbox = asked.inbox.or(inbox);
        let Some(request) = asked.requests.first() else { continue };
        let inbox = inbox.expect("the inbox is subscribed to first");
        let frame = deliver_frame(inbox, &request.reply, b"one", PublishFlags::default());
        stream.write_all(&frame).expect("the client reads");
        return;
    }
}

#[test]
fn replies_that_came_before_the_connection_broke_are_not_lost() {
    let long = 60 * SECOND;
    let broker = FakeBroker::tcp(answer_once_and_go);
    let mut client = Client::connect(Options::new(broker.address.clone())).expect("let in");
    let all = client.request_all(&Publication::to("ask"), long, long).expect("one came");
    assert_eq!(all.iter().map(Message::payload).collect::<Vec<_>>(), [b"one"]);
    broker.join();
    let broker = FakeBroker::tcp(answer_once_and_go);
    run(async {
        let client = coilgun_client::Client::connect(Options::new(broker.address.clone()));
        let client = client.await.expect("let in");
        let all = client.request_all(&Publication::to("ask"), long, long).await.expect("one came");
        assert_eq!(all.iter().map(Message::payload).collect::<Vec<_>>(), [b"one"]);
    });
    broker.join();
}
