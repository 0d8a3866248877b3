//! How connections and clients end.

use std::time::Duration;

use coilgun_protocol::model::ErrorCode;

use crate::engine::tests::world::{LONG, Mood, World};
use crate::engine::{Answer, ConnectionState, Event, RequestMode, Taken};
use crate::error::ClientError;
use crate::publication::Publication;
use crate::reconnect::Reconnect;
use crate::subscription::{SubscribeOptions, WhenFull};

#[test]
fn a_refusal_that_no_retry_mends_ends_the_client() {
    let mut world = World::new(crate::Options::with_retry_first_connect);
    world.mood = Mood::RefusesHello(ErrorCode::UnknownNamespace);
    let call = world.engine.publish_acked(world.now, &Publication::to("a"), LONG).expect("noted");
    world.connect();
    world.settle();
    assert_eq!(world.engine.state(), ConnectionState::Closed);
    let error = world.done(call).expect_err("every call ends");
    assert_eq!(error.code(), Some(ErrorCode::UnknownNamespace));
    assert!(world.engine.publish(&Publication::to("a")).is_err());
    assert!(world.engine.next_connect(world.now.plus_ms(u64::MAX)).is_none());
}

#[test]
fn a_name_that_was_ours_is_asked_for_again() {
    let mut world = World::connected();
    world.lose(ClientError::Gone);
    world.mood = Mood::RefusesHello(ErrorCode::NameTaken);
    world.connect();
    world.settle();
    assert_eq!(world.engine.state(), ConnectionState::Away);
    world.mood = Mood::Kind;
    world.connect();
    world.settle();
    assert_eq!(world.engine.state(), ConnectionState::Connected);
}

#[test]
fn a_client_gives_up_after_as_many_attempts_as_it_may() {
    let reconnect = Reconnect::default().with_attempts_max(3);
    let mut world = World::new(|options| options.with_reconnect(reconnect));
    world.connect();
    world.settle();
    world.lose(ClientError::Gone);
    let call = world.engine.flush(world.now, LONG).expect("it waits");
    for _ in 0..3 {
        world.connect();
        world.lose(ClientError::Gone);
    }
    assert_eq!(world.engine.state(), ConnectionState::Closed);
    assert!(matches!(world.done(call), Err(ClientError::Gone)));
    assert!(matches!(world.events().last(), Some(Event::Closed(ClientError::Gone))));
}

#[test]
fn a_broker_that_says_nothing_is_asked_and_then_given_up() {
    let mut world = World::connected();
    world.mood = Mood::Silent;
    world.pass(Duration::from_secs(30));
    world.engine.tick(world.now).expect("it is asked");
    assert!(world.engine.has_output());
    world.settle();
    world.pass(Duration::from_secs(30));
    let error = world.engine.tick(world.now).expect_err("it is given up");
    assert!(error.to_string().contains("sign of life"), "{error}");
    world.lose(error);
    assert_eq!(world.engine.state(), ConnectionState::Away);
}

#[test]
fn a_silent_broker_that_answers_is_kept() {
    let mut world = World::connected();
    for _ in 0..5 {
        world.pass(Duration::from_secs(30));
        world.engine.tick(world.now).expect("it answers");
        world.settle();
    }
    assert_eq!(world.engine.state(), ConnectionState::Connected);
}

#[test]
fn a_drained_client_hands_out_what_came_and_ends_its_subscriptions() {
    let mut world = World::connected();
    let id = world.subscribe("a", &SubscribeOptions::default());
    world.publish("a", "1");
    let call = world.engine.drain(world.now, LONG).expect("sent");
    world.settle();
    assert_eq!(world.done(call).expect("the barrier came back"), Answer::Done);
    assert!(!world.engine.is_drained());
    assert_eq!(world.payloads(id), ["1"]);
    assert!(world.engine.is_drained());
    let close = world.engine.close(world.now, LONG);
    world.settle();
    world.lose(ClientError::Gone);
    assert_eq!(world.done(close).expect("in good order"), Answer::Done);
    assert_eq!(world.engine.state(), ConnectionState::Closed);
}

#[test]
fn a_drain_leaves_the_inbox_alone_and_what_was_begun_behind_it() {
    let mut world = World::connected();
    let it = Publication::to("a");
    let one = RequestMode::One;
    let first = world.engine.request(world.now, &it, one, LONG).expect("sent");
    world.settle();
    assert!(world.done(first).is_err(), "nobody serves, but there is an inbox now");
    let drain = world.engine.drain(world.now, LONG).expect("sent");
    let (begun, server) =
        world.engine.subscribe(world.now, "a", &SubscribeOptions::default(), LONG).expect("sent");
    world.settle();
    assert_eq!(world.done(drain).expect("the barrier came back"), Answer::Done);
    assert_eq!(world.done(begun).expect("it is in force"), Answer::Done);
    for _ in 0..2 {
        let asked = world.engine.request(world.now, &it, one, LONG).expect("sent");
        world.settle();
        let requests = world.messages(server);
        world.engine.publish(&Publication::reply_to(&requests[0]).expect("wanted")).expect("taken");
        world.settle();
        assert!(matches!(world.done(asked), Ok(Answer::Reply(_))), "its reply has a way back");
        world.lose(ClientError::Gone);
        world.connect();
        world.settle();
    }
}

#[test]
fn a_subscription_that_was_asked_for_when_the_drain_began_ends_with_it() {
    let mut world = World::connected();
    let (begun, id) =
        world.engine.subscribe(world.now, "a", &SubscribeOptions::default(), LONG).expect("sent");
    let drain = world.engine.drain(world.now, LONG).expect("sent");
    world.settle();
    assert_eq!(world.done(begun).expect("it was in force for a moment"), Answer::Done);
    assert_eq!(world.done(drain).expect("the barrier came back"), Answer::Done);
    let mut out = std::collections::VecDeque::new();
    assert_eq!(world.engine.take_messages(id, &mut out).0, Taken::Ended);
}

#[test]
fn a_subscription_that_nobody_got_ends_although_the_broker_had_accepted_it() {
    let mut world = World::connected();
    let options = SubscribeOptions::default().with_queue(1, usize::MAX, WhenFull::StopReading);
    let (begun, _) = world.engine.subscribe(world.now, "a", &options, LONG).expect("sent");
    world.settle();
    world.publish("a", "1");
    world.settle();
    assert!(world.engine.is_reading_paused());
    world.engine.forget(begun);
    assert!(!world.engine.is_reading_paused(), "nobody could ever make room");
    world.settle();
    let acked = world.engine.publish_acked(world.now, &Publication::to("a"), LONG).expect("sent");
    world.settle();
    assert_eq!(world.done(acked).expect("answered"), Answer::Receivers(0));
}

#[test]
fn a_client_that_leaves_reads_on_although_its_queue_is_full() {
    let mut world = World::connected();
    let options = SubscribeOptions::default().with_queue(2, usize::MAX, WhenFull::StopReading);
    let id = world.subscribe("a", &options);
    for number in 0..7 {
        world.publish("a", &number.to_string());
    }
    world.settle();
    assert!(world.engine.is_reading_paused());
    world.engine.close(world.now, LONG);
    assert!(!world.engine.is_reading_paused());
    world.settle();
    assert_eq!(world.arriving.len(), 0, "the end of the connection can be read");
    assert_eq!(world.payloads(id), ["0", "1"], "what it had");
}

#[test]
fn a_broker_that_is_about_to_end_is_left_in_good_order() {
    let mut world = World::connected();
    let id = world.subscribe("a", &SubscribeOptions::default());
    world.publish("a", "1");
    world.go_away();
    world.publish("a", "2");
    world.pass(Duration::from_millis(250));
    world.engine.tick(world.now).expect("the broker lives");
    world.publish("a", "3");
    let acked = world.engine.publish_acked(world.now, &Publication::to("b"), LONG).expect("waits");
    world.settle();
    assert_eq!(world.payloads(id), ["1", "2"], "what was sent before took effect");
    world.lose(ClientError::Gone);
    world.connect();
    world.settle();
    assert_eq!(world.payloads(id), ["3"]);
    assert_eq!(world.done(acked).expect("on the next connection"), Answer::Receivers(0));
    world.engine.flush(world.now, LONG).expect("nothing is in doubt");
}

#[test]
fn calls_in_hand_keep_a_broker_that_is_about_to_end_but_not_for_ever() {
    let mut world = World::connected();
    let server = world.subscribe("a", &SubscribeOptions::default());
    let it = Publication::to("a");
    let asked = world.engine.request(world.now, &it, RequestMode::One, LONG).expect("sent");
    let unanswered = world.engine.request(world.now, &it, RequestMode::One, LONG).expect("sent");
    world.go_away();
    world.pass(Duration::from_millis(1900));
    world.engine.tick(world.now).expect("the broker lives");
    let requests = world.messages(server);
    world.engine.publish(&Publication::reply_to(&requests[0]).expect("wanted")).expect("taken");
    world.settle();
    assert!(matches!(world.done(asked), Ok(Answer::Reply(_))), "there was time for it");
    assert_eq!(world.engine.deadline(), Some(world.now.plus_ms(100)), "and no more than that");
    world.pass(Duration::from_millis(100));
    world.engine.tick(world.now).expect("the broker lives");
    world.publish("a", "late");
    world.settle();
    assert_eq!(world.messages(server).len(), 0, "it waits for the next connection");
    world.lose(ClientError::Gone);
    assert!(matches!(world.done(unanswered), Err(ClientError::Lost { .. })));
}

#[test]
fn a_client_that_is_closed_twice_still_sends_what_was_published() {
    let mut world = World::connected();
    let id = world.subscribe("a", &SubscribeOptions::default());
    world.publish("a", "1");
    let first = world.engine.close(world.now, LONG);
    let second = world.engine.close(world.now, LONG);
    assert!(world.engine.take_answer(first).is_none(), "it goes on");
    world.settle();
    world.lose(ClientError::Gone);
    for close in [first, second] {
        assert_eq!(world.done(close).expect("in good order"), Answer::Done);
    }
    assert_eq!(world.published, ["a"]);
    assert_eq!(world.payloads(id).len(), 0, "nobody listens any more");
}

#[test]
fn a_close_that_loses_messages_says_so() {
    let mut world = World::new(|options| options);
    world.publish("a", "1");
    assert!(world.engine.has_parked());
    let close = world.engine.close(world.now, LONG);
    assert!(matches!(world.done(close), Err(ClientError::Lost { .. })), "it was never connected");

    let mut world = World::connected();
    world.publish("a", "1");
    world.publish("a", "2");
    let close = world.engine.close(world.now, LONG);
    world.write(34 + 17);
    world.lose(ClientError::Gone);
    assert!(matches!(world.done(close), Err(ClientError::Lost { .. })), "one left half");

    let mut world = World::connected();
    let close = world.engine.close(world.now, LONG);
    world.lose(ClientError::Gone);
    assert_eq!(world.done(close).expect("there was nothing to lose"), Answer::Done);
}

#[test]
fn a_client_that_is_closed_while_it_moves_sends_what_came_before_and_has_no_deadline_but_its_own() {
    for wait in [Duration::ZERO, Duration::from_millis(250)] {
        let mut world = World::connected();
        world.publish("a", "1");
        world.go_away();
        world.pass(wait);
        world.engine.tick(world.now).expect("the broker lives");
        let close = world.engine.close(world.now, Duration::from_secs(5));
        assert_eq!(world.engine.deadline(), Some(world.now.plus_ms(5000)), "nothing else is due");
        world.settle();
        assert_eq!(world.published, ["a"], "it came before the end");
        world.lose(ClientError::Gone);
        assert_eq!(world.done(close).expect("in good order"), Answer::Done);
    }
}
