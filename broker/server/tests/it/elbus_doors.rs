//! What elbus asks of the shards: exclusions, one receiver of many, secondaries, and names that are taken
//! away; on one shard and on several.

use coilgun_protocol::elbus::{ElbusConfig, Operation};
use coilgun_protocol::model::limits;
use coilgun_server::env::sim::{Faults, SimWorld};
use coilgun_server::net::SocketKind;
use coilgun_server::shard::{ListenerProtocol, ShardSettings};

use crate::cluster::Cluster;
use crate::elbus_peer::{ELBUS_BASE, ElbusPeer};

/// Each shard listens here for clients that take names away.
const FORCING: i32 = 100;

fn cluster(shards: usize, seed: u64) -> Cluster {
    let world = SimWorld::new(seed, Faults::rough());
    let mut cluster = Cluster::new(&world, shards, &ShardSettings::default());
    let config = ElbusConfig { force_register: true, ..ElbusConfig::default() };
    for (number, shard) in cluster.shards.iter_mut().enumerate() {
        let descriptor = ELBUS_BASE + FORCING + number as i32;
        shard.listen(descriptor, SocketKind::Tcp, ListenerProtocol::Elbus(config));
    }
    cluster
}

/// Publishes to each topic, and returns those that the reader hears of.
fn heard(
    cluster: &mut Cluster,
    publisher: &mut ElbusPeer,
    reader: &mut ElbusPeer,
    topics: &[&str],
) -> Vec<String> {
    reader.heard.clear();
    for topic in topics {
        assert_eq!(publisher.ask(cluster, Operation::Publish, &[topic.as_bytes(), b"x"]), 1);
    }
    reader.settle(cluster);
    let heard = topics.iter().filter(|topic| !reader.published(topic).is_empty());
    heard.map(|topic| (*topic).to_owned()).collect()
}

#[test]
pub(crate) fn what_is_excluded_is_not_delivered_until_it_is_included_again() {
    for shards in [1, 2] {
        let mut cluster = cluster(shards, 3);
        let mut reader = ElbusPeer::open(&mut cluster, shards - 1, "reader");
        let mut publisher = ElbusPeer::open(&mut cluster, 0, "publisher");
        let topics = ["a/1", "a/2", "a/b/c", "b/1"];
        assert_eq!(reader.ask(&mut cluster, Operation::Subscribe, &[b"#"]), 1);
        assert_eq!(reader.ask(&mut cluster, Operation::Exclude, &[b"a/1", b"+/b/#"]), 1);
        let found = heard(&mut cluster, &mut publisher, &mut reader, &topics);
        assert_eq!(found, ["a/2", "b/1"], "what is excluded is left out");
        // Exactly the mask that was excluded, and no other, ends the exclusion.
        assert_eq!(reader.ask(&mut cluster, Operation::Unexclude, &[b"a/+", b"+/b/#"]), 1);
        let found = heard(&mut cluster, &mut publisher, &mut reader, &topics);
        assert_eq!(found, ["a/2", "a/b/c", "b/1"]);
        assert_eq!(reader.ask(&mut cluster, Operation::Unexclude, &[b"a/1"]), 1);
        assert_eq!(reader.ask(&mut cluster, Operation::Exclude, &[b"#"]), 1);
        assert!(heard(&mut cluster, &mut publisher, &mut reader, &topics).is_empty());
        assert_eq!(publisher.ask(&mut cluster, Operation::Message, &[b"reader", b"y"]), 1);
        reader.until(&mut cluster, |peer| peer.payloads().contains(&b"y".to_vec()));
        // What somebody else excludes is theirs, and goes with them.
        reader.end();
        reader.until_ended(&mut cluster);
        let mut next = ElbusPeer::open(&mut cluster, shards - 1, "next");
        assert_eq!(next.ask(&mut cluster, Operation::Subscribe, &[b"#"]), 1);
        let found = heard(&mut cluster, &mut publisher, &mut next, &topics);
        assert_eq!(found, topics);
        for shard in &cluster.shards {
            shard.router().invariants().expect("the router is consistent");
        }
    }
}

#[test]
fn there_are_no_more_exclusions_than_may_be() {
    let mut cluster = cluster(1, 4);
    let mut peer = ElbusPeer::open(&mut cluster, 0, "a");
    for number in 0..limits::EXCLUSIONS_PER_CLIENT_MAX + 10 {
        let mask = format!("t/{number}");
        assert_eq!(peer.ask(&mut cluster, Operation::Exclude, &[mask.as_bytes()]), 1);
    }
    assert_eq!(peer.ask(&mut cluster, Operation::Subscribe, &[b"#"]), 1);
    let last = format!("t/{}", limits::EXCLUSIONS_PER_CLIENT_MAX);
    peer.heard.clear();
    for topic in ["t/0", "t/1023", last.as_str()] {
        assert_eq!(peer.ask(&mut cluster, Operation::Publish, &[topic.as_bytes(), b"x"]), 1);
    }
    assert_eq!(peer.payloads().len(), 1, "one too many excludes nothing");
}

#[test]
fn what_is_for_one_receiver_reaches_it_and_its_secondaries_if_they_subscribe() {
    for shards in [1, 3] {
        let mut cluster = cluster(shards, 5);
        let mut peers: Vec<ElbusPeer> = ["a", "a%%1", "a%%2", "b", "ab"]
            .iter()
            .enumerate()
            .map(|(at, name)| ElbusPeer::open(&mut cluster, at % shards, name))
            .collect();
        for at in [0, 1, 3, 4] {
            assert_eq!(peers[at].ask(&mut cluster, Operation::Subscribe, &[b"t/#"]), 1);
        }
        let mut reader = cluster.subscriber(shards - 1, "t.>");
        let parts: [&[u8]; 3] = [b"t/1", b"a", b"pay\0load"];
        assert_eq!(peers[3].ask(&mut cluster, Operation::PublishFor, &parts), 1);
        let got: Vec<usize> = (0..peers.len())
            .filter(|at| {
                peers[*at].settle(&mut cluster);
                peers[*at].published("t/1") == [b"pay\0load".to_vec()]
            })
            .collect();
        assert_eq!(got, [0, 1], "the client of the name and its secondary that subscribes");
        cluster.barrier(&mut reader);
        assert!(reader.seen.is_empty(), "a native client has another name");
    }
}

#[test]
pub(crate) fn secondaries_come_after_their_primary_and_end_with_it() {
    for shards in [1, 2] {
        let mut cluster = cluster(shards, 6);
        let far = shards - 1;
        let early = ElbusPeer::connect(&mut cluster, far, "a%%1");
        assert_eq!(early.code(), 0x71, "nobody has the name of its primary");
        let mut a = ElbusPeer::open(&mut cluster, 0, "a");
        let mut secondaries = [(0, "a%%0"), (far, "a%%1")]
            .map(|(shard, name)| ElbusPeer::open(&mut cluster, shard, name));
        let mut other = ElbusPeer::open(&mut cluster, far, "b");
        a.end();
        for secondary in &mut secondaries {
            secondary.until_ended(&mut cluster);
        }
        other.settle(&mut cluster);
        assert_eq!(other.ask(&mut cluster, Operation::Message, &[b"a%%0", b"x"]), 0x71);
        let late = ElbusPeer::connect(&mut cluster, far, "a%%1");
        assert_eq!(late.code(), 0x71);
        drop(ElbusPeer::open(&mut cluster, far, "a"));
        ElbusPeer::open(&mut cluster, 0, "a%%1");
        cluster.drain();
    }
}

#[test]
pub(crate) fn a_name_can_be_taken_away_and_has_one_owner_at_a_time() {
    for (shards, seed) in [(1, 1), (2, 2), (3, 3), (3, 4)] {
        let mut cluster = cluster(shards, seed);
        let mut witness = ElbusPeer::open(&mut cluster, 0, "witness");
        for round in 0..6 {
            let name = format!("name.{round}");
            let mut first = ElbusPeer::open(&mut cluster, round % shards, &name);
            let twin = ElbusPeer::connect(&mut cluster, (round + 1) % shards, &name);
            assert_eq!(twin.code(), 0x76, "only where it is allowed");
            let shard = FORCING as usize + (round + 1) % shards;
            let mut second = ElbusPeer::open(&mut cluster, shard, &name);
            first.until_ended(&mut cluster);
            let said = witness.ask(&mut cluster, Operation::Message, &[name.as_bytes(), b"x"]);
            assert_eq!(said, 1);
            second.settle(&mut cluster);
            assert_eq!(second.payloads(), [b"x".to_vec()], "who has the name gets it, once");
            first.read();
            assert!(first.payloads().is_empty(), "who had it does not");
            let mut third = ElbusPeer::open(&mut cluster, FORCING as usize + round % shards, &name);
            second.until_ended(&mut cluster);
            third.settle(&mut cluster);
        }
        cluster.drain();
    }
}

#[test]
fn many_that_want_the_same_name_get_it_one_after_the_other() {
    let mut cluster = cluster(3, 9);
    let mut peers: Vec<ElbusPeer> = (0..9)
        .map(|number| ElbusPeer::begin(&mut cluster, FORCING as usize + number % 3, "name"))
        .collect();
    cluster.turns(2_000);
    peers.iter_mut().for_each(ElbusPeer::read);
    let left: Vec<usize> = (0..9).filter(|at| !peers[*at].is_ended()).collect();
    assert_eq!(left.len(), 1, "one of them has it: {left:?}");
    peers[left[0]].settle(&mut cluster);
    cluster.drain();
}
