//! Several shards in a simulated world: what one shard promises, several keep (laws S11 to S21).

use coilgun_protocol::model::{ErrorCode, PublishFlags, SubscriptionId, Ticket, Unsubscribe};
use coilgun_protocol::native::{ClientFrame, PublishFrame, SubscribeRequest};
use coilgun_server::env::sim::{Faults, SimWorld};
use coilgun_server::shard::ShardSettings;

use crate::cluster::Cluster;
use crate::native_peer::{Peer, ticketed};

pub(crate) fn cluster(count: usize) -> Cluster {
    cluster_with(count, &ShardSettings::default())
}

pub(crate) fn cluster_with(count: usize, settings: &ShardSettings) -> Cluster {
    Cluster::new(&SimWorld::new(1, Faults::none()), count, settings)
}

fn request<'a>(subject: &'a str, ticket: u64) -> PublishFrame<'a> {
    let flags = PublishFlags::REQUEST;
    PublishFrame { flags, ..ticketed(subject, b"?", ticket) }
}

fn acked<'a>(subject: &'a str, ticket: u64) -> PublishFrame<'a> {
    PublishFrame { flags: PublishFlags::ACK, ..ticketed(subject, b"!", ticket) }
}

const NO_RESPONDERS: u16 = ErrorCode::NoResponders as u16;

#[test]
fn s14_messages_reach_plain_subscribers_of_every_shard_once_and_in_order() {
    let mut cluster = cluster(4);
    let mut readers: Vec<Peer> = (0..8).map(|number| cluster.open(number % 4, "")).collect();
    for reader in &mut readers {
        reader.subscribe(1, "orders.*", "");
        cluster.barrier(reader);
    }
    let mut writer = cluster.open(0, "");
    for number in 0..100u8 {
        writer.publish("orders.eu", &[number]);
    }
    writer.publish_with(acked("orders.us", 7));
    cluster.until(&mut writer, |writer| !writer.outcomes.is_empty());
    assert_eq!(writer.outcomes, [(7, 0, 8)]);
    let expected: Vec<Vec<u8>> =
        (0..100).map(|number| vec![number]).chain([b"!".to_vec()]).collect();
    for reader in &mut readers {
        cluster.barrier(reader);
        assert_eq!(reader.payloads(), expected);
    }
    assert_eq!(cluster.counters(0).hops, 3 * 101);
    drop((readers, writer));
    cluster.drain();
}

#[test]
fn s14_a_queue_group_over_all_shards_gets_each_message_once() {
    let mut cluster = cluster(3);
    let mut members: Vec<Peer> = (0..6).map(|number| cluster.open(number % 3, "")).collect();
    for (number, member) in members.iter_mut().enumerate() {
        // Two patterns of one group: one delivery for the group, not for each pattern.
        member.subscribe(1, if number % 2 == 0 { "jobs.*" } else { "jobs.>" }, "workers");
        cluster.barrier(member);
    }
    let mut writer = cluster.open(0, "");
    for number in 0..600u16 {
        writer.publish("jobs.a", &number.to_le_bytes());
        cluster.turn();
    }
    cluster.barrier(&mut writer);
    let mut all = Vec::new();
    for member in &mut members {
        cluster.barrier(member);
        let count = member.seen.len();
        assert!((80..=120).contains(&count), "{count} of 600 for one of six");
        all.extend(member.payloads());
    }
    all.sort_by_key(|payload| u16::from_le_bytes([payload[0], payload[1]]));
    let expected: Vec<Vec<u8>> = (0..600u16).map(|number| number.to_le_bytes().to_vec()).collect();
    assert_eq!(all, expected);
}

/// Finds the mutant `EarlyAck`.
#[test]
pub(crate) fn s12_a_subscription_is_answered_when_every_shard_knows_it() {
    let mut cluster = cluster(2);
    let (mut reader, mut writer) = (cluster.open(0, ""), cluster.open(1, ""));
    cluster.hold(0, 1, true);
    let plain = SubscribeRequest::plain(SubscriptionId(1), b"news");
    reader.subscribe_with(SubscribeRequest { correlation: Ticket(5), ..plain });
    reader.ping();
    cluster.turns(20);
    reader.read(usize::MAX);
    assert!(reader.outcomes.is_empty() && reader.pongs.is_empty(), "the other shard cannot know");
    cluster.hold(0, 1, false);
    cluster.until(&mut reader, |reader| !reader.pongs.is_empty());
    assert_eq!(reader.outcomes, [(5, 0, 0)]);
    writer.publish("news", b"1");
    cluster.barrier(&mut writer);
    cluster.barrier(&mut reader);
    assert_eq!(reader.payloads(), [b"1"]);
}

/// Finds the mutant `NoBarrier`.
#[test]
pub(crate) fn s12_what_was_published_before_a_pong_reaches_nobody_who_subscribes_behind_it() {
    let mut cluster = cluster(2);
    let (mut early, mut late) = (cluster.open(1, ""), cluster.open(1, ""));
    early.subscribe(1, "news", "");
    cluster.barrier(&mut early);
    let mut writer = cluster.open(0, "");
    cluster.hold(0, 1, true);
    writer.publish("news", b"old");
    let token = writer.ping();
    cluster.turns(20);
    writer.read(usize::MAX);
    if writer.pongs.contains(&token) {
        late.subscribe(1, "news", "");
        cluster.turns(20);
    }
    cluster.hold(0, 1, false);
    cluster.until(&mut writer, |writer| writer.pongs.contains(&token));
    late.subscribe(2, "news", "");
    cluster.barrier(&mut late);
    cluster.barrier(&mut early);
    assert_eq!(early.payloads(), [b"old"]);
    assert!(late.seen.is_empty(), "S12: it subscribed behind the PONG");
}

/// The inbox of a requester on shard 0, a forwarder on shard 1, a responder on shard 2: the reply may
/// not overtake the interest in the inbox. Finds the mutant `NoHold`.
#[test]
pub(crate) fn s13_a_reply_over_three_shards_does_not_overtake_the_interest_in_it() {
    let mut cluster = cluster(3);
    let (mut asker, mut forwarder, mut responder) =
        (cluster.open(0, ""), cluster.open(1, ""), cluster.open(2, ""));
    forwarder.subscribe(1, "ask", "");
    responder.subscribe(1, "work", "");
    cluster.barrier(&mut forwarder);
    cluster.barrier(&mut responder);
    cluster.hold(0, 2, true);
    asker.subscribe(1, "_INBOX.1", "");
    asker.publish_with(PublishFrame { reply: b"_INBOX.1", ..request("ask", 1) });
    for round in 0..70 {
        if round == 20 {
            cluster.hold(0, 2, false);
        }
        cluster.turn();
        forwarder.read(usize::MAX);
        responder.read(usize::MAX);
        for seen in std::mem::take(&mut forwarder.seen) {
            let reply = &seen.reply;
            forwarder.publish_with(PublishFrame { reply, ..request("work", 2) });
        }
        for seen in std::mem::take(&mut responder.seen) {
            responder.publish(std::str::from_utf8(&seen.reply).expect("a text"), b"done");
        }
    }
    asker.read(usize::MAX);
    assert_eq!(asker.payloads(), [b"done"], "S13: the reply came where it was waited for");
    assert!(asker.outcomes.is_empty(), "{:?}", asker.outcomes);
}

/// Finds the mutant `LostBounce`.
#[test]
pub(crate) fn s15_a_message_that_finds_nobody_left_goes_to_the_next_shard() {
    let mut cluster = cluster(3);
    let (leaver, mut member) = (cluster.open(1, ""), cluster.open(2, ""));
    leaver.subscribe(1, "jobs", "workers");
    cluster.turns(20);
    let mut writer = cluster.open(0, "");
    // Nobody hears that the only member of shard 1 is gone.
    cluster.hold(1, 0, true);
    cluster.world.end(leaver.id);
    cluster.turns(20);
    member.subscribe(1, "jobs", "workers");
    cluster.turns(20);
    for ticket in 1..=4 {
        writer.publish_with(request("jobs", ticket));
    }
    cluster.turns(20);
    cluster.hold(1, 0, false);
    cluster.barrier(&mut writer);
    cluster.barrier(&mut member);
    assert_eq!(
        member.seen.len(),
        4,
        "S15: each message found the member that was there throughout"
    );
    assert!(writer.outcomes.is_empty(), "{:?}", writer.outcomes);
}

#[test]
fn s15_no_responders_when_all_have_bounced_and_at_once_where_nobody_is_known() {
    let mut cluster = cluster(2);
    let mut writer = cluster.open(0, "");
    let leaver = cluster.open(1, "");
    leaver.subscribe(1, "jobs", "workers");
    cluster.turns(20);
    cluster.hold(1, 0, true);
    cluster.world.end(leaver.id);
    cluster.turns(20);
    writer.publish_with(request("jobs", 1));
    writer.publish_with(request("nobody", 2));
    cluster.turns(20);
    writer.read(usize::MAX);
    assert!(writer.outcomes.is_empty(), "answers keep the order of their questions");
    cluster.hold(1, 0, false);
    cluster.until(&mut writer, |writer| writer.outcomes.len() == 2);
    assert_eq!(writer.outcomes, [(1, NO_RESPONDERS, 0), (2, NO_RESPONDERS, 0)]);
    assert!(cluster.counters(1).bounces >= 1);
}

#[test]
fn s16_two_clients_that_want_one_name_on_two_shards() {
    let mut cluster = cluster(3);
    let mut peers: Vec<Peer> = (0..3).map(|shard| cluster.connect(shard, 1 << 20)).collect();
    peers.iter().for_each(|peer| peer.hello("ann"));
    for _ in 0..50 {
        cluster.turn();
        peers.iter_mut().for_each(|peer| peer.read(usize::MAX));
    }
    let open: Vec<usize> = (0..3).filter(|at| peers[*at].is_open).collect();
    assert_eq!(open.len(), 1, "one of them has it");
    for at in (0..3).filter(|at| *at != open[0]) {
        assert!(peers[at].has_error(ErrorCode::NameTaken), "{:?}", peers[at]);
    }
    let mut other = cluster.open((open[0] + 1) % 3, "bob");
    other.publish_with(acked("$NAME.ann", 1));
    cluster.until(&mut other, |other| !other.outcomes.is_empty());
    assert_eq!(other.outcomes, [(1, 0, 1)]);
    let owner = &mut peers[open[0]];
    cluster.barrier(owner);
    assert_eq!((owner.seen.len(), owner.seen[0].sender.as_slice()), (1, b"bob".as_slice()));
    cluster.world.end(owner.id);
    cluster.turns(50);
    let again = cluster.open((open[0] + 2) % 3, "ann");
    assert!(again.is_open, "the name is free when its owner is gone");
    other.publish_with(PublishFrame {
        flags: PublishFlags::ACK.with(PublishFlags::BROADCAST),
        ..ticketed(">", b"all", 2)
    });
    cluster.until(&mut other, |other| other.outcomes.len() == 2);
    assert_eq!(other.outcomes[1], (2, 0, 2), "ann and bob");
}

#[test]
fn s11_large_payloads_cross_where_they_lie_and_come_back() {
    let mut cluster = cluster(2);
    let mut reader = cluster.subscriber(1, "large");
    let mut writer = cluster.open(0, "");
    let sizes = [0, 1, 1024, 1025, 60_000, 65_000, 70_000, 300_000, 1 << 20];
    for (number, size) in sizes.into_iter().enumerate() {
        writer.publish("large", &vec![number as u8; size]);
        cluster.turns(3);
        reader.read(usize::MAX);
    }
    cluster.barrier(&mut writer);
    cluster.barrier(&mut reader);
    let seen: Vec<(usize, bool)> = reader
        .payloads()
        .iter()
        .enumerate()
        .map(|(number, it)| (it.len(), it.iter().all(|byte| *byte == number as u8)))
        .collect();
    assert_eq!(seen, sizes.map(|size| (size, true)));
    drop((reader, writer));
    cluster.drain();
}

#[test]
fn counters_of_all_shards_come_together() {
    let mut cluster = cluster(3);
    let mut asker = cluster.open(2, "");
    asker.subscribe(1, "_INBOX.1", "");
    let ask = PublishFrame { reply: b"_INBOX.1", ..request("$SYS.COUNTERS", 1) };
    asker.publish_with(ask);
    asker.send(&ClientFrame::Ping { token: 77 });
    cluster.until(&mut asker, |asker| asker.pongs.contains(&77));
    assert_eq!(asker.seen.len(), 1);
    let report: serde_json::Value =
        serde_json::from_slice(&asker.seen[0].payload).expect("the answer is JSON");
    assert_eq!(report["connections"], 1);
    assert_eq!(report["shards"].as_array().map(Vec::len), Some(3));
    assert_eq!(report["shards"][2]["connections"], 1);
}

#[test]
fn s12_thousands_of_subscriptions_that_come_and_go_while_another_shard_publishes_to_them() {
    let mut cluster = cluster(2);
    let (mut reader, mut writer) = (cluster.open(0, ""), cluster.open(1, ""));
    for round in 0..20u64 {
        for number in 1..=200u64 {
            reader.subscribe(number, &format!("churn.{number}.*"), "");
        }
        for number in 1..=200u64 {
            writer.publish(&format!("churn.{number}.{round}"), &round.to_le_bytes());
        }
        cluster.turns(3);
        for number in 1..=200u64 {
            let subscription = SubscriptionId(number);
            let unsubscribe = Unsubscribe { subscription, ticket: Ticket::NONE, deliveries_max: 0 };
            reader.send(&ClientFrame::Unsubscribe(unsubscribe));
        }
        reader.read(usize::MAX);
        writer.read(usize::MAX);
    }
    cluster.barrier(&mut reader);
    cluster.barrier(&mut writer);
    assert_eq!(cluster.shards[1].router().counts().remote_interest, 0);
    let mut last = std::collections::BTreeMap::new();
    for seen in &reader.seen {
        let round = u64::from_le_bytes(seen.payload[..8].try_into().expect("eight bytes"));
        let before = last.insert(seen.subject.clone(), round);
        assert!(before.is_none(), "each subject was published to once");
    }
    drop((reader, writer));
    cluster.drain();
}
