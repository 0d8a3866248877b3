//! Peers that subscribe and do not read, under each policy.

use std::time::Duration;

use coilgun_client::blocking::Client;
use coilgun_client::{Options, SubscribeOptions};
use coilgun_protocol::model::{ErrorCode, SlowConsumerPolicy, SlowConsumerWish, SubscriptionId};
use coilgun_protocol::native::{ClientFrame, Features, Hello, SubscribeRequest};

use super::frames;
use super::peer::{Peer, Said};
use super::scene::Scene;
use crate::process::run;

/// Messages that are published to a peer that does not read: far more than sockets hold and an
/// outbox may.
const MESSAGES: u32 = 4_000;
const PAYLOAD_BYTES: usize = 16 * 1024;

fn numbered(number: u32) -> Vec<u8> {
    let mut payload = vec![7; PAYLOAD_BYTES];
    payload[..4].copy_from_slice(&number.to_le_bytes());
    payload
}

/// Publishes all of them, each acked, to a subject that `slow` does not read from.
fn publish_all(scene: &Scene) {
    let mut publisher = Peer::open(&scene.broker);
    for number in 0..MESSAGES {
        publisher.write(&frames::publish("slow", &numbered(number)));
        assert!(matches!(publisher.next(), Said::Outcome { code: 0, .. }), "message {number}");
    }
}

/// What a peer that reads again sees: numbers, how many it is told that it missed, and notices.
fn read_all(peer: &mut Peer) -> (Vec<u32>, u64, Vec<(u16, u64)>) {
    peer.write(&frames::ping(1));
    let (mut numbers, mut missed, mut notices, mut pongs) = (Vec::new(), 0, Vec::new(), 0);
    // Ends with the second PONG: what is told when there is room again comes before it.
    while pongs < 2 {
        match peer.next() {
            Said::Deliver { payload, missed: before } => {
                numbers.push(u32::from_le_bytes(payload[..4].try_into().expect("four bytes")));
                missed += u64::from(before);
            }
            Said::Notice { code, count } => notices.push((code, count)),
            Said::Pong { .. } => {
                pongs += 1;
                peer.write(&frames::ping(2));
            }
            other @ (Said::Preface
            | Said::Welcome { .. }
            | Said::Outcome { .. }
            | Said::Error { .. }
            | Said::GoAway { .. }
            | Said::Ping { .. }
            | Said::End
            | Said::Reset) => panic!("{other:?} after {} messages", numbers.len()),
        }
    }
    (numbers, missed, notices)
}

/// A counter of the broker.
fn counter(scene: &Scene, name: &str) -> u64 {
    let text = scene.broker.run(&["request", "$SYS.COUNTERS"]).text();
    let counters: serde_json::Value = serde_json::from_str(&text).expect("it answers in JSON");
    counters[name].as_u64().expect("counters are numbers")
}

fn drops(policy: &str, code: ErrorCode, newest_first: bool) {
    let scene = Scene::set(&["--slow-consumer", policy]);
    let mut slow = Peer::open(&scene.broker);
    slow.subscribe("slow");
    publish_all(&scene);
    let (numbers, missed, notices) = read_all(&mut slow);
    let gone = u64::from(MESSAGES) - numbers.len() as u64;
    assert!(gone > 1_000, "{policy}: {gone} of {MESSAGES} are gone");
    assert_eq!(notices, [(code as u16, gone)], "{policy}");
    assert!(numbers.windows(2).all(|pair| pair[0] < pair[1]), "{policy}: in order");
    let last = MESSAGES - 1;
    assert_eq!(numbers.last() == Some(&last), newest_first, "{policy}: {:?}", numbers.last());
    // What was dropped last is told with the message that follows.
    let mut publisher = Peer::open(&scene.broker);
    publisher.write(&frames::publish("slow", &numbered(MESSAGES)));
    assert!(matches!(publisher.next(), Said::Outcome { code: 0, receivers: 1, .. }), "{policy}");
    let (after, missed_after, _) = read_all(&mut slow);
    assert_eq!((after, missed + missed_after), (vec![MESSAGES], gone), "{policy}");
    let counted = counter(&scene, "dropped_newest") + counter(&scene, "dropped_oldest");
    assert_eq!(counted, gone, "{policy}");
    drop(publisher);
    drop(slow);
    scene.end();
}

#[test]
fn drop_newest_keeps_what_came_first_and_tells() {
    drops("drop-newest", ErrorCode::DroppedNewest, false);
}

#[test]
fn drop_oldest_keeps_what_came_last_and_tells() {
    drops("drop-oldest", ErrorCode::DroppedOldest, true);
}

#[test]
fn backpressure_that_drops_waits_once() {
    drops("backpressure-drop-newest", ErrorCode::DroppedNewest, false);
    drops("backpressure-drop-oldest", ErrorCode::DroppedOldest, true);
}

#[test]
fn who_never_reads_is_cut_off_and_its_publishers_go_on() {
    for policy in ["disconnect", "backpressure"] {
        let scene = Scene::set(&["--slow-consumer", policy]);
        let mut slow = Peer::open(&scene.broker);
        slow.subscribe("slow");
        publish_all(&scene);
        let said = slow.ends("the connection");
        assert!(said.len() < MESSAGES as usize, "{policy}: {} messages came", said.len());
        assert_eq!(counter(&scene, "slow_consumers"), 1, "{policy}");
        assert_eq!(counter(&scene, "stalls") > 0, policy == "backpressure", "{policy}");
        scene.end();
    }
}

#[test]
fn a_subscription_and_a_client_declare_it_for_themselves() {
    let wish =
        SlowConsumerWish { policy: Some(SlowConsumerPolicy::DropOldest), backpressure_ms: None };
    let scene = Scene::set(&["--slow-consumer", "disconnect"]);
    let plain = Hello { features: Features::KNOWN, ..Hello::default() };
    for by_hello in [true, false] {
        let hello = if by_hello { Hello { slow_consumer: wish, ..plain } } else { plain };
        let mut slow = Peer::open_as(&scene.broker, hello);
        let request = SubscribeRequest::plain(SubscriptionId(1), b"slow");
        let slow_consumer = if by_hello { SlowConsumerWish::default() } else { wish };
        let request = SubscribeRequest { slow_consumer, ..request };
        slow.write(&frames::bytes(&ClientFrame::Subscribe(request)));
        slow.goes_on("the subscription");
        publish_all(&scene);
        let (numbers, ..) = read_all(&mut slow);
        assert_eq!(numbers.last(), Some(&(MESSAGES - 1)));
    }
    scene.end();
}

#[test]
fn a_program_that_declares_a_policy_is_told_what_it_missed() {
    let scene = Scene::set(&["--slow-consumer", "disconnect"]);
    let address = scene.broker.tcp.parse().expect("the broker names its address");
    let mut client = Client::connect(Options::new(address).without_reconnect())
        .expect("the broker takes clients");
    let policy = SubscribeOptions::default().with_slow_consumer(SlowConsumerPolicy::DropOldest);
    client.subscribe("slow", &policy).expect("the policy is one");
    publish_all(&scene);
    let mut numbers = Vec::new();
    // Ends with the newest message, which is never the one that is dropped.
    while numbers.last() != Some(&(MESSAGES - 1)) {
        let message = client.next_message(Duration::from_secs(10)).expect("it is not cut off");
        let message = message.expect("more is to come");
        let number = message.payload()[..4].try_into().expect("four bytes");
        numbers.push(u32::from_le_bytes(number));
    }
    client.flush().and_then(|()| client.flush()).expect("it is not cut off");
    let notice = client.take_notice().expect("it is told");
    let gone = u64::from(MESSAGES) - numbers.len() as u64;
    assert_eq!((notice.code, notice.count), (ErrorCode::DroppedOldest as u16, gone));
    assert_eq!(client.take_notice(), None, "once");
    drop(client);
    scene.end();
}

#[test]
fn a_policy_that_is_none_is_named_with_those_that_are() {
    for arguments in
        [&["sub", "a", "--slow-consumer", "drop"][..], &["serve", "--slow-consumer", "drop"]]
    {
        let ended = run(arguments);
        assert_eq!(ended.status, 2, "{}", ended.stderr);
        for policy in SlowConsumerPolicy::ALL {
            assert!(ended.stderr.contains(policy.name()), "{policy}: {}", ended.stderr);
        }
    }
}
