//! One shard on a simulated kernel: what clients see.

use coilgun_protocol::model::{ErrorCode, PublishFlags, SubscriptionId, limits};
use coilgun_protocol::native::{ClientFrame, Hello, PublishFrame, SubscribeRequest};
use coilgun_server::env::sim::{Faults, SimWorld};
use coilgun_server::setup::MemoryPlan;
use coilgun_server::shard::{Control, ShardSettings};

use crate::native_peer::{SimBroker, plan, ticketed};

fn broker() -> SimBroker {
    SimBroker::new(SimWorld::new(1, Faults::none()), &plan(), ShardSettings::default())
}

const OK: u16 = ErrorCode::Ok as u16;

#[test]
fn a_message_reaches_those_who_want_it() {
    let mut broker = broker();
    let (mut alice, mut bob) = (broker.open("alice"), broker.open("bob"));
    alice.subscribe(1, "orders.*", "");
    alice.subscribe(2, "orders.>", "");
    broker.barrier(&mut alice);
    let ack = PublishFrame { flags: PublishFlags::ACK, ..ticketed("orders.new", b"42", 9) };
    bob.publish_with(ack);
    bob.publish("other", b"nobody wants this");
    broker.barrier(&mut bob);
    broker.barrier(&mut alice);
    assert_eq!(bob.outcomes, [(9, OK, 2)], "two subscriptions got it");
    let got: Vec<u64> = alice.seen.iter().map(|seen| seen.subscription).collect();
    assert_eq!(got, [1, 2]);
    assert_eq!(alice.seen[0].payload, b"42");
    assert_eq!(alice.seen[0].sender, b"bob");
    assert_eq!(alice.seen[0].correlation, 9);
    assert!(bob.seen.is_empty());
}

#[test]
fn a_request_is_answered_or_refused_at_once() {
    let mut broker = broker();
    let (mut asker, mut server) = (broker.open(""), broker.open(""));
    let request = |ticket| PublishFrame {
        flags: PublishFlags::REQUEST,
        reply: b"_INBOX.asker",
        ..ticketed("math.add", b"1 1", ticket)
    };
    asker.subscribe(1, "_INBOX.asker", "");
    asker.publish_with(request(1));
    broker.barrier(&mut asker);
    assert_eq!(asker.outcomes, [(1, ErrorCode::NoResponders as u16, 0)]);
    server.subscribe(7, "math.*", "servers");
    broker.barrier(&mut server);
    asker.publish_with(request(2));
    broker.until(&mut server, |server| server.seen.len() == 1);
    let got = server.seen[0].clone();
    assert_eq!((got.reply.as_slice(), got.correlation), (b"_INBOX.asker".as_slice(), 2));
    let reply = String::from_utf8(got.reply).expect("the subject is text");
    server.publish_with(ticketed(&reply, b"2", got.correlation));
    broker.until(&mut asker, |asker| asker.seen.len() == 1);
    assert_eq!((asker.seen[0].payload.as_slice(), asker.seen[0].correlation), (&b"2"[..], 2));
    assert_eq!(asker.outcomes.len(), 1, "a request that is served owes nothing else");
}

#[test]
fn clients_are_reached_by_name() {
    let mut broker = broker();
    let (mut a, mut b) = (broker.open("team.a"), broker.open("team.b"));
    let mut other = broker.open("other");
    other.publish("$NAME.team.a", b"only a");
    let to = |mask, ticket| PublishFrame {
        flags: PublishFlags::BROADCAST.with(PublishFlags::ACK),
        ..ticketed(mask, b"all of you", ticket)
    };
    other.publish_with(to("team.*", 1));
    other.publish_with(to(">", 2));
    broker.barrier(&mut other);
    broker.barrier(&mut a);
    broker.barrier(&mut b);
    assert_eq!(other.outcomes, [(1, OK, 2), (2, OK, 3)]);
    assert_eq!(a.payloads(), [&b"only a"[..], b"all of you", b"all of you"]);
    assert_eq!(b.payloads(), [b"all of you", b"all of you"]);
    assert_eq!(a.seen[0].subscription, SubscriptionId::NAME.0);
    let mut twin = broker.connect(1000);
    twin.hello("team.a");
    broker.until(&mut twin, |twin| twin.has_error(ErrorCode::NameTaken));
}

#[test]
fn who_may_not_come_in_is_told_why() {
    let mut broker = broker();
    for (hello, code) in [
        (Hello { namespace: b"nowhere", ..Hello::default() }, ErrorCode::UnknownNamespace),
        (Hello { user: b"root", ..Hello::default() }, ErrorCode::CredentialsNotAccepted),
        (Hello { name: b"a..b", ..Hello::default() }, ErrorCode::InvalidName),
    ] {
        let mut peer = broker.connect(10_000);
        peer.hello_with(hello);
        broker.until(&mut peer, |peer| peer.has_error(code));
        broker.world.end(peer.id);
        broker.turns(5);
        assert!(broker.world.broker_closed(peer.id), "{code:?}");
    }
    assert_eq!(broker.shard.counters().refused, 3);
    assert_eq!(broker.shard.net().socket_count(), 0);
}

#[test]
fn connections_beyond_the_limit_are_told_so_and_go() {
    let settings = ShardSettings { connections_max: 2, ..ShardSettings::default() };
    let mut broker = SimBroker::new(SimWorld::new(1, Faults::none()), &plan(), settings);
    let _two = [broker.open("a"), broker.open("b")];
    let mut third = broker.connect(10_000);
    third.hello("c");
    broker.until(&mut third, |third| third.has_error(ErrorCode::TooManyConnections));
}

/// Bytes that are no frame end this connection, and no other.
#[test]
fn nonsense_ends_the_connection_that_sent_it() {
    let mut broker = broker();
    let mut good = broker.open("good");
    good.subscribe(1, "x", "");
    broker.barrier(&mut good);
    let mut bad = broker.open("bad");
    bad.publish("x", b"before");
    bad.write(&[0xFF; 64]);
    broker.until(&mut bad, |bad| !bad.errors.is_empty());
    broker.until(&mut good, |good| good.seen.len() == 1);
    let mut rude = broker.connect(1000);
    rude.write(b"GET / HTTP/1.1\r\n\r\n");
    broker.turns(10);
    assert!(broker.world.broker_ended(rude.id));
    broker.barrier(&mut good);
    assert_eq!(broker.shard.counters().protocol_errors, 2);
    rude.read(usize::MAX);
}

#[test]
pub(crate) fn s18_s19_a_slow_reader_holds_its_publisher_back_and_loses_nothing() {
    let world = SimWorld::new(1, Faults::none());
    let settings = ShardSettings { outbox_high_bytes: 100_000, ..ShardSettings::default() };
    let mut broker = SimBroker::new(world, &plan(), settings);
    let mut slow = broker.connect(2_000);
    slow.hello("slow");
    broker.until(&mut slow, |slow| slow.is_open);
    slow.subscribe(1, "x", "");
    broker.barrier(&mut slow);
    let mut fast = broker.open("fast");
    let mut other = broker.open("other");
    for number in 0..4_000u32 {
        fast.publish("x", &[&number.to_le_bytes()[..], &[7; 200]].concat());
    }
    let token = fast.ping();
    broker.turns(200);
    fast.read(usize::MAX);
    assert!(!fast.pongs.contains(&token), "the publisher waits");
    assert!(broker.shard.counters().stalls > 0);
    let waiting = broker.shard.counters().deliveries;
    assert!(waiting < 1_000, "{waiting} deliveries are more than the outbox may hold");
    broker.barrier(&mut other);
    for _ in 0..2_000 {
        slow.read(2_000);
        broker.turn();
    }
    broker.until(&mut fast, |fast| fast.pongs.contains(&token));
    let numbers: Vec<u32> = slow
        .seen
        .iter()
        .map(|seen| u32::from_le_bytes(seen.payload[..4].try_into().expect("four bytes")))
        .collect();
    assert!(numbers.iter().copied().eq(0..4_000), "in order, each once");
    assert_eq!(broker.shard.counters().slow_consumers, 0);
}

#[test]
fn s19_a_reader_that_never_reads_is_cut_off_and_its_publishers_go_on() {
    let world = SimWorld::new(1, Faults::none());
    let settings = ShardSettings { outbox_high_bytes: 100_000, ..ShardSettings::default() };
    let mut broker = SimBroker::new(world, &plan(), settings);
    let mut dead = broker.connect(2_000);
    dead.hello("dead");
    broker.until(&mut dead, |dead| dead.is_open);
    dead.subscribe(1, "x", "");
    broker.barrier(&mut dead);
    let mut alive = broker.open("alive");
    alive.subscribe(1, "x", "");
    broker.barrier(&mut alive);
    let mut fast = broker.open("fast");
    (0..2_000).for_each(|_| fast.publish("x", &[7; 500]));
    let token = fast.ping();
    for _ in 0..200 {
        broker.turn();
        alive.read(usize::MAX);
    }
    fast.read(usize::MAX);
    assert!(!fast.pongs.contains(&token), "the publisher waits");
    broker.world.advance_ms(limits::BACKPRESSURE_MS_MAX - 1);
    broker.turns(5);
    assert!(!broker.world.broker_closed(dead.id), "it still has a millisecond");
    broker.world.advance_ms(1);
    for _ in 0..500 {
        broker.turn();
        alive.read(usize::MAX);
    }
    assert!(broker.world.broker_closed(dead.id));
    broker.until(&mut fast, |fast| fast.pongs.contains(&token));
    assert_eq!(alive.seen.len(), 2_000, "who reads gets everything");
    assert_eq!(broker.shard.counters().slow_consumers, 1);
    assert_eq!(broker.shard.router().counts().clients, 2);
}

/// Two clients that publish to each other and do not read would wait for each other for ever.
#[test]
fn s19_a_circle_of_waiting_clients_is_broken() {
    let settings = ShardSettings { outbox_high_bytes: 50_000, ..ShardSettings::default() };
    let mut broker = SimBroker::new(SimWorld::new(1, Faults::none()), &plan(), settings);
    let [mut a, mut b] = ["a", "b"].map(|name| {
        let mut peer = broker.connect(1_000);
        peer.hello(name);
        broker.until(&mut peer, |peer| peer.is_open);
        peer.subscribe(1, name, "");
        broker.barrier(&mut peer);
        peer
    });
    for _ in 0..2_000 {
        a.publish("b", &[1; 100]);
        b.publish("a", &[2; 100]);
    }
    broker.turns(100);
    assert!(broker.shard.counters().stalls >= 2);
    broker.world.advance_ms(limits::BACKPRESSURE_MS_MAX);
    broker.turns(100);
    assert!(broker.shard.counters().slow_consumers >= 1);
    let mut other = broker.open("other");
    broker.barrier(&mut other);
    a.read(0);
    b.read(0);
}

/// S23: a flood on one connection does not keep another waiting for more than a few turns.
#[test]
fn s23_a_flood_leaves_others_their_turn() {
    let plan = MemoryPlan { receive_blocks: 32, ..plan() };
    let world = SimWorld::new(1, Faults::none());
    let mut broker = SimBroker::new(world, &plan, ShardSettings::default());
    let flood = broker.open("flood");
    let mut quiet = broker.open("quiet");
    (0..100_000).for_each(|_| flood.publish("nobody", b"flood"));
    broker.turns(3);
    let token = quiet.ping();
    broker.turns(4);
    quiet.read(usize::MAX);
    assert!(quiet.pongs.contains(&token));
    let behind = broker.shard.counters().messages;
    assert!(behind < 50_000, "the flood was not served whole before: {behind}");
}

#[test]
fn credit_limits_what_is_delivered() {
    let mut broker = broker();
    let (mut reader, mut writer) = (broker.open(""), broker.open(""));
    let plain = SubscribeRequest::plain(SubscriptionId(1), b"x");
    reader.subscribe_with(SubscribeRequest { credit: 2, ..plain });
    broker.barrier(&mut reader);
    (0..5u8).for_each(|number| writer.publish("x", &[number]));
    broker.barrier(&mut writer);
    let credit =
        coilgun_protocol::model::AddCredit { subscription: SubscriptionId(1), messages: 10 };
    reader.send(&ClientFrame::Credit(credit));
    broker.barrier(&mut reader);
    writer.publish("x", &[5]);
    broker.barrier(&mut writer);
    broker.barrier(&mut reader);
    assert_eq!(reader.payloads(), [[0], [1], [5]]);
    assert_eq!(reader.seen[2].missed, 3);
}

#[test]
fn silence_is_asked_about_and_then_ended() {
    let mut broker = broker();
    let mut lively = broker.open("lively");
    let dead = broker.open("dead");
    let late = broker.connect(1_000);
    broker.turns(5);
    broker.world.advance_ms(limits::HANDSHAKE_MS_MAX);
    broker.turns(10);
    assert!(broker.world.broker_ended(late.id), "no handshake in time");
    for _ in 0..=limits::PINGS_UNANSWERED_MAX {
        broker.world.advance_ms(limits::PING_INTERVAL_MS);
        broker.turns(10);
        lively.read(usize::MAX);
        broker.turns(10);
    }
    assert!(broker.world.broker_ended(dead.id), "no sign of life");
    broker.barrier(&mut lively);
}

#[test]
fn a_broker_that_drains_says_good_bye_and_ends() {
    let mut broker = broker();
    let mut polite = broker.open("polite");
    let stubborn = broker.open("stubborn");
    broker.control.send(Control::Drain);
    broker.until(&mut polite, |polite| polite.go_aways == 1);
    broker.world.end(polite.id);
    broker.turns(20);
    assert!(broker.world.broker_closed(polite.id));
    assert!(!broker.done, "one client is left");
    broker.world.advance_ms(limits::DRAIN_MS_MAX);
    broker.turns(20);
    assert!(broker.world.broker_ended(stubborn.id), "its time is over");
    broker.world.advance_ms(2_000);
    broker.turns(20);
    assert!(broker.done);
    assert_eq!(broker.shard.net().socket_count(), 0);
}

#[test]
fn a_broker_that_drains_lets_nobody_in_who_would_keep_it() {
    let mut broker = broker();
    let mut late = broker.connect(1 << 20);
    broker.turns(5);
    broker.control.send(Control::Drain);
    broker.turns(5);
    late.hello("late");
    broker.until(&mut late, |late| late.is_open || late.go_aways == 1);
    assert!(!late.is_open && late.go_aways == 1, "{late:?}");
    broker.world.end(late.id);
    broker.turns(20);
    assert!(broker.done, "nobody is waited for");
}

#[test]
fn s2_slots_are_used_again_and_nothing_of_the_old_client_is_left() {
    let mut broker = broker();
    for round in 0..300u32 {
        let mut peer = broker.open("the.same.name");
        peer.subscribe(1, "x", "");
        peer.publish("x", &round.to_le_bytes());
        broker.until(&mut peer, |peer| peer.seen.len() == 1);
        match round % 3 {
            0 => broker.world.end(peer.id),
            1 => broker.world.reset(peer.id),
            _ => peer.send(&ClientFrame::Goodbye),
        }
        broker.world.end(peer.id);
        broker.turns(10);
        assert!(broker.world.broker_closed(peer.id), "round {round}");
        assert_eq!(peer.seen[0].payload, round.to_le_bytes());
    }
    assert_eq!(broker.shard.net().socket_count(), 0);
    assert_eq!(broker.shard.router().counts().subscriptions, 0);
    assert_eq!(broker.shard.net().pools().small.free_count(), 256);
}

#[test]
fn memory_that_a_burst_took_goes_back_to_the_system() {
    let mut broker = broker();
    let mut slow = broker.connect(2_000);
    slow.hello("slow");
    slow.subscribe(1, "x", "");
    let mut fast = broker.open("fast");
    broker.barrier(&mut slow);
    (0..60).for_each(|_| fast.publish("x", &[7; 60_000]));
    broker.barrier(&mut fast);
    broker.until(&mut slow, |slow| slow.seen.len() == 60);
    assert_eq!(broker.world.discarded_bytes(), 0, "it was needed a moment ago");
    for _ in 0..60 {
        broker.world.advance_ms(100);
        // It asks to be woken as long as there is something to give back.
        broker.turns_until_it_sleeps();
    }
    assert!(broker.world.discarded_bytes() > 2_000_000, "{}", broker.world.discarded_bytes());
    (0..5).for_each(|_| fast.publish("x", &[8; 60_000]));
    broker.until(&mut slow, |slow| slow.seen.len() == 65);
    assert!(slow.seen[60..].iter().all(|seen| seen.payload == [8; 60_000]));
}

#[test]
fn the_broker_says_what_it_counted() {
    let mut broker = broker();
    let mut asker = broker.open("asker");
    asker.subscribe(1, "_INBOX.asker", "");
    asker.subscribe(2, "$SYS.COUNTERS", "");
    (0..5).for_each(|_| asker.publish("x", b"counted"));
    let request = |subject, ticket| PublishFrame {
        flags: PublishFlags::REQUEST,
        reply: b"_INBOX.asker",
        ..ticketed(subject, b"", ticket)
    };
    asker.publish_with(request("$SYS.COUNTERS", 3));
    asker.publish_with(request("$SYS.UNKNOWN", 4));
    broker.barrier(&mut asker);
    assert_eq!(asker.outcomes, [(4, ErrorCode::NoResponders as u16, 0)]);
    assert_eq!(asker.seen.len(), 1, "nobody can listen on the broker's own subjects");
    let text = String::from_utf8(asker.seen[0].payload.clone()).expect("JSON is text");
    assert!(text.contains("\"messages\":5"), "{text}");
    assert!(text.contains("\"subscriptions\":1"), "{text}");
    assert_eq!(asker.seen[0].correlation, 3);
}
