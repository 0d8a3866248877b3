//! One situation after the other: messages, calls and subscriptions.

use std::time::Duration;

use coilgun_protocol::model::{ErrorCode, Offset, SubscriptionId, Ticket};

use crate::engine::tests::world::{LONG, Mood, World};
use crate::engine::{Answer, Event, RequestMode};
use crate::error::ClientError;
use crate::publication::Publication;
use crate::stream::FollowOptions;
use crate::subscription::{SubscribeOptions, WhenFull};

#[test]
fn what_is_published_away_arrives_on_the_next_connection_in_order() {
    let mut world = World::connected();
    let id = world.subscribe("a", &SubscribeOptions::default());
    world.publish("a", "1");
    world.lose(ClientError::Gone);
    world.publish("a", "2");
    world.publish("a", "3");
    world.connect();
    world.publish("a", "4");
    world.settle();
    world.publish("a", "5");
    world.settle();
    assert_eq!(world.payloads(id), ["1", "2", "3", "4", "5"], "1 was never handed over");
    assert_eq!(world.engine.statistics().reconnects, 1);
}

#[test]
fn away_publishing_is_bounded_and_says_so() {
    let mut world = World::new(|options| options.with_away_bytes_max(100));
    world.publish("a", "1");
    let large = Publication::to("a").with_payload(&[0; 80]);
    let error = world.engine.publish(&large).expect_err("there is no room");
    assert!(matches!(error, ClientError::AwayFull { bytes_max: 100 }), "{error}");
    assert!(error.is_retryable() && !error.help().is_empty());
    world.connect();
    world.settle();
    world.engine.publish(&large).expect("there is room on a connection");
}

#[test]
fn a_message_that_left_half_is_sent_again_and_one_that_left_whole_is_not() {
    let mut world = World::connected();
    let id = world.subscribe("a", &SubscribeOptions::default());
    world.publish("a", "1");
    world.publish("a", "2");
    // Both frames are of one length: the first leaves whole, and half of the second.
    world.write(34 + 17);
    world.lose(ClientError::Gone);
    world.connect();
    world.settle();
    assert_eq!(world.payloads(id), ["2"]);
}

#[test]
fn s12_a_barrier_never_speaks_for_messages_of_another_connection() {
    let mut world = World::connected();
    world.publish("a", "1");
    world.write(usize::MAX);
    world.lose(ClientError::Gone);
    world.connect();
    world.settle();
    let error = world.engine.flush(world.now, LONG).expect_err("the message may be lost");
    assert!(matches!(error, ClientError::Lost { .. }) && error.is_retryable(), "{error}");
    let call = world.engine.flush(world.now, LONG).expect("it was said");
    world.settle();
    assert_eq!(world.done(call).expect("nothing is in doubt"), Answer::Done);
}

#[test]
fn a_barrier_that_fails_with_its_connection_tells_once() {
    let mut world = World::connected();
    world.publish("a", "1");
    let call = world.engine.flush(world.now, LONG).expect("it is sent");
    world.write(usize::MAX);
    world.lose(ClientError::Gone);
    assert!(matches!(world.done(call), Err(ClientError::Lost { .. })));
    world.connect();
    world.settle();
    world.engine.flush(world.now, LONG).expect("it was told already");
}

#[test]
fn calls_that_were_sent_end_with_their_connection_and_others_wait() {
    let mut world = World::connected();
    world.mood = Mood::Silent;
    let it = Publication::to("a");
    let acked = world.engine.publish_acked(world.now, &it, LONG).expect("sent");
    let asked = world.engine.request(world.now, &it, RequestMode::One, LONG).expect("sent");
    let (begun, id) =
        world.engine.subscribe(world.now, "a", &SubscribeOptions::default(), LONG).expect("sent");
    world.settle();
    world.lose(ClientError::Gone);
    for call in [acked, asked] {
        assert!(matches!(world.done(call), Err(ClientError::Lost { .. })));
    }
    assert!(world.engine.take_answer(begun).is_none(), "the next connection confirms it");
    let later = world.engine.publish_acked(world.now, &it, LONG).expect("it waits");
    world.mood = Mood::Kind;
    world.connect();
    world.settle();
    assert_eq!(world.done(begun).expect("in force"), Answer::Done);
    assert_eq!(world.done(later).expect("the inbox does not match"), Answer::Receivers(1));
    assert_eq!(world.messages(id).len(), 1);
}

#[test]
fn a_call_nobody_waits_for_any_more_is_not_sent_later() {
    let mut world = World::new(|options| options);
    let it = Publication::to("a");
    let short = Duration::from_millis(5);
    let gone = world.engine.publish_acked(world.now, &it, short).expect("it waits");
    let asked = world.engine.request(world.now, &it, RequestMode::One, LONG).expect("it waits");
    world.pass(short);
    world.engine.tick(world.now).expect("the handshake has time");
    assert!(matches!(world.done(gone), Err(ClientError::TimedOut { .. })));
    let (_, id) =
        world.engine.subscribe(world.now, "a", &SubscribeOptions::default(), LONG).expect("noted");
    world.pass(Duration::from_secs(600));
    world.connect();
    world.settle();
    let messages = world.messages(id);
    assert_eq!(messages.len(), 1, "the request, and not the message before it");
    assert_eq!(messages[0].deadline_ms(), 3_000_000 - 5, "the time that is left travels");
    let reply = Publication::reply_to(&messages[0]).expect("it wants one").with_payload("yes");
    world.engine.publish(&reply).expect("it is taken");
    world.settle();
    assert!(matches!(world.done(asked), Ok(Answer::Reply(reply)) if reply.payload() == b"yes"));
}

#[test]
fn subscriptions_come_back_with_what_is_left_of_them() {
    let mut world = World::connected();
    let options = SubscribeOptions::default().with_credit(10).with_deliveries_max(5);
    let id = world.subscribe("a", &options);
    for payload in ["1", "2"] {
        world.publish("a", payload);
    }
    world.settle();
    world.engine.add_credit(id, 1).expect("credit is offered");
    world.lose(ClientError::Gone);
    world.engine.add_credit(id, 100).expect("it is noted");
    world.connect();
    world.settle();
    assert_eq!(world.subscribed, [("a".to_owned(), 109, 3)]);
    for payload in ["3", "4", "5"] {
        world.publish("a", payload);
    }
    world.settle();
    assert_eq!(world.payloads(id), ["1", "2", "3", "4", "5"]);
    world.lose(ClientError::Gone);
    world.connect();
    world.settle();
    assert_eq!(world.subscribed, [], "it has had all its messages");
}

#[test]
fn a_subscription_that_is_refused_later_ends_with_an_event() {
    let mut world = World::connected();
    let id = world.subscribe("a", &SubscribeOptions::default());
    world.lose(ClientError::Gone);
    world.mood = Mood::RefusesSubscribe(ErrorCode::TooManySubscriptions);
    world.connect();
    world.settle();
    let code = Some(ErrorCode::TooManySubscriptions);
    assert!(world.events().iter().any(|event| matches!(
        event,
        Event::SubscriptionLost { subscription, error } if *subscription == id && error.code() == code
    )));
}

#[test]
fn s19_a_full_queue_drops_the_newest_counts_them_and_tells_once() {
    let mut world = World::connected();
    let options = SubscribeOptions::default().with_queue(2, usize::MAX, WhenFull::DropNewest);
    let id = world.subscribe("a", &options);
    for number in 0..5 {
        world.publish("a", &number.to_string());
    }
    world.settle();
    assert_eq!(world.payloads(id), ["0", "1"]);
    world.publish("a", "5");
    world.settle();
    let next = world.messages(id);
    assert_eq!((next[0].payload(), next[0].missed()), (&b"5"[..], 3));
    assert_eq!(world.engine.statistics().dropped, 3);
    let told = world.events();
    let slow = told.iter().filter(|event| matches!(event, Event::SlowConsumer { .. }));
    assert_eq!(slow.count(), 1);
}

#[test]
fn s19_a_full_queue_that_stops_reading_loses_nothing() {
    let mut world = World::connected();
    let options = SubscribeOptions::default().with_queue(2, usize::MAX, WhenFull::StopReading);
    let id = world.subscribe("a", &options);
    for number in 0..7 {
        world.publish("a", &number.to_string());
    }
    world.settle();
    assert!(world.engine.is_reading_paused());
    let mut all = Vec::new();
    for _ in 0..7 {
        all.extend(world.payloads(id));
        world.settle();
    }
    assert_eq!(all, ["0", "1", "2", "3", "4", "5", "6"]);
    assert_eq!(world.engine.statistics().dropped, 0);
}

#[test]
fn requests_end_as_their_mode_says() {
    let mut world = World::connected();
    let server = world.subscribe("a", &SubscribeOptions::default());
    let short = Duration::from_millis(50);
    let gather = RequestMode::Gather { quiet: short };
    let it = Publication::to("a");
    let many = world.engine.request(world.now, &it, RequestMode::Many, LONG).expect("sent");
    let all = world.engine.request(world.now, &it, gather, LONG).expect("sent");
    let nobody =
        world.engine.request(world.now, &Publication::to("b"), gather, LONG).expect("sent");
    world.settle();
    assert_eq!(world.done(nobody).expect("nobody is no error"), Answer::End);
    world.pass(short);
    world.engine.tick(world.now).expect("the broker lives");
    assert!(world.engine.take_answer(all).is_none(), "the first reply has the whole time");
    let requests = world.messages(server);
    for request in &requests {
        let reply = Publication::reply_to(request).expect("it wants one");
        world.engine.publish(&reply.clone().with_more()).expect("taken");
        world.engine.publish(&reply).expect("taken");
    }
    world.settle();
    for call in [many, all] {
        assert!(matches!(world.done(call), Ok(Answer::Reply(_))));
        assert!(matches!(world.done(call), Ok(Answer::Reply(_))));
    }
    assert_eq!(world.done(many).expect("the last had no more"), Answer::End);
    assert!(world.engine.take_answer(all).is_none());
    world.pass(short);
    world.engine.tick(world.now).expect("the broker lives");
    assert_eq!(world.done(all).expect("it was quiet"), Answer::End);
    let late = Publication::reply_to(&requests[1]).expect("it wants one");
    world.engine.publish(&late).expect("taken");
    world.settle();
    assert_eq!(world.engine.statistics().queued, 0, "a late reply is thrown away");
}

#[test]
fn an_acknowledged_reply_is_not_taken_for_the_request_it_answers() {
    let mut world = World::connected();
    let server = world.subscribe("a", &SubscribeOptions::default());
    let asked = world
        .engine
        .request(world.now, &Publication::to("a"), RequestMode::One, LONG)
        .expect("sent");
    world.settle();
    let requests = world.messages(server);
    let reply = Publication::reply_to(&requests[0]).expect("it wants one");
    assert_ne!(requests[0].correlation(), Ticket::NONE);
    let acked = world.engine.publish_acked(world.now, &reply, LONG).expect("sent");
    world.settle();
    assert_eq!(world.done(acked).expect("the inbox has it"), Answer::Receivers(1));
    assert!(matches!(world.done(asked), Ok(Answer::Reply(_))));
}

#[test]
fn messages_by_name_have_a_queue_from_the_beginning() {
    let mut world = World::new(|options| options.with_name("press"));
    world.connect();
    world.settle();
    assert_eq!(world.messages(SubscriptionId::NAME).len(), 0);
    assert_eq!(world.subscribed, [], "nobody subscribes to a name");
}

#[test]
fn requests_end_when_the_broker_refuses_their_inbox() {
    let mut world = World::connected();
    world.mood = Mood::RefusesSubscribe(ErrorCode::TooManySubscriptions);
    let it = Publication::to("a");
    let asked = world.engine.request(world.now, &it, RequestMode::One, LONG).expect("sent");
    world.settle();
    let error = world.done(asked).expect_err("no reply could come");
    assert_eq!(error.code(), Some(ErrorCode::TooManySubscriptions), "{error}");
    world.mood = Mood::Kind;
    let server = world.subscribe("a", &SubscribeOptions::default());
    let asked = world.engine.request(world.now, &it, RequestMode::One, LONG).expect("sent");
    world.settle();
    let requests = world.messages(server);
    world.engine.publish(&Publication::reply_to(&requests[0]).expect("wanted")).expect("taken");
    world.settle();
    assert!(matches!(world.done(asked), Ok(Answer::Reply(_))), "the next one makes another inbox");
}

#[test]
fn an_answer_in_pieces_of_which_one_found_no_room_does_not_look_whole() {
    let mut world = World::new(|options| options.with_queue(2, usize::MAX));
    world.connect();
    world.settle();
    let server = world.subscribe("a", &SubscribeOptions::default());
    let it = Publication::to("a");
    let asked = world.engine.request(world.now, &it, RequestMode::Many, LONG).expect("sent");
    world.settle();
    let requests = world.messages(server);
    let reply = Publication::reply_to(&requests[0]).expect("it wants one");
    for _ in 0..3 {
        world.engine.publish(&reply.clone().with_more()).expect("taken");
    }
    world.engine.publish(&reply).expect("taken");
    world.settle();
    for _ in 0..2 {
        assert!(matches!(world.done(asked), Ok(Answer::Reply(_))));
    }
    let error = world.done(asked).expect_err("the third is missing");
    assert!(matches!(error, ClientError::QueueFull { messages: 2, .. }), "{error}");
    assert!(world.engine.statistics().dropped >= 1);
}

#[test]
fn a_broker_without_streams_is_said_to_have_none() {
    let mut world = World::new(|options| options);
    let waiting = world.engine.list_streams(world.now, LONG).expect("nothing is known yet");
    let (from, options) = (Offset(0), FollowOptions::default());
    let (followed, _) =
        world.engine.follow(world.now, "s", 0, from, options, LONG).expect("nothing is known yet");
    world.connect();
    world.settle();
    for call in [waiting, followed] {
        let error = world.done(call).expect_err("there are none");
        assert_eq!(error.to_string(), "this broker does not offer streams");
    }
    let refused = world.engine.describe_stream(world.now, "s", LONG).expect_err("that is known");
    assert!(matches!(refused, ClientError::NotOffered("streams")), "{refused}");
    world.publish("a", "1");
    world.settle();
    assert_eq!(world.published, ["a"], "the connection goes on");
}
