//! Streams on simulated shards, whose disks are slow, full, or fail.

use std::future::Future;
use std::path::PathBuf;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use coilgun_protocol::model::{
    AckLevel, AppendConditions, BodyKind, ErrorCode, FollowFrom, FollowId, Offset, PartitionChoice,
    ShardId, Ticket,
};
use coilgun_protocol::native::{
    AppendFrame, AppendedFrame, ClientFrame, FollowRequest, NativeConfig, Record, StreamCreate,
    StreamRequest, append_record, body_crc,
};
use coilgun_server::env::Turn;
use coilgun_server::env::sim::{Faults, SimWorld};
use coilgun_server::shard::{ShardSettings, StreamSetup};
use coilgun_storage::Identity;
use coilgun_storage::disk::sim::Faults as DiskFaults;
use coilgun_storage::journal::Geometry;

use crate::cluster::Cluster;
use crate::native_peer::Peer;
use crate::stream_peer::Heard;

/// Shards with logs on simulated disks; only the names of their directories are real.
pub(crate) struct Streams {
    pub(crate) cluster: Cluster,
    data: tempfile::TempDir,
}

impl Streams {
    pub(crate) fn start(seed: u64, shard_count: usize) -> Streams {
        let data = tempfile::tempdir().expect("there is a temporary directory");
        let world = SimWorld::new(seed, Faults::none());
        let native = NativeConfig { streams: true, ..NativeConfig::default() };
        let settings = ShardSettings { native, ..ShardSettings::default() };
        let mut cluster = Cluster::new(&world, shard_count, &settings);
        for (number, shard) in cluster.shards.iter_mut().enumerate() {
            let setup = StreamSetup {
                data: data.path().to_owned(),
                identity: Identity { log_id: 5, created_unix_ms: 1 },
                geometry: Geometry {
                    segment_bytes: 256 * 1024,
                    group_bytes_max: 64 * 1024,
                    group_entries_max: 64,
                },
                cache_bytes: 1 << 20,
                log_count: shard_count as u16,
                shard: ShardId::new(number),
                shard_count,
                limits: Default::default(),
            };
            at_once(shard.open_logs(setup)).expect("there is nothing to open");
        }
        Streams { cluster, data }
    }

    /// The directory of a log.
    fn log(&self, number: u32) -> PathBuf {
        self.data.path().join(coilgun_storage::log_directory_name(number))
    }

    /// A client with a stream of this many partitions.
    pub(crate) fn with_stream(&mut self, shard: usize, partition_count: u32) -> Peer {
        let mut peer = self.cluster.open(shard, "");
        peer.send(&ClientFrame::Stream(StreamRequest::Create(StreamCreate {
            correlation: Ticket(1),
            name: b"s",
            partition_count,
            co_located: false,
        })));
        self.cluster.until(&mut peer, |peer| !peer.heard.is_empty());
        assert!(matches!(peer.heard.remove(0), Heard::Described(Ticket(1), _)));
        peer
    }
}

/// The result of a future that waits for nothing.
fn at_once<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(result) => result,
        Poll::Pending => panic!("it waits for nothing"),
    }
}

pub(crate) fn append(peer: &Peer, ticket: u64, partition: u32, payload: &[u8]) {
    let mut body = Vec::new();
    append_record(&Record { payload, ..Record::default() }, &mut body).expect("it is small");
    peer.send(&ClientFrame::Stream(StreamRequest::Append(AppendFrame {
        correlation: Ticket(ticket),
        stream: b"s",
        partition: PartitionChoice::Index(partition),
        conditions: AppendConditions::default(),
        level: AckLevel::Durable,
        body_kind: BodyKind::Native,
        count: 1,
        body_crc: body_crc(&body),
        body: &body,
    })));
}

fn follow(peer: &Peer, partition: u32) {
    peer.send(&ClientFrame::Stream(StreamRequest::Follow(FollowRequest {
        follow: FollowId(u64::from(partition) + 1),
        correlation: Ticket::NONE,
        stream: b"s",
        partition,
        from: FollowFrom::At(Offset(0)),
        credit_records: 1 << 20,
        credit_bytes: 1 << 30,
        stop_at_end: false,
    })));
}

fn appended(peer: &Peer) -> Vec<AppendedFrame> {
    let appended = peer.heard.iter().filter_map(|heard| match heard {
        Heard::Appended(appended) => Some(*appended),
        Heard::Welcome(_)
        | Heard::Outcome(..)
        | Heard::Described(..)
        | Heard::Listed(_)
        | Heard::Records { .. }
        | Heard::Ended(_)
        | Heard::Other(_) => None,
    });
    appended.collect()
}

/// What a peer was sent of a partition, in order and without a gap.
fn records(peer: &Peer, partition: u32) -> Vec<Vec<u8>> {
    let mut all: Vec<Vec<u8>> = Vec::new();
    for heard in &peer.heard {
        if let Heard::Records { follow, base_offset, payloads } = heard
            && follow.0 == u64::from(partition) + 1
        {
            assert_eq!(*base_offset, all.len() as u64, "no gap");
            all.extend(payloads.iter().cloned());
        }
    }
    all
}

#[test]
fn everybody_sees_the_same_whatever_the_shards_and_the_disks_do() {
    for seed in 0..20 {
        let shard_count = 1 + (seed as usize % 3);
        let mut streams = Streams::start(seed, shard_count);
        let mut producer = streams.with_stream(0, 3);
        let mut others: Vec<Peer> =
            (0..shard_count).map(|shard| streams.cluster.open(shard, "")).collect();
        for number in 0..shard_count as u32 {
            let slow = DiskFaults { slow: 100, ..DiskFaults::none() };
            streams.cluster.world.disks(&streams.log(number)).set_faults(slow);
        }
        others.iter().for_each(|peer| (0..3).for_each(|partition| follow(peer, partition)));
        let payload = |partition: u32, number: u64| {
            let mut payload = format!("{partition} {number} ").into_bytes();
            payload.resize(payload.len() + (number as usize * 97) % 3_000, b'.');
            payload
        };
        let each = 60;
        for number in 0..each {
            for partition in 0..3 {
                append(&producer, 10 + number, partition, &payload(partition, number));
            }
            streams.cluster.turns((number % 3) as usize);
        }
        let all = 3 * each as usize;
        streams.cluster.until(&mut producer, |peer| appended(peer).len() == all);
        assert!(appended(&producer).iter().all(|it| it.code == 0), "seed {seed}");
        for peer in &mut others {
            streams.cluster.until(peer, |peer| {
                (0..3).all(|partition| records(peer, partition).len() == each as usize)
            });
            for partition in 0..3 {
                let expected: Vec<Vec<u8>> =
                    (0..each).map(|number| payload(partition, number)).collect();
                assert_eq!(records(peer, partition), expected, "seed {seed}");
            }
        }
        drop(others);
        streams.cluster.drain();
    }
}

#[test]
fn l14_a_write_that_fails_leaves_outcomes_unknown_and_ends_the_shard() {
    let mut streams = Streams::start(7, 1);
    let mut peer = streams.with_stream(0, 1);
    append(&peer, 10, 0, b"before");
    streams.cluster.until(&mut peer, |peer| appended(peer).len() == 1);
    let disk = streams.cluster.world.disks(&streams.log(0));
    disk.set_faults(DiskFaults { write_error: 1000, ..DiskFaults::none() });
    append(&peer, 11, 0, b"in flight");
    append(&peer, 12, 0, b"in flight as well");
    let shard = &mut streams.cluster.shards[0];
    let mut turns = 0;
    let ended = loop {
        turns += 1;
        assert!(turns < 1_000, "the shard ends");
        let now = shard.now();
        if let Err(error) = shard.turn(now) {
            break error;
        }
    };
    assert!(ended.to_string().contains("log"), "{ended}");
    let fault = shard.take_log_fault().expect("it says why");
    assert!(fault.to_string().contains("may be stored or not"), "{fault}");
    peer.read(usize::MAX);
    let codes: Vec<u16> = appended(&peer).iter().map(|it| it.code).collect();
    let unknown = ErrorCode::OutcomeUnknown as u16;
    assert_eq!(codes, [0, unknown, unknown], "nothing that may be stored is called not stored");
}

#[test]
fn l19_a_full_disk_refuses_appends_serves_readers_and_takes_them_again() {
    let mut streams = Streams::start(9, 1);
    let mut peer = streams.with_stream(0, 1);
    let disk = streams.cluster.world.disks(&streams.log(0));
    disk.set_capacity(Some(disk.used_bytes()));
    let payload = [b'x'; 20_000];
    let mut ticket = 100;
    let full = ErrorCode::StorageFull as u16;
    // Ends because segments are of some size.
    while !appended(&peer).iter().any(|it| it.code == full) {
        assert!(ticket < 1_000, "the disk is full some time");
        ticket += 1;
        append(&peer, ticket, 0, &payload);
        let count = appended(&peer).len() + 1;
        streams.cluster.until(&mut peer, |peer| appended(peer).len() == count);
    }
    let stored = appended(&peer).iter().filter(|it| it.code == 0).count();
    assert!(stored > 5, "there was some room");
    // Readers and requests go on.
    let mut reader = streams.cluster.open(0, "");
    follow(&reader, 0);
    streams.cluster.until(&mut reader, |peer| records(peer, 0).len() == stored);
    // There is room again, which is found out after a while.
    disk.set_capacity(None);
    streams.cluster.world.advance_ms(2_000);
    streams.cluster.turns(50);
    append(&peer, 5_000, 0, &payload);
    streams.cluster.until(&mut peer, |peer| {
        appended(peer).last().is_some_and(|last| last.correlation == Ticket(5_000))
    });
    assert_eq!(
        appended(&peer).last().map(|it| (it.code, it.base_offset.0)),
        Some((0, stored as u64))
    );
    drop((peer, reader, disk));
    streams.cluster.drain();
}

#[test]
fn a_fault_of_the_disk_that_reads_ends_the_follower_and_nothing_else() {
    let mut streams = Streams::start(11, 1);
    let mut peer = streams.with_stream(0, 1);
    // More than the groups that are kept in memory hold: it is read from the disk.
    let payload = [b'y'; 30_000];
    let count = 400;
    for number in 0..count {
        append(&peer, 100 + number, 0, &payload);
        if number % 8 == 7 {
            let seen = number as usize + 1;
            streams.cluster.until(&mut peer, |peer| appended(peer).len() == seen);
        }
    }
    assert!(appended(&peer).iter().all(|it| it.code == 0));
    let disk = streams.cluster.world.disks(&streams.log(0));
    disk.set_faults(DiskFaults { read_error: 1000, ..DiskFaults::none() });
    let mut reader = streams.cluster.open(0, "");
    follow(&reader, 0);
    streams
        .cluster
        .until(&mut reader, |peer| peer.heard.iter().any(|heard| matches!(heard, Heard::Ended(_))));
    let corrupt = ErrorCode::CorruptRecords as u16;
    assert!(matches!(reader.heard.last(), Some(Heard::Ended(ended)) if ended.code == corrupt));
    // The next one finds the disk well again.
    disk.set_faults(DiskFaults::none());
    reader.heard.clear();
    follow(&reader, 0);
    streams.cluster.until(&mut reader, |peer| records(peer, 0).len() == count as usize);
    let counters = streams.cluster.counters(0);
    assert!(counters.reads_from_disk > 10 && counters.appends_parked > 0, "{counters:?}");
    assert!(counters.checkpoints > 3, "{counters:?}");
}
