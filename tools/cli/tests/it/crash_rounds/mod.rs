//! A broker that is killed with SIGKILL again and again, under load, and what producers and followers find
//! when it is back: nothing that was acked is lost, nothing is doubled, and nobody sees a gap.

mod files;
mod follower;
mod producer;

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Instant;

use crate::process::{self, Running, coilgun};
use crate::stream_peer::StreamPeer;
use files::Files;
use follower::Follower;
use producer::Producer;

/// Partitions of the stream, and producers, of which each has one.
const PARTITION_COUNT: u32 = 4;

/// How often the broker is killed.
fn round_count() -> u64 {
    if std::env::var_os("COILGUN_TEST_FULL").is_some() { 2_000 } else { 200 }
}

fn start(folder: &std::path::Path) -> Running {
    let arguments = [
        "serve",
        "--config",
        "coilgun.toml",
        "--data",
        "data",
        "--shards",
        "2",
        "--listen",
        "127.0.0.1:0",
    ];
    let mut command = coilgun(&arguments);
    command.current_dir(folder);
    let mut process = Running::start(command);
    process.wait_for("coilgun: listening on 127");
    process.wait_for("coilgun: listening on ");
    process
}

/// A number that follows from the round, so that a run can be repeated.
fn dice(round: u64) -> u64 {
    let mixed = (round + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    (mixed ^ (mixed >> 29)).wrapping_mul(0xBF58_476D_1CE4_E5B9) >> 33
}

#[test]
fn l7_l13_nothing_acked_is_lost_or_doubled_whenever_the_broker_is_killed() {
    let folder = process::folder();
    let socket = folder.path().join("data/coilgun.sock");
    std::fs::write(folder.path().join("coilgun.toml"), "[log]\nsegment_bytes = 8388608\n")
        .expect("the folder is writable");
    let files = Files::of_this_repository();
    let mut producers: Vec<Producer> =
        (0..PARTITION_COUNT).map(|partition| Producer::new(partition, &files)).collect();
    let mut followers: Vec<Follower> = (0..PARTITION_COUNT).map(Follower::new).collect();
    let begun = Instant::now();
    for round in 0..round_count() {
        let broker = start(folder.path());
        if round == 0 {
            let rows = StreamPeer::connect(&socket).create("files", PARTITION_COUNT);
            assert_eq!(rows.map(|rows| rows.len()), Ok(PARTITION_COUNT as usize));
        }
        let acks_wanted = 1 + dice(round) % 120;
        let acks = AtomicU64::new(0);
        thread::scope(|scope| {
            for producer in &mut producers {
                let (peer, acks) = (StreamPeer::connect(&socket), &acks);
                scope.spawn(move || producer.run(peer, acks));
            }
            for follower in &mut followers {
                let peer = StreamPeer::connect(&socket);
                scope.spawn(move || follower.run(peer));
            }
            // Ends as soon as so many acks have come: every producer sends until the broker is dead.
            while acks.load(Ordering::Relaxed) < acks_wanted {
                thread::yield_now();
            }
            broker.signal(libc::SIGKILL);
        });
        drop(broker);
    }
    let took = begun.elapsed();

    let broker = start(folder.path());
    let mut peer = StreamPeer::connect(&socket);
    let (mut records, mut resent) = (0, 0);
    for (producer, follower) in producers.iter().zip(&followers) {
        let all = peer.read_all(100 + u64::from(producer.partition), "files", producer.partition);
        producer.check(&all);
        follower.check(&all);
        records += all.len() as u64;
        resent += producer.resent;
    }
    let seen: u64 = followers.iter().map(|follower| follower.seen()).sum();
    broker.signal(libc::SIGTERM);
    assert_eq!(broker.end().status, 0);
    let rounds = round_count();
    println!("{rounds} kills, {records} records, {resent} sent again, {seen} followed, {took:?}");
    assert!(records > 20 * rounds && resent > rounds / 4 && seen > 5 * rounds);
}
