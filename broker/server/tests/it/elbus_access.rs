//! Clients of elbus that are listed: what each of them may do, and how that changes.

use std::sync::Arc;

use coilgun_protocol::elbus::{ElbusConfig, Operation};
use coilgun_server::config::{ElbusClientConfig, RulesConfig};
use coilgun_server::env::sim::{Faults, SimWorld};
use coilgun_server::net::SocketKind;
use coilgun_server::security::{AccessHandle, ElbusAccess, SharedAccess};
use coilgun_server::shard::{ListenerProtocol, ListenerSettings, ShardSettings};

use crate::cluster::Cluster;
use crate::elbus_peer::{ELBUS_BASE, ElbusPeer};

/// Where those connect that are looked up, beside the number of the shard.
const LISTED_BASE: i32 = ELBUS_BASE + 100;

fn rules(allow: &[&str], deny: &[&str]) -> Option<RulesConfig> {
    let texts = |masks: &[&str]| masks.iter().map(|mask| (*mask).to_owned()).collect();
    Some(RulesConfig { allow: Some(texts(allow)), deny: texts(deny) })
}

/// A client that may do a few things.
fn worker() -> ElbusClientConfig {
    ElbusClientConfig {
        peers: rules(&["boss.*", "worker"], &["boss.secret"]),
        publish: rules(&["out/#"], &["out/secret/#"]),
        subscribe: rules(&["in/#", "out/#"], &["in/secret/#"]),
        broadcast: rules(&["boss.?"], &[]),
        ..ElbusClientConfig::named("worker")
    }
}

/// Shards on which clients are looked up, and who changes what they find.
fn cluster(shards: usize, clients: &[ElbusClientConfig]) -> (Cluster, AccessHandle) {
    let world = SimWorld::new(1, Faults::none());
    let mut cluster = Cluster::new(&world, shards, &ShardSettings::default());
    let access = ElbusAccess::of(clients).expect("they are clients");
    let shared = Arc::new(SharedAccess::new(Some(access), Arc::default()));
    let settings = ListenerSettings {
        is_listed: true,
        ..ListenerProtocol::Elbus(ElbusConfig::default()).into()
    };
    let all = std::mem::take(&mut cluster.shards).into_iter().enumerate();
    let listening = all.map(|(number, shard)| {
        let mut shard = shard.with_elbus_access(Arc::clone(&shared));
        shard.listen(LISTED_BASE + number as i32, SocketKind::Tcp, settings);
        shard
    });
    cluster.shards = listening.collect();
    let handle = AccessHandle::new(shared, cluster.controls.clone().into());
    (cluster, handle)
}

/// Connects to a shard as one of those that are looked up.
fn connect(cluster: &mut Cluster, shard: usize, name: &str) -> ElbusPeer {
    // The numbers of their sockets lie behind those of the others.
    ElbusPeer::connect(cluster, shard + 100, name)
}

#[test]
fn each_list_allows_and_denies() {
    let (mut cluster, _) = cluster(2, &[worker()]);
    let mut boss = ElbusPeer::open(&mut cluster, 0, "boss.x");
    let mut secret = ElbusPeer::open(&mut cluster, 1, "boss.secret");
    let mut worker = connect(&mut cluster, 1, "worker");
    assert_eq!(worker.code(), 1);
    let mut ask = |operation, parts: &[&[u8]]| worker.ask(&mut cluster, operation, parts);
    assert_eq!(ask(Operation::Message, &[b"boss.x", b"hello"]), 1);
    assert_eq!(ask(Operation::Message, &[b"boss.secret", b"no"]), 0x79);
    assert_eq!(ask(Operation::Message, &[b"other", b"no"]), 0x79);
    assert_eq!(ask(Operation::Message, &[b".broker", b"no"]), 0x79);
    assert_eq!(ask(Operation::Publish, &[b"out/a", b""]), 1);
    assert_eq!(ask(Operation::Publish, &[b"out/secret/a", b""]), 0x79);
    assert_eq!(ask(Operation::Publish, &[b"boss/x", b""]), 0x79, "a name is no topic");
    assert_eq!(ask(Operation::Broadcast, &[b"boss.?", b"all"]), 1);
    assert_eq!(ask(Operation::Broadcast, &[b"boss.*", b"no"]), 0x79);
    assert_eq!(ask(Operation::Broadcast, &[b"boss.x", b"all"]), 1);
    assert_eq!(ask(Operation::Subscribe, &[b"in/#"]), 1);
    assert_eq!(ask(Operation::Subscribe, &[b"elsewhere"]), 0x79);
    assert_eq!(ask(Operation::Subscribe, &[b"#"]), 0x79, "more than is allowed");
    assert_eq!(ask(Operation::Subscribe, &[b"in/secret/x"]), 0x79);
    for topic in ["in/secret/a", "in/a"] {
        boss.ask(&mut cluster, Operation::Publish, &[topic.as_bytes(), topic.as_bytes()]);
    }
    worker.settle(&mut cluster);
    assert_eq!(worker.payloads(), [b"in/a".to_vec()], "what is denied inside of it is hidden");
    boss.settle(&mut cluster);
    secret.settle(&mut cluster);
    assert_eq!(boss.payloads(), [b"hello".to_vec(), b"all".to_vec(), b"all".to_vec()]);
    assert_eq!(secret.payloads(), [b"all".to_vec()], "the mask is allowed, whoever it reaches");
}

#[test]
fn several_topics_are_answered_one_by_one_where_they_are_denied() {
    let (mut cluster, _) = cluster(1, &[worker()]);
    let mut worker = connect(&mut cluster, 0, "worker");
    let topics: [&[u8]; 4] = [b"in/a", b"no/a", b"out/b", b"no/b"];
    let number = worker.say(Operation::Subscribe, coilgun_protocol::elbus::Qos::PROCESSED, &topics);
    worker.until(&mut cluster, |peer| peer.acks(number).len() == 3);
    assert_eq!(worker.acks(number), [0x79, 0x79, 1]);
    worker.ask(&mut cluster, Operation::Publish, &[b"out/b", b"x"]);
    worker.until(&mut cluster, |peer| !peer.payloads().is_empty());
}

#[test]
fn who_is_not_listed_or_comes_from_elsewhere_is_refused() {
    let near = ElbusClientConfig {
        hosts: Some(vec!["192.0.2.0/24".to_owned(), "2001:db8::/32".to_owned()]),
        ..ElbusClientConfig::named("near")
    };
    let far = ElbusClientConfig {
        hosts: Some(vec!["203.0.113.5".to_owned()]),
        ..ElbusClientConfig::named("far")
    };
    let (mut cluster, _) = cluster(1, &[near, far, ElbusClientConfig::named("anywhere")]);
    assert_eq!(connect(&mut cluster, 0, "near").code(), 1);
    assert_eq!(connect(&mut cluster, 0, "near%%1").code(), 1, "a secondary is its primary");
    assert_eq!(connect(&mut cluster, 0, "anywhere").code(), 1);
    assert_eq!(connect(&mut cluster, 0, "far").code(), 0x79);
    assert_eq!(connect(&mut cluster, 0, "nobody").code(), 0x79);
    let mut free = ElbusPeer::open(&mut cluster, 0, "elsewhere");
    assert_eq!(free.ask(&mut cluster, Operation::Message, &[b"near", b"x"]), 1, "another listener");
}

#[test]
pub(crate) fn a_client_whose_entry_changes_is_cut_off() {
    let entries = [worker(), ElbusClientConfig::named("same"), ElbusClientConfig::named("gone")];
    let (mut cluster, handle) = cluster(2, &entries);
    let mut same = connect(&mut cluster, 0, "same");
    let mut worker_peer = connect(&mut cluster, 1, "worker");
    let mut secondary = connect(&mut cluster, 0, "worker%%1");
    let mut gone = connect(&mut cluster, 1, "gone");
    same.ask(&mut cluster, Operation::Subscribe, &[b"out/#"]);
    assert_eq!(worker_peer.ask(&mut cluster, Operation::Publish, &[b"out/a", b"1"]), 1);
    handle.remove("gone").expect("it is a name");
    gone.until_ended(&mut cluster);
    let more = ElbusClientConfig { publish: rules(&["more/#"], &[]), ..worker() };
    handle.set(&more).expect("it is a client");
    worker_peer.until_ended(&mut cluster);
    secondary.until_ended(&mut cluster);
    assert_eq!(connect(&mut cluster, 1, "gone").code(), 0x79);
    let mut again = connect(&mut cluster, 0, "worker");
    assert_eq!(again.ask(&mut cluster, Operation::Publish, &[b"out/a", b"2"]), 0x79);
    assert_eq!(again.ask(&mut cluster, Operation::Publish, &[b"more/a", b"3"]), 1);
    // Whoever was not meant goes on, with the subscription it had.
    let mut boss = ElbusPeer::open(&mut cluster, 1, "boss.x");
    boss.ask(&mut cluster, Operation::Publish, &[b"out/b", b"4"]);
    same.until(&mut cluster, |peer| peer.payloads() == [b"1".to_vec(), b"4".to_vec()]);
    assert!(!same.is_ended());
    handle.replace(None).expect("there is nothing wrong with nothing");
    same.until_ended(&mut cluster);
    let mut anybody = connect(&mut cluster, 0, "anybody");
    assert_eq!(anybody.code(), 1, "everybody may come again");
    let mut worker_peer = connect(&mut cluster, 1, "worker");
    handle.replace(None).expect("there is nothing wrong with nothing");
    assert_eq!(anybody.ask(&mut cluster, Operation::Publish, &[b"any/where", b"x"]), 1, "still");
    handle.set(&worker()).expect("it is a client");
    anybody.until_ended(&mut cluster);
    worker_peer.until_ended(&mut cluster);
    assert_eq!(connect(&mut cluster, 0, "anybody").code(), 0x79);
    let wrong = ElbusClientConfig::named("a%%b");
    assert!(handle.set(&wrong).is_err() && handle.replace(Some(&[wrong])).is_err());
}

#[test]
fn changes_keep_nothing_of_what_was_before() {
    let (mut cluster, handle) = cluster(1, &[ElbusClientConfig::named("same")]);
    let mut same = connect(&mut cluster, 0, "same");
    // More different entries, one after the other, than there could be identities.
    for number in 0..70_000u32 {
        let topic = format!("out/{number}");
        let entry = ElbusClientConfig {
            publish: rules(&[&topic], &[]),
            ..ElbusClientConfig::named("other")
        };
        handle.set(&entry).expect("it is a client");
        cluster.turn();
    }
    assert_eq!(same.ask(&mut cluster, Operation::Publish, &[b"a", b"x"]), 1);
    let mut other = connect(&mut cluster, 0, "other");
    assert_eq!(other.ask(&mut cluster, Operation::Publish, &[b"out/69998", b"x"]), 0x79);
    assert_eq!(other.ask(&mut cluster, Operation::Publish, &[b"out/69999", b"x"]), 1);
}
