//! Streams of a broker that runs, on a real disk, with one shard and with two.

use std::path::Path;
use std::time::{Duration, Instant};

use coilgun_protocol::model::{
    AckLevel, AppendConditions, ErrorCode, FollowFrom, Offset, ProducerEpoch, ProducerId,
    ProducerSequence,
};
use coilgun_server::Broker;
use coilgun_server::config::{Config, Limits, LogConfig};

use crate::stream_peer::{Heard, StreamPeer};

fn start(data: &Path, shards: usize) -> Broker {
    start_with(data, shards, &[])
}

fn start_with(data: &Path, shards: usize, namespaces: &[&str]) -> Broker {
    let config = Config {
        listen: Vec::new(),
        data: data.to_owned(),
        shards,
        namespaces: namespaces.iter().map(|it| (*it).to_owned()).collect(),
        limits: Limits { connections_max: 64, ..Limits::default() },
        log: LogConfig { segment_bytes: 8 << 20, ..LogConfig::default() },
        ..Config::default()
    };
    Broker::start(config).expect("the broker starts")
}

fn stop(broker: Broker) {
    broker.stop().expect("it ends in good order");
}

fn payload(partition: u32, number: u32) -> Vec<u8> {
    format!("partition {partition} record {number}").into_bytes()
}

#[test]
fn what_is_appended_is_read_by_everybody_and_after_a_restart() {
    for shards in [1, 2] {
        let data = tempfile::tempdir().expect("there is a temporary directory");
        let socket = data.path().join("coilgun.sock");
        let broker = start(data.path(), shards);
        let mut peers: Vec<StreamPeer> = (0..4).map(|_| StreamPeer::connect(&socket)).collect();
        let rows = peers[0].create("orders", 4).expect("it can be made");
        assert_eq!(rows.len(), 4);
        let owners: std::collections::BTreeSet<u16> = rows.iter().map(|row| row.shard).collect();
        assert_eq!(owners.len(), shards, "partitions are spread");
        assert_eq!(peers[1].create("orders", 4), Err(ErrorCode::StreamExists));
        assert_eq!(peers[2].list(), [(b"orders".to_vec(), 4)]);
        // Every client appends to every partition, in turns.
        for number in 0..20 {
            for partition in 0..4 {
                let peer = &mut peers[(number % 4) as usize];
                let payload = payload(partition, number);
                let appended = peer.append("orders", partition, &[&payload]);
                assert_eq!((appended.code, appended.partition), (0, partition));
                assert_eq!(appended.base_offset, Offset(number.into()));
                assert_eq!(appended.level, AckLevel::Durable);
            }
        }
        read_everything(&mut peers, 20);
        stop(broker);

        let broker = start(data.path(), shards);
        let mut peers: Vec<StreamPeer> = (0..4).map(|_| StreamPeer::connect(&socket)).collect();
        let again = peers[3].describe("orders").expect("it is there");
        for (row, before) in again.iter().zip(&rows) {
            assert_eq!((row.id, row.end_offset), (before.id, Offset(20)));
        }
        read_everything(&mut peers, 20);
        let appended = peers[0].append("orders", 2, &[b"more", b"and more"]);
        assert_eq!((appended.code, appended.base_offset), (0, Offset(20)));
        assert_eq!(peers[1].delete("orders"), ErrorCode::Ok);
        assert_eq!(peers[2].describe("orders"), Err(ErrorCode::UnknownStream));
        assert!(peers[3].list().is_empty());
        stop(broker);
    }
}

/// How many bytes the files below a folder have.
fn bytes_below(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).expect("it is there");
    let bytes = entries.map(|entry| {
        let entry = entry.expect("it can be listed");
        match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => bytes_below(&entry.path()),
            Ok(metadata) => metadata.len(),
            // It was removed meanwhile.
            Err(_) => 0,
        }
    });
    bytes.sum()
}

#[test]
fn l9_a_broker_gives_back_what_only_a_deleted_stream_needed() {
    let data = tempfile::tempdir().expect("there is a temporary directory");
    let broker = start(data.path(), 1);
    let mut peer = StreamPeer::connect(&data.path().join("coilgun.sock"));
    peer.create("large", 1).expect("it can be made");
    let payload = vec![7; 500_000];
    for _ in 0..120 {
        peer.append("large", 0, &[&payload]);
    }
    peer.create("small", 1).expect("it can be made");
    let before = bytes_below(data.path());
    assert_eq!(peer.delete("large"), ErrorCode::Ok);
    let begun = Instant::now();
    // Ends when the space is back; a broker that never gives it back fails the test.
    while bytes_below(data.path()) + 30_000_000 > before {
        assert!(begun.elapsed() < Duration::from_secs(60), "{before} bytes stay");
        peer.describe("small").expect("it is there");
    }
    stop(broker);
    let broker = start(data.path(), 1);
    let mut peer = StreamPeer::connect(&data.path().join("coilgun.sock"));
    assert_eq!(peer.list(), [(b"small".to_vec(), 1)]);
    stop(broker);
}

/// Somebody forgets a namespace in the configuration, and finds that out later.
#[test]
fn l10_streams_of_a_namespace_that_is_not_configured_are_kept() {
    for shards in [1, 2] {
        let data = tempfile::tempdir().expect("there is a temporary directory");
        let socket = data.path().join("coilgun.sock");
        let broker = start_with(data.path(), shards, &["plant", "mill"]);
        let mut peer = StreamPeer::connect_in(&socket, "mill");
        let rows = peer.create("kept", 4).expect("it can be made");
        for partition in 0..4 {
            peer.append("kept", partition, &[b"kept"]);
        }
        stop(broker);

        for _ in 0..3 {
            let broker = start(data.path(), shards);
            let mut peer = StreamPeer::connect(&socket);
            assert_eq!(broker.hidden_namespaces(), ["mill"], "and whoever starts it is told");
            assert!(peer.list().is_empty(), "nobody reaches them");
            peer.create("other", 2).expect("numbers go on");
            assert_eq!(peer.delete("other"), ErrorCode::Ok);
            stop(broker);
        }

        let broker = start_with(data.path(), shards, &["mill"]);
        let mut peer = StreamPeer::connect_in(&socket, "mill");
        let again = peer.describe("kept").expect("it is there again");
        for (row, before) in again.iter().zip(&rows) {
            assert_eq!((row.id, row.end_offset), (before.id, Offset(1)));
        }
        assert_eq!(peer.append("kept", 3, &[b"more"]).base_offset, Offset(1));
        stop(broker);
    }
}

#[test]
fn batches_as_large_as_they_may_be_are_appended_and_read_on_every_shard() {
    for shards in [1, 2] {
        let data = tempfile::tempdir().expect("there is a temporary directory");
        let broker = start(data.path(), shards);
        let socket = data.path().join("coilgun.sock");
        let mut peers: Vec<StreamPeer> = (0..2).map(|_| StreamPeer::connect(&socket)).collect();
        peers[0].create("large", 2).expect("it can be made");
        // Two records of nearly a mebibyte each, and what they take beside their payload.
        let payloads = [vec![1; (1 << 20) - 512], vec![2; (1 << 20) - 512]];
        let both: Vec<&[u8]> = payloads.iter().map(|payload| &payload[..]).collect();
        for (turn, partition) in [0, 1, 0, 1, 1, 0, 1, 0].into_iter().enumerate() {
            let peer = &mut peers[turn % 2];
            let appended = peer.append("large", partition, &both);
            assert_eq!((appended.code, appended.partition), (0, partition), "{shards} shards");
        }
        for (turn, partition) in [0, 1, 1, 0].into_iter().enumerate() {
            let peer = &mut peers[turn % 2];
            let all = peer.read_all(u64::from(partition) + 5, "large", partition);
            assert_eq!(all.len(), 8);
            assert!(all.chunks(2).all(|pair| pair == payloads), "nothing of them is altered");
        }
        drop(peers);
        stop(broker);
    }
}

fn read_everything(peers: &mut [StreamPeer], count: u32) {
    for (peer, partition) in peers.iter_mut().zip(0..) {
        let all = peer.read_all(7, "orders", partition);
        let expected: Vec<Vec<u8>> = (0..count).map(|number| payload(partition, number)).collect();
        assert_eq!(all, expected);
    }
}

#[test]
fn who_follows_at_the_tail_sees_what_comes() {
    for shards in [1, 2] {
        let data = tempfile::tempdir().expect("there is a temporary directory");
        let socket = data.path().join("coilgun.sock");
        let broker = start(data.path(), shards);
        let (mut producer, mut follower) =
            (StreamPeer::connect(&socket), StreamPeer::connect(&socket));
        producer.create("news", 2).expect("it can be made");
        for partition in 0..2 {
            let follow = 1 + u64::from(partition);
            let code = follower.follow(follow, "news", partition, FollowFrom::End, false);
            assert_eq!(code, ErrorCode::Ok);
            for number in 0..10 {
                let payload = payload(partition, number);
                producer.append("news", partition, &[&payload]);
                let Heard::Records { follow: of, base_offset, payloads } = follower.hear() else {
                    panic!("it sees what was appended");
                };
                assert_eq!((of.0, base_offset), (follow, number.into()));
                assert_eq!(payloads, [payload]);
            }
        }
        let from = FollowFrom::At(Offset(99));
        assert_eq!(follower.follow(9, "news", 0, from, false), ErrorCode::OffsetOutOfRange);
        assert_eq!(
            follower.follow(1, "news", 0, FollowFrom::End, false),
            ErrorCode::DuplicateFollow
        );
        assert_eq!(follower.follow(8, "news", 2, from, false), ErrorCode::UnknownPartition);
        assert_eq!(follower.follow(8, "olds", 0, from, false), ErrorCode::UnknownStream);
        // A stream that goes takes its followers with it.
        assert_eq!(producer.delete("news"), ErrorCode::Ok);
        for _ in 0..2 {
            let Heard::Ended(ended) = follower.hear() else { panic!("followers are told") };
            assert_eq!(ended.code, ErrorCode::StreamDeleted as u16);
        }
        stop(broker);
    }
}

#[test]
fn l13_an_idempotent_producer_is_answered_the_same_again() {
    for shards in [1, 2] {
        let data = tempfile::tempdir().expect("there is a temporary directory");
        let socket = data.path().join("coilgun.sock");
        let broker = start(data.path(), shards);
        let mut peer = StreamPeer::connect(&socket);
        peer.create("once", 2).expect("it can be made");
        let at = |epoch, sequence| AppendConditions {
            producer: ProducerId(7),
            epoch: ProducerEpoch(epoch),
            sequence: ProducerSequence(sequence),
            expected: None,
        };
        for partition in 0..2 {
            let mut append = |epoch, sequence, level| {
                let payloads: [&[u8]; 2] = [b"a", b"b"];
                let conditions = at(epoch, sequence);
                let ticket = peer.send_append("once", partition, level, conditions, &payloads);
                peer.appended(ticket)
            };
            let first = append(1, 0, AckLevel::Durable);
            let again = append(1, 0, AckLevel::Durable);
            assert_eq!((first.code, again.code), (0, 0));
            assert_eq!(first.base_offset, again.base_offset);
            let gap = append(1, 4, AckLevel::Durable);
            assert_eq!((gap.code, gap.detail), (ErrorCode::SequenceGap as u16, 2));
            let next = append(1, 2, AckLevel::Leader);
            assert_eq!((next.code, next.base_offset), (0, Offset(2)));
            let anew = append(2, 0, AckLevel::Durable);
            assert_eq!((anew.code, anew.base_offset), (0, Offset(4)));
            let fenced = append(1, 4, AckLevel::Durable);
            assert_eq!((fenced.code, fenced.detail), (ErrorCode::ProducerFenced as u16, 2));
            let expected =
                AppendConditions { expected: Some(Offset(9)), ..AppendConditions::default() };
            let ticket = peer.send_append("once", partition, AckLevel::Durable, expected, &[b"x"]);
            let unexpected = peer.appended(ticket);
            assert_eq!(unexpected.code, ErrorCode::UnexpectedOffset as u16);
            assert_eq!(unexpected.detail, 6);
        }
        stop(broker);
    }
}

#[test]
fn large_batches_cross_shards_and_segments() {
    let data = tempfile::tempdir().expect("there is a temporary directory");
    let socket = data.path().join("coilgun.sock");
    let broker = start(data.path(), 2);
    let mut peers: Vec<StreamPeer> = (0..2).map(|_| StreamPeer::connect(&socket)).collect();
    peers[0].create("large", 2).expect("it can be made");
    let record = |number: u32| vec![number as u8; 900_000];
    for number in 0..30 {
        for partition in 0..2 {
            let appended =
                peers[(number % 2) as usize].append("large", partition, &[&record(number)]);
            assert_eq!((appended.code, appended.base_offset), (0, Offset(number.into())));
        }
    }
    for partition in 0..2 {
        let all = peers[1].read_all(3, "large", partition);
        assert!(all.iter().map(Vec::len).eq(std::iter::repeat_n(900_000, 30)));
        assert!((0..).zip(&all).all(|(number, payload)| *payload == record(number)));
    }
    stop(broker);
}
