//! A broker that is killed with SIGKILL again and again, under load, and what producers and followers find
//! when it is back: nothing that was acked is lost, nothing is doubled, and nobody sees a gap.

use std::time::Instant;

use crate::load::{Crowd, dice};
use crate::process::{self, Running, coilgun};
use crate::stream_peer::StreamPeer;

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

#[test]
fn l7_l13_nothing_acked_is_lost_or_doubled_whenever_the_broker_is_killed() {
    let folder = process::folder();
    let socket = folder.path().join("data/coilgun.sock");
    std::fs::write(folder.path().join("coilgun.toml"), "[log]\nsegment_bytes = 8388608\n")
        .expect("the folder is writable");
    let mut crowd = Crowd::new();
    let begun = Instant::now();
    for round in 0..round_count() {
        let broker = start(folder.path());
        if round == 0 {
            Crowd::create_stream(&socket);
        }
        let acks_wanted = 1 + dice(round) % 120;
        crowd.run(&socket, acks_wanted, &|| false, |_| broker.signal(libc::SIGKILL));
        drop(broker);
    }
    let took = begun.elapsed();

    let broker = start(folder.path());
    let tally = crowd.check(&mut StreamPeer::connect(&socket));
    broker.signal(libc::SIGTERM);
    assert_eq!(broker.end().status, 0);
    let rounds = round_count();
    println!("{rounds} kills, {tally:?}, {took:?}");
    assert!(tally.records > 20 * rounds && tally.resent > rounds / 4 && tally.seen > 5 * rounds);
}
