//! What happens on two shards at the same time, as a simulator of many seeds found it first.

use coilgun_protocol::model::{ErrorCode, PublishFlags, SubscriptionId};
use coilgun_protocol::native::{PublishFrame, SubscribeRequest};
use coilgun_server::shard::ShardSettings;

use crate::cluster::Cluster;
use crate::mesh_simulated::{cluster, cluster_with};
use crate::native_peer::{Peer, ticketed};

fn flagged<'a>(subject: &'a str, ticket: u64, flags: PublishFlags) -> PublishFrame<'a> {
    PublishFrame { flags, reply: b"_INBOX.1", ..ticketed(subject, b"?", ticket) }
}

/// A client whose name is on its way to the other shards is not in: it gets nothing, and does not
/// count as a receiver.
#[test]
fn s16_nothing_reaches_a_client_by_its_name_before_it_is_in() {
    let mut cluster = cluster(2);
    let mut writer = cluster.open(0, "");
    cluster.hold(0, 1, true);
    let mut entering: Vec<(String, Peer)> =
        (0..10).map(|number| (format!("n{number}"), cluster.connect(0, 1 << 20))).collect();
    entering.iter().for_each(|(name, peer)| peer.hello(name));
    cluster.turns(20);
    for (number, (name, _)) in entering.iter().enumerate() {
        let subject = format!("$NAME.{name}");
        writer.publish_with(flagged(&subject, number as u64 + 1, PublishFlags::ACK));
    }
    cluster.turns(20);
    cluster.hold(0, 1, false);
    cluster.barrier(&mut writer);
    assert!(writer.outcomes.iter().all(|(_, code, receivers)| (*code, *receivers) == (0, 0)));
    for (name, peer) in &mut entering {
        cluster.until(peer, |peer| peer.is_open);
        writer.publish(&format!("$NAME.{name}"), b"now");
        cluster.until(peer, |peer| peer.seen.len() == 1);
        assert_eq!(peer.payloads(), [b"now"]);
    }
}

/// A member whose connection ended in the very turn in which a message for its group arrives is not
/// picked: the message goes back to the next member.
#[test]
fn s15_a_message_is_not_lost_to_a_member_that_is_just_gone() {
    let mut cluster = cluster(2);
    let (mut writer, mut home) = (cluster.open(0, ""), cluster.open(0, ""));
    for number in 0..8 {
        let mut remote = cluster.open(1, "");
        remote.subscribe(1, "jobs", "workers");
        cluster.barrier(&mut remote);
        if number == 0 {
            home.subscribe(1, "jobs", "workers");
            cluster.barrier(&mut home);
        }
        // So that nothing else is seen in the turn in which the reset is.
        cluster.turns(20);
        cluster.stalled[1] = true;
        cluster.world.reset(remote.id);
        // Both members are asked once, whoever's turn it is.
        writer.publish("jobs", &[number, 0]);
        writer.publish("jobs", &[number, 1]);
        cluster.turns(5);
        cluster.stalled[1] = false;
        cluster.barrier(&mut writer);
        cluster.barrier(&mut home);
        assert_eq!(home.seen.len(), 2 * (usize::from(number) + 1));
    }
}

/// Who would get a request, had it credit, is remembered while another shard finds out that it has
/// nobody.
#[test]
fn s15_busy_here_and_nobody_there_is_no_credit() {
    let mut cluster = cluster(2);
    let (mut writer, mut busy) = (cluster.open(0, ""), cluster.open(0, ""));
    let plain = SubscribeRequest::plain(SubscriptionId(1), b"ask");
    busy.subscribe_with(SubscribeRequest { credit: 0, ..plain });
    cluster.barrier(&mut busy);
    let mut leaving = cluster.open(1, "");
    leaving.subscribe(1, "ask", "");
    cluster.barrier(&mut leaving);
    cluster.hold(1, 0, true);
    cluster.world.reset(leaving.id);
    cluster.turns(20);
    writer.publish_with(flagged("ask", 7, PublishFlags::REQUEST));
    cluster.turns(20);
    cluster.hold(1, 0, false);
    cluster.barrier(&mut writer);
    assert_eq!(writer.outcomes, [(7, ErrorCode::NoCredit as u16, 0)]);
}

/// What publishers on several shards had under way when they were told to wait finds room: nothing is
/// dropped for a reader whom publishers wait for.
#[test]
fn s19_what_was_under_way_before_the_pressure_is_not_dropped() {
    const MESSAGES: usize = 120;
    let settings = ShardSettings { outbox_high_bytes: 64 * 1024, ..ShardSettings::default() };
    let mut cluster: Cluster = cluster_with(4, &settings);
    let mut slow = cluster.open(0, "");
    slow.subscribe(1, "x", "");
    slow.subscribe(2, "*", "");
    cluster.barrier(&mut slow);
    let mut writers: Vec<Peer> = (1..4).map(|shard| cluster.open(shard, "")).collect();
    (1..4).for_each(|shard| cluster.hold(shard, 0, true));
    for writer in &mut writers {
        (0..MESSAGES).for_each(|_| writer.publish("x", &[7; 1_000]));
    }
    cluster.turns(20);
    (1..4).for_each(|shard| cluster.hold(shard, 0, false));
    cluster.turns(20);
    cluster.until(&mut slow, |slow| slow.seen.len() == 2 * 3 * MESSAGES);
    assert!(slow.seen.iter().all(|seen| seen.missed == 0));
    assert_eq!(cluster.counters(0).dropped_newest, 0);
}
