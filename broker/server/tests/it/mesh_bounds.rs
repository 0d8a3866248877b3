//! What one client, one message or one stalled shard may cost all others (laws S8, S15, S18, S19, S23).

use coilgun_protocol::model::{ErrorCode, Headers, PublishFlags, SubscriptionId, Ticket};
use coilgun_protocol::native::{ClientFrame, Hello, PublishFrame, SubscribeRequest, encode_frame};
use coilgun_server::env::{Turn, Work};

use crate::cluster::Cluster;
use crate::mesh_pressure::small_outboxes;
use crate::mesh_simulated::{cluster, cluster_with};
use crate::native_peer::{Peer, ticketed};

/// Steps only shards that have work or may not sleep, until all sleep (law S24).
fn run_until_all_sleep(cluster: &mut Cluster) {
    for _ in 0..2_000 {
        let mut any = false;
        for number in 0..cluster.shards.len() {
            any |= run_until_it_sleeps(cluster, number);
        }
        if !any {
            return;
        }
    }
    panic!("they work for ever");
}

/// Returns whether it did not sleep already.
fn run_until_it_sleeps(cluster: &mut Cluster, number: usize) -> bool {
    let shard = &mut cluster.shards[number];
    let (mut any, mut quiet) = (false, 0);
    while quiet < 4 {
        let sleeps = shard.prepare_park().expect("a simulated ring does not break");
        shard.end_park();
        if sleeps {
            quiet += 1;
            continue;
        }
        (any, quiet) = (true, 0);
        loop {
            let now = shard.now();
            if shard.turn(now).expect("a simulated ring does not break") != Work::More {
                break;
            }
        }
    }
    any
}

/// A client with so many queue groups on one subject.
fn member_of(cluster: &mut Cluster, shard: usize, count: u64, name_bytes: usize) -> Peer {
    let mut peer = cluster.open(shard, "");
    for number in 1..=count {
        peer.subscribe(number, "x", &format!("{number:0>name_bytes$}"));
        if number % 100 == 0 {
            cluster.turns(3);
        }
    }
    cluster.barrier(&mut peer);
    peer
}

fn acked<'a>(subject: &'a str, payload: &'a [u8], ticket: u64) -> PublishFrame<'a> {
    PublishFrame { flags: PublishFlags::ACK, ..ticketed(subject, payload, ticket) }
}

/// Home lends a payload that it borrowed itself; it has to wake up when that comes back.
#[test]
fn s8_s24_what_was_lent_onward_comes_back_to_a_shard_that_sleeps() {
    let mut cluster = cluster(3);
    let (leaver, mut member, mut reader) =
        (cluster.open(1, ""), cluster.open(2, ""), cluster.open(1, ""));
    leaver.subscribe(1, "jobs", "workers");
    reader.subscribe(1, "other", "");
    cluster.turns(20);
    let writer = cluster.open(0, "");
    cluster.hold(1, 0, true);
    cluster.world.end(leaver.id);
    cluster.turns(20);
    member.subscribe(1, "jobs", "workers");
    cluster.turns(20);
    for fill in [1, 2] {
        // One of the two goes to shard 1, where nobody is left.
        writer.publish("jobs", &vec![fill; 600 * 1024]);
        cluster.turns(40);
        member.read(usize::MAX);
    }
    writer.publish("other", &vec![3; 600 * 1024]);
    cluster.turns(40);
    run_until_all_sleep(&mut cluster);
    cluster.hold(1, 0, false);
    for _ in 0..50 {
        run_until_all_sleep(&mut cluster);
        member.read(usize::MAX);
        reader.read(usize::MAX);
    }
    assert_eq!((member.seen.len(), reader.seen.len()), (2, 1), "nobody waits for what is back");
}

#[test]
fn s15_a_message_bounces_once_for_all_its_groups() {
    for (count, payload) in [(2_000, vec![1; 100]), (80, vec![1; 70 * 1024])] {
        let mut cluster = cluster(3);
        let leaver = member_of(&mut cluster, 1, count, 5);
        let mut member = member_of(&mut cluster, 2, count, 5);
        let mut writer = cluster.open(0, "");
        cluster.hold(1, 0, true);
        cluster.world.end(leaver.id);
        cluster.turns(20);
        let before = cluster.counters(1).parcels;
        writer.publish_with(acked("x", &payload, 1));
        cluster.turns(10);
        member.read(usize::MAX);
        writer.publish_with(acked("x", &payload, 2));
        cluster.turns(10);
        let (bounces, parcels) =
            (cluster.counters(1).bounces, cluster.counters(1).parcels - before);
        assert!(bounces > count / 2, "{bounces} groups bounced");
        assert!(parcels < 30, "{parcels} parcels for two messages");
        cluster.hold(1, 0, false);
        for _ in 0..3_000 {
            cluster.turn();
            member.read(usize::MAX);
            writer.read(usize::MAX);
        }
        assert_eq!(writer.outcomes, [1, 2].map(|ticket| (ticket, 0, count as u32)));
        assert_eq!(member.seen.len() as u64, 2 * count, "each group got each message");
    }
}

#[test]
fn s6_payloads_that_several_want_keep_no_block_for_a_few_bytes() {
    let mut cluster = cluster(2);
    let mut readers: Vec<Peer> = (0..2).map(|_| cluster.open(1, "")).collect();
    for reader in &mut readers {
        reader.subscribe(1, "load", "");
        cluster.barrier(reader);
    }
    let writers: Vec<Peer> = (0..12).map(|_| cluster.open(0, "")).collect();
    for writer in &writers {
        (0..160).for_each(|_| writer.publish("load", &[7; 1_100]));
    }
    for _ in 0..2_000 {
        cluster.turn();
        readers.iter_mut().for_each(|reader| reader.read(usize::MAX));
    }
    for reader in &readers {
        assert_eq!(reader.seen.len(), 12 * 160, "{reader:?}");
    }
    assert_eq!(cluster.counters(1).exhausted, 0);
}

/// As many queue groups as a shard may have, with the longest names.
#[test]
fn s18_many_queue_groups_on_one_subject_stop_nobody() {
    let mut cluster = cluster(2);
    let mut member = member_of(&mut cluster, 1, 4_096, 256);
    let mut writer = cluster.open(0, "");
    writer.publish_with(acked("x", b"1", 1));
    for _ in 0..200 {
        cluster.turn();
        member.read(usize::MAX);
        writer.read(usize::MAX);
    }
    assert_eq!(writer.outcomes, [(1, 0, 4_096)]);
    cluster.barrier(&mut member);
    assert_eq!(member.seen.len(), 4_096);
    let more = SubscribeRequest {
        correlation: Ticket(9),
        queue_group: b"another",
        ..SubscribeRequest::plain(SubscriptionId(5_000), b"x")
    };
    member.subscribe_with(more);
    cluster.until(&mut member, |member| !member.outcomes.is_empty());
    assert_eq!(member.outcomes, [(9, ErrorCode::SubscriptionsExhausted as u16, 0)]);
}

/// A client that wants each message once has it through its plain subscription, also where a message
/// comes for its queue group that bounced elsewhere.
#[test]
fn s15_a_message_that_is_sent_onward_reaches_nobody_twice_who_wants_it_once() {
    let mut cluster = cluster(3);
    let leaver = cluster.open(1, "");
    leaver.subscribe(1, "jobs", "workers");
    cluster.turns(20);
    let mut writer = cluster.open(0, "");
    cluster.hold(1, 0, true);
    cluster.world.end(leaver.id);
    cluster.turns(20);
    let mut member = cluster.connect(2, 1 << 20);
    member.hello_with(Hello { once_per_message: true, ..Hello::default() });
    cluster.until(&mut member, |member| member.is_open);
    member.subscribe(1, "jobs", "workers");
    member.subscribe(2, "jobs", "");
    cluster.turns(20);
    (0..4).for_each(|number| writer.publish("jobs", &[number]));
    cluster.turns(20);
    cluster.hold(1, 0, false);
    cluster.barrier(&mut writer);
    cluster.barrier(&mut member);
    assert!(cluster.counters(1).bounces > 0);
    assert_eq!(member.payloads(), [[0], [1], [2], [3]]);
}

/// Clients of one shard that wait for a shard that stands still keep no receive blocks from others.
#[test]
fn s18_who_waits_for_another_shard_takes_nothing_from_those_who_do_not() {
    let mut cluster = cluster(2);
    let _far = cluster.subscriber(1, "far");
    let mut bystander = cluster.open(0, "");
    let flooding: Vec<Peer> = (0..6).map(|_| cluster.open(0, "")).collect();
    cluster.stalled[1] = true;
    for _ in 0..60 {
        for client in &flooding {
            client.subscribe(1, "mine", "");
            (0..16).for_each(|_| client.publish_with(acked("near", &[7; 2_000], 5)));
        }
        cluster.turns(3);
    }
    let token = bystander.ping();
    cluster.turns(300);
    bystander.read(usize::MAX);
    assert!(bystander.pongs.contains(&token), "it has nothing to do with that");
}

#[test]
fn s16_a_name_whose_owner_has_gone_is_free_in_the_same_turn() {
    let mut cluster = cluster(2);
    for name in ["ann", "bob", "cid", "dan"] {
        let old = cluster.open(0, name);
        let mut new = cluster.connect(0, 1 << 20);
        cluster.turns(5);
        cluster.world.end(old.id);
        cluster.turns(1);
        new.hello(name);
        cluster.turns(20);
        new.read(usize::MAX);
        assert!(new.is_open, "{name}: {:?}", new.errors);
    }
}

#[test]
fn s19_a_third_shard_that_stands_still_does_not_hide_that_a_reader_is_behind() {
    let mut cluster = cluster_with(3, &small_outboxes());
    let _far = cluster.subscriber(2, "far");
    let _slow = cluster.slow_subscriber(1, "load");
    let (near, other) = (cluster.open(1, ""), cluster.open(1, ""));
    let mut writer = cluster.open(0, "");
    cluster.barrier(&mut writer);
    cluster.stalled[2] = true;
    for _ in 0..400 {
        near.publish("far", b"1");
        cluster.turn();
    }
    for number in 1..=200 {
        other.subscribe(number, &format!("s.{number}"), "");
        cluster.turns(2);
    }
    for _ in 0..400 {
        writer.publish("load", &[7; 10_000]);
        cluster.turn();
    }
    let token = writer.ping();
    cluster.turns(100);
    writer.read(usize::MAX);
    assert!(!writer.pongs.contains(&token), "the publisher waits");
    assert_eq!(cluster.counters(1).dropped_newest, 0);
}

#[test]
fn s12_headers_without_a_payload_cross_although_no_large_block_is_free() {
    let mut cluster = cluster(2);
    let mut reader = cluster.subscriber(1, "x");
    let mut writer = cluster.open(0, "");
    let uploads: Vec<Peer> = (0..16).map(|_| begin_upload(&mut cluster)).collect();
    assert_eq!(cluster.shards[0].net().pools().large.free_count(), 0);
    for len in [65_380usize, 65_400, 65_420] {
        let mut block = 1u16.to_le_bytes().to_vec();
        block.extend((len as u16 - 5).to_le_bytes());
        block.push(b'h');
        block.resize(len, b'v');
        let headers = Headers::parse(&block).expect("a block");
        writer.publish_with(PublishFrame { headers, ..acked("x", b"", len as u64) });
        cluster.turns(20);
        reader.read(usize::MAX);
    }
    // A frame of that length needs a large block itself; when one is free again, it comes through.
    uploads.iter().for_each(|peer| cluster.world.reset(peer.id));
    for _ in 0..200 {
        cluster.turn();
        reader.read(usize::MAX);
        writer.read(usize::MAX);
    }
    let told = !writer.errors.is_empty() || writer.outcomes.iter().all(|(_, code, _)| *code == 0);
    assert!(told, "{writer:?}");
    assert_eq!(cluster.counters(0).unsent, 0);
}

/// A client that has sent the first half of a long frame.
fn begin_upload(cluster: &mut Cluster) -> Peer {
    let peer = cluster.open(0, "");
    let frame = PublishFrame { subject: b"y", payload: &[1; 200_000], ..PublishFrame::default() };
    let mut bytes = Vec::new();
    encode_frame(&ClientFrame::Publish(frame), &mut bytes).expect("within the limits");
    peer.write(&bytes[..100_000]);
    cluster.turns(10);
    peer
}
