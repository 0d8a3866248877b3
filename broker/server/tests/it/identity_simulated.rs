//! Users and what they may do, on simulated shards (laws S26, S32).

use std::sync::Arc;

use coilgun_core::security::{Permissions, Rules};
use coilgun_protocol::model::{
    ErrorCode, NamespaceId, PublishFlags, SubscriptionId, Ticket, limits,
};
use coilgun_protocol::native::{Features, Hello, PublishFrame, SubscribeRequest};
use coilgun_server::env::sim::{Faults, SimWorld};
use coilgun_server::security::{Authentication, SecretHash, Users};
use coilgun_server::shard::{GuestRule, ListenerProtocol, ListenerSettings, ShardSettings};

use crate::cluster::Cluster;
use crate::native_peer::{Peer, SimBroker, plan, ticketed};

const FOR_USERS: i32 = 50;

fn rules(allow: Option<&[&str]>, deny: &[&str]) -> Rules {
    Rules::new(allow, deny).expect("these are filters")
}

/// `boss` may do everything, and `press` what its rules say.
fn users() -> Arc<Users> {
    let mut users = Users::default();
    let (here, plant) = (NamespaceId::DEFAULT, NamespaceId(1));
    users.add("boss", SecretHash::plain("b"), vec![here, plant], Permissions::default());
    let publish = rules(Some(&["orders.>", "$NAME.press.>"]), &["orders.secret.>"]);
    let permissions = Permissions {
        request: publish.clone(),
        publish,
        subscribe: rules(Some(&["orders.>"]), &["orders.secret.>"]),
        ..Permissions::default()
    };
    users.add("press", SecretHash::plain("p"), vec![here], permissions);
    Arc::new(users)
}

fn broker(delay: u32) -> SimBroker {
    let world = SimWorld::new(1, Faults::none());
    let settings = ShardSettings {
        namespaces: ["default", "plant"].map(str::to_owned).to_vec(),
        ..Default::default()
    };
    let SimBroker { world, shard, control, done } = SimBroker::new(world, &plan(), settings);
    let shard = shard.with_users(Authentication::plain(users(), delay));
    let mut broker = SimBroker { world, shard, control, done };
    let guests = GuestRule::Default;
    broker.listen(FOR_USERS, ListenerSettings { guests, ..ListenerProtocol::Native.into() });
    broker
}

fn hello<'a>(user: &'a str, secret: &'a str) -> Hello<'a> {
    Hello {
        user: user.as_bytes(),
        secret: secret.as_bytes(),
        features: Features::KNOWN,
        ..Hello::default()
    }
}

fn enter(broker: &mut SimBroker, hello: Hello<'_>) -> Peer {
    let mut peer = broker.connect_to(FOR_USERS, 1 << 20);
    peer.hello_with(hello);
    broker.until(&mut peer, |peer| peer.is_open || !peer.errors.is_empty());
    peer
}

#[test]
fn s26_who_is_let_in_and_where() {
    let mut broker = broker(3);
    for (user, secret, namespace, expected) in [
        ("boss", "b", "", None),
        ("boss", "b", "plant", None),
        ("press", "p", "default", None),
        ("", "", "", None),
        ("", "", "plant", Some(ErrorCode::AuthenticationRequired)),
        ("press", "p", "plant", Some(ErrorCode::PermissionDenied)),
        ("press", "p", "nowhere", Some(ErrorCode::UnknownNamespace)),
        ("press", "b", "", Some(ErrorCode::WrongCredentials)),
        ("nobody", "b", "", Some(ErrorCode::WrongCredentials)),
        ("press", "", "", Some(ErrorCode::WrongCredentials)),
        ("", "b", "", Some(ErrorCode::WrongCredentials)),
    ] {
        let hello = Hello { namespace: namespace.as_bytes(), ..hello(user, secret) };
        let peer = enter(&mut broker, hello);
        match expected {
            None => assert!(peer.is_open, "{user} {secret} {namespace}: {peer:?}"),
            Some(code) => assert!(peer.has_error(code), "{user} {secret} {namespace}: {peer:?}"),
        }
    }
}

#[test]
fn s26_what_is_said_behind_hello_waits_for_the_verdict() {
    let mut broker = broker(20);
    let mut peer = broker.connect_to(FOR_USERS, 1 << 20);
    peer.hello_with(hello("boss", "b"));
    peer.subscribe(1, "a", "");
    peer.publish("a", b"x");
    broker.turns(10);
    peer.read(usize::MAX);
    assert!(!peer.is_open, "nobody knows yet who it is");
    broker.until(&mut peer, |peer| !peer.seen.is_empty());
    assert_eq!(peer.payloads(), [b"x"]);
    let mut again = broker.connect_to(FOR_USERS, 1 << 20);
    again.hello_with(hello("boss", "b"));
    broker.turns(6);
    again.read(usize::MAX);
    assert!(again.is_open, "what was right is remembered");
}

#[test]
fn s26_a_verdict_that_does_not_come_ends_as_a_handshake_does() {
    let mut broker = broker(1_000_000);
    let mut peer = broker.connect_to(FOR_USERS, 1 << 20);
    peer.hello_with(hello("boss", "b"));
    broker.turns(10);
    broker.world.advance_ms(limits::HANDSHAKE_MS_MAX + 1);
    broker.until(&mut peer, |peer| peer.has_error(ErrorCode::HandshakeTimeout));
}

#[test]
pub(crate) fn s26_a_verdict_is_for_nobody_who_came_later() {
    let mut broker = broker(100);
    let first = broker.connect_to(FOR_USERS, 1 << 20);
    first.hello_with(hello("boss", "b"));
    broker.turns(10);
    broker.world.reset(first.id);
    broker.turns(20);
    let mut later = broker.connect_to(FOR_USERS, 1 << 20);
    later.hello_with(hello("boss", "wrong"));
    broker.turns(10);
    broker.until(&mut later, |peer| peer.is_open || !peer.errors.is_empty());
    assert!(!later.is_open, "S26: it is let in by the verdict about another");
    assert!(later.has_error(ErrorCode::WrongCredentials));
}

#[test]
fn s26_more_passwords_than_can_wait_are_turned_away_and_may_come_again() {
    let mut broker = broker(10_000);
    let mut waiting = Vec::new();
    for number in 0..=limits::AUTHENTICATIONS_WAITING_MAX {
        let secret = number.to_string();
        let mut peer = broker.connect_to(FOR_USERS, 1 << 20);
        peer.hello_with(hello("boss", &secret));
        broker.turns(5);
        peer.read(usize::MAX);
        if number < limits::AUTHENTICATIONS_WAITING_MAX {
            // It does not stay, so that the next one finds a slot; its question does.
            broker.world.reset(peer.id);
            broker.turns(5);
            waiting.push(peer);
        } else {
            assert!(peer.has_error(ErrorCode::AuthenticationBusy), "{peer:?}");
        }
    }
}

/// What became of a message that asked for an outcome.
fn outcome(broker: &mut Cluster, peer: &mut Peer, frame: PublishFrame<'_>) -> u16 {
    let ticket = frame.correlation.0;
    peer.publish_with(PublishFrame { flags: frame.flags.with(PublishFlags::ACK), ..frame });
    broker.until(peer, |peer| peer.outcomes.iter().any(|it| it.0 == ticket));
    peer.outcomes.iter().find(|it| it.0 == ticket).map_or(0, |it| it.1)
}

#[test]
fn s32_permissions_hold_across_shards() {
    const DENIED: u16 = ErrorCode::PermissionDenied as u16;
    let world = SimWorld::new(3, Faults::none());
    let mut cluster = Cluster::new(&world, 2, &ShardSettings::default());
    let shards = std::mem::take(&mut cluster.shards).into_iter();
    cluster.shards = shards.map(|it| it.with_users(Authentication::plain(users(), 1))).collect();
    let mut open = |shard: usize, user: &str, secret: &str| {
        let mut peer = cluster.connect(shard, 1 << 20);
        peer.hello_with(hello(user, secret));
        cluster.until(&mut peer, |peer| peer.is_open);
        peer
    };
    let (mut boss, mut press) = (open(0, "boss", "b"), open(1, "press", "p"));
    boss.subscribe(1, ">", "");
    let filters = ["orders.>", "orders.secret.x", "other.>", "_INBOX.mine.>", "_INBOX.>"];
    for (number, filter) in (1..).zip(filters) {
        let plain = SubscribeRequest::plain(SubscriptionId(number), filter.as_bytes());
        press.subscribe_with(SubscribeRequest { correlation: Ticket(number), ..plain });
    }
    cluster.barrier(&mut press);
    cluster.barrier(&mut boss);
    let refused: Vec<_> =
        press.outcomes.iter().filter(|it| it.1 == DENIED).map(|it| it.0).collect();
    assert_eq!(refused, [2, 3, 5], "{:?}", press.outcomes);
    for subject in ["orders.new", "orders.secret.x", "orders.old", "_INBOX.mine.1"] {
        boss.publish(subject, subject.as_bytes());
    }
    cluster.barrier(&mut boss);
    cluster.barrier(&mut press);
    let expected: [&[u8]; 3] = [b"orders.new", b"orders.old", b"_INBOX.mine.1"];
    assert_eq!(press.payloads(), expected);
    let before = boss.seen.len();
    for (number, (subject, code)) in [
        ("orders.1", 0),
        ("orders.secret.1", DENIED),
        ("other", DENIED),
        ("_INBOX.theirs.1", 0),
        ("$NAME.boss", DENIED),
        ("$NAME.press.7", 0),
    ]
    .into_iter()
    .enumerate()
    {
        for round in 0..3 {
            let ticket = (100 + 10 * number + round) as u64;
            let said = outcome(&mut cluster, &mut press, ticketed(subject, b"", ticket));
            assert_eq!(said, code, "{subject}, time {round}");
        }
    }
    let mask = |text: &'static str, ticket| PublishFrame {
        flags: PublishFlags::BROADCAST,
        correlation: Ticket(ticket),
        ..ticketed(text, b"", 0)
    };
    assert_eq!(outcome(&mut cluster, &mut press, mask("press.*", 200)), 0);
    assert_eq!(outcome(&mut cluster, &mut press, mask("*", 201)), DENIED);
    let counters = PublishFrame {
        reply: b"_INBOX.mine.2",
        flags: PublishFlags::REQUEST,
        ..ticketed("$SYS.COUNTERS", b"", 202)
    };
    assert_eq!(outcome(&mut cluster, &mut press, counters), DENIED);
    cluster.barrier(&mut boss);
    assert_eq!(boss.seen.len(), before + 3, "orders.1 only: `>` sees no inboxes and no names");
    cluster.drain();
}

/// `boss` on the shard where messages are published, and `press`, who must not see some of them, on the
/// other one, are of one queue group.
#[test]
fn s32_a_queue_group_passes_over_members_who_must_not_see_a_message() {
    let world = SimWorld::new(4, Faults::none());
    let mut cluster = Cluster::new(&world, 2, &ShardSettings::default());
    let shards = std::mem::take(&mut cluster.shards).into_iter();
    cluster.shards = shards.map(|it| it.with_users(Authentication::plain(users(), 1))).collect();
    let mut open = |shard: usize, user: &str, secret: &str| {
        let mut peer = cluster.connect(shard, 1 << 20);
        peer.hello_with(hello(user, secret));
        cluster.until(&mut peer, |peer| peer.is_open);
        peer
    };
    let (mut boss, mut press) = (open(0, "boss", "b"), open(1, "press", "p"));
    boss.subscribe(1, "orders.>", "workers");
    press.subscribe(1, "orders.>", "workers");
    cluster.barrier(&mut boss);
    cluster.barrier(&mut press);
    for subject in ["orders.open.1", "orders.secret.1"] {
        for _ in 0..20 {
            boss.publish(subject, subject.as_bytes());
        }
        cluster.barrier(&mut boss);
    }
    cluster.barrier(&mut press);
    cluster.barrier(&mut boss);
    let count = |peer: &Peer, text: &[u8]| peer.payloads().iter().filter(|it| *it == text).count();
    assert_eq!(count(&press, b"orders.secret.1"), 0);
    assert_eq!(count(&boss, b"orders.secret.1"), 20, "none is lost on the way back");
    assert_eq!(count(&boss, b"orders.open.1") + count(&press, b"orders.open.1"), 20);
    assert!(count(&press, b"orders.open.1") > 0, "it takes its share of what it may see");
    cluster.drain();
}

#[test]
fn s32_who_asks_for_no_outcome_gets_few_notices() {
    let mut broker = broker(0);
    let mut press = enter(&mut broker, hello("press", "p"));
    for _ in 0..100 {
        press.publish("other", b"");
    }
    broker.barrier(&mut press);
    assert_eq!(press.notices, [(ErrorCode::PermissionDenied as u16, 1)]);
    broker.world.advance_ms(1_000);
    press.publish("other", b"");
    broker.barrier(&mut press);
    assert_eq!(press.notices[1..], [(ErrorCode::PermissionDenied as u16, 100)]);
    assert_eq!(broker.shard.counters().denied, 101);
}
