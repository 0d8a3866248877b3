//! Streams: what waits for a connection, and followers that begin again.

use std::time::Duration;

use coilgun_protocol::model::{
    ErrorCode, Follow, FollowEnded, FollowId, Offset, Outcome, StreamCommand, StreamEvent, Ticket,
};

use coilgun_protocol::model::Event as Told;

use crate::engine::tests::world::{Asked, LONG, World};
use crate::engine::{Answer, Call, TakenRecord};
use crate::error::ClientError;
use crate::stream::{AppendOptions, Batch, FollowOptions, Record};

fn batch(text: &str) -> Batch {
    Batch::of(&Record::new(text)).expect("it is small")
}

fn append_unacked(world: &mut World, text: &str) {
    let options = AppendOptions::default();
    world.engine.append_unacked("s", &batch(text), &options).expect("there is room");
}

fn follow(world: &mut World) -> (Call, FollowId) {
    let options = FollowOptions::default();
    world.engine.follow(world.now, "s", 0, Offset(0), options, LONG).expect("it may read")
}

/// The latest FOLLOW that came, with how many there were.
fn last_follow(world: &World) -> (Follow, usize) {
    let follows = world.asked.iter().filter_map(|asked| match asked {
        Asked::Stream(StreamCommand::Follow(follow)) => Some(*follow),
        Asked::Stream(_) | Asked::Barrier => None,
    });
    let all: Vec<_> = follows.collect();
    (*all.last().expect("one came"), all.len())
}

fn answer(world: &mut World, ticket: Ticket, code: ErrorCode) {
    let outcome = Outcome { ticket, code, receivers: 0, is_starved: false };
    world.tell(&Told::Outcome(outcome));
}

fn end_of(follow: FollowId) -> FollowEnded {
    let (next_offset, first_offset, end_offset) = (Offset(0), Offset(0), Offset(0));
    FollowEnded { follow, code: ErrorCode::Ok, next_offset, first_offset, end_offset }
}

#[test]
fn a_client_that_is_closed_away_says_that_appends_are_lost() {
    let mut world = World::new(|options| options);
    append_unacked(&mut world, "x");
    assert!(world.engine.has_parked() && world.engine.statistics().output_bytes > 0);
    let close = world.engine.close(world.now, LONG);
    assert!(matches!(world.done(close), Err(ClientError::Lost { .. })), "it never left");
}

#[test]
fn a_barrier_stays_behind_the_appends_before_it() {
    let mut world = World::new(|options| options);
    world.has_streams = true;
    append_unacked(&mut world, "a");
    let options = AppendOptions::default();
    world.engine.append(world.now, "s", &batch("b"), &options, LONG).expect("it waits");
    let flush = world.engine.flush(world.now, LONG).expect("it waits");
    world.connect();
    world.settle();
    assert_eq!(world.done(flush).expect("the barrier came back"), Answer::Done);
    let kinds: Vec<_> = world.asked.iter().map(|asked| *asked == Asked::Barrier).collect();
    assert_eq!(kinds, [false, false, true]);
}

#[test]
fn an_append_without_an_answer_is_kept_or_in_doubt_as_what_is_published() {
    let mut world = World::with_streams();
    append_unacked(&mut world, "never left");
    world.lose(ClientError::Gone);
    world.connect();
    world.settle();
    assert_eq!(world.asked.len(), 1, "it goes out on the next connection");
    world.lose(ClientError::Gone);
    world.connect();
    world.settle();
    let error = world.engine.flush(world.now, LONG).expect_err("nobody knows of it");
    assert!(matches!(error, ClientError::Lost { .. }), "{error}");
    world.has_streams = false;
    world.lose(ClientError::Gone);
    append_unacked(&mut world, "for nobody");
    world.connect();
    world.settle();
    assert_eq!((world.asked.len(), world.engine.statistics().unsendable), (1, 1));
}

#[test]
fn what_nobody_waits_for_any_more_leaves_its_room_to_others() {
    let mut world = World::new(|options| options.with_away_bytes_max(200));
    let options = AppendOptions::default();
    let short = Duration::from_millis(5);
    let large = batch(&"x".repeat(80));
    for round in 0..10 {
        let call = world.engine.append(world.now, "s", &large, &options, short);
        let call = call.expect("the ones before are gone");
        let full = world.engine.append(world.now, "s", &large, &options, short);
        assert!(matches!(full, Err(ClientError::AwayFull { bytes_max: 200 })), "{full:?}");
        if round % 2 == 0 {
            world.engine.forget(call);
        }
        world.pass(short);
        world.engine.tick(world.now).expect("nothing is connected");
        assert!(!world.engine.has_parked());
    }
}

#[test]
fn a_broker_that_has_not_said_what_it_has_hears_nothing_of_followers() {
    let mut world = World::with_streams();
    let ((_, dropped), (_, drained)) = (follow(&mut world), follow(&mut world));
    world.settle();
    world.lose(ClientError::Gone);
    world.has_streams = false;
    world.connect();
    world.engine.drop_follower(dropped);
    world.engine.drain(world.now, LONG).expect("it goes on");
    assert!(matches!(world.engine.take_record(drained), TakenRecord::Failed(_)));
    // A broker without streams ends a connection on which it hears of some.
    world.settle();
    assert_eq!(world.asked.len(), 3, "two followers before, and the barrier of the drain");
}

#[test]
fn a_follower_that_the_broker_has_no_room_for_begins_again_later() {
    let mut world = World::with_streams();
    let (call, follower) = follow(&mut world);
    world.settle();
    let (asked, _) = last_follow(&world);
    answer(&mut world, asked.ticket, ErrorCode::Ok);
    assert_eq!(world.done(call).expect("it reads"), Answer::Done);
    world.lose(ClientError::Gone);
    world.connect();
    world.settle();
    for round in 2..5 {
        let (again, count) = last_follow(&world);
        assert_eq!((again.follow, count), (follower, round));
        answer(&mut world, again.ticket, ErrorCode::StreamBusy);
        assert!(matches!(world.engine.take_record(follower), TakenRecord::Nothing));
        assert_eq!(world.engine.deadline(), Some(world.now.plus_ms(100)));
        world.pass(Duration::from_millis(100));
        world.engine.tick(world.now).expect("the broker lives");
        world.settle();
    }
    let (last, count) = last_follow(&world);
    assert_eq!(count, 5);
    answer(&mut world, last.ticket, ErrorCode::UnknownStream);
    let ended = world.engine.take_record(follower);
    let TakenRecord::Failed(error) = ended else { panic!("trying again is in vain: {ended:?}") };
    assert_eq!(error.code(), Some(ErrorCode::UnknownStream));
}

#[test]
fn an_end_that_overtakes_the_answer_to_its_follower_is_an_answer() {
    let mut world = World::with_streams();
    let (call, follower) = follow(&mut world);
    world.settle();
    world.tell(&Told::Stream(StreamEvent::FollowEnded(end_of(follower))));
    assert_eq!(world.done(call).expect("it was read"), Answer::Done);
    world.lose(ClientError::Gone);
    world.connect();
    world.settle();
    assert_eq!(last_follow(&world).1, 1, "nothing more comes");
    assert!(matches!(world.engine.take_record(follower), TakenRecord::End));
}
