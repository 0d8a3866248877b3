//! Many peers at once, and one that sends as much as it can.

use std::os::unix::net::UnixStream;

use coilgun_protocol::model::ErrorCode;

use super::base::Base;
use super::frames;
use super::peer::{Peer, Said};
use super::scene::Scene;
use crate::process::Broker;

/// Peers that hang in the middle of a frame at once.
const DRIPPING: usize = 5_000;
/// Descriptors the test needs for them, and for itself.
const DESCRIPTORS: libc::rlim_t = DRIPPING as libc::rlim_t + 1_500;
/// Connections that come and go.
const CONNECTIONS: usize = 10_000;
/// How many of them are there at a time.
const BURST: usize = 250;
/// Messages that a flood writes before it looks at what it is told.
const MESSAGES_PER_BURST: usize = 2_000;

/// Lets this process have as many descriptors as the test needs.
fn raise_descriptor_limit() {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the structure lives through both calls.
    unsafe {
        assert_eq!(libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit), 0, "it can be asked");
        assert!(limit.rlim_max >= DESCRIPTORS, "the hard limit of descriptors is too low for this");
        limit.rlim_cur = limit.rlim_cur.max(DESCRIPTORS);
        assert_eq!(libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit), 0, "it can be raised");
    }
}

#[test]
fn five_thousand_frames_that_drip_exhaust_nothing() {
    raise_descriptor_limit();
    let mut scene = Scene::set(&[]);
    let frame = frames::publish("spoilt", &vec![7; 1_000_000]);
    drip(&mut scene, &frame);
    // What stays of the first crowd are tables with a place for each connection.
    scene.base.is_restored(8 * 1024);
    scene.base = Base::of(&scene.broker);
    drip(&mut scene, &frame);
    scene.end();
}

/// Lets a crowd hang in the middle of a frame while the good clients work.
fn drip(scene: &mut Scene, frame: &[u8]) {
    let mut dripping: Vec<Peer> = (0..DRIPPING)
        .map(|_| {
            let mut peer = Peer::open(&scene.broker);
            peer.write(&frame[..1_000]);
            peer
        })
        .collect();
    for at in 1_000..1_004 {
        dripping.iter_mut().for_each(|peer| peer.write(&frame[at..=at]));
        (0..20).for_each(|_| scene.good.work_large());
        (0..20).for_each(|_| scene.good.work());
    }
    let held = scene.base.now();
    println!("{DRIPPING} frames under way: {held:?}");
}

#[test]
fn ten_thousand_connections_that_come_and_go_leave_nothing_behind() {
    let scene = Scene::set(&[]);
    let hello = frames::handshake();
    let subscription = frames::subscribe(1, "spoilt.>", b"workers");
    let said: [&[u8]; 4] = [b"", &hello[..8], &hello, &[&hello[..], &subscription].concat()];
    for round in 0..CONNECTIONS / BURST {
        let mut burst: Vec<Peer> = (0..BURST).map(|_| Peer::connect(&scene.broker)).collect();
        burst.iter_mut().for_each(|peer| peer.write(said[round % said.len()]));
        if round % said.len() >= 2 {
            // Those that were let in are known to the router, and have to be forgotten.
            burst.iter_mut().for_each(|peer| assert_eq!(peer.next(), Said::Preface));
        }
        match round % 3 {
            0 => burst.into_iter().for_each(Peer::reset),
            1 => burst.iter_mut().for_each(Peer::half_close),
            _ => drop(burst),
        }
    }
    let socket = scene.broker.folder.path().join("data/coilgun.sock");
    for _ in 0..4 {
        let burst: Vec<UnixStream> =
            (0..BURST).map(|_| UnixStream::connect(&socket).expect("it listens")).collect();
        drop(burst);
    }
    scene.end();
}

/// As many bytes as fit, on one connection, in the background.
fn flood(broker: &Broker, bytes: usize) -> std::thread::JoinHandle<Vec<Said>> {
    let mut peer = Peer::open(broker);
    let burst = frames::publish("nobody", &[7; 60]).repeat(MESSAGES_PER_BURST);
    std::thread::spawn(move || {
        let (mut sent, mut said) = (0, Vec::new());
        while sent < bytes {
            peer.write(&burst);
            sent += burst.len();
            // Who does not read its answers is not read.
            peer.write(&frames::ping(1));
            let mut acked = 0;
            // Ends with the PONG.
            loop {
                let one = peer.next();
                if matches!(one, Said::Pong { .. }) {
                    break;
                }
                match one {
                    Said::Outcome { code: 0, .. } => acked += 1,
                    Said::Notice { .. } => said.push(one),
                    Said::Preface
                    | Said::Welcome { .. }
                    | Said::Deliver { .. }
                    | Said::Outcome { .. }
                    | Said::Error { .. }
                    | Said::GoAway { .. }
                    | Said::Ping { .. }
                    | Said::Pong { .. }
                    | Said::End
                    | Said::Reset => panic!("{one:?} after {acked} acks"),
                }
            }
            assert_eq!(acked, MESSAGES_PER_BURST, "every message was acked");
        }
        said
    })
}

#[test]
fn a_flood_keeps_nobody_from_being_served() {
    let mut scene = Scene::set(&[]);
    let flood = flood(&scene.broker, 256 << 20);
    let mut served = 0;
    while !flood.is_finished() {
        scene.good.work();
        served += 1;
    }
    assert_eq!(flood.join().expect("it was let in"), []);
    assert!(served >= 20, "{served} rounds in the whole flood");
    scene.end();
}

#[test]
fn who_sends_faster_than_it_may_is_told_so_and_loses_nothing() {
    for (flag, rate) in [("--byte-rate-max", "8MiB"), ("--message-rate-max", "80000")] {
        let mut scene = Scene::set(&[flag, rate]);
        let flood = flood(&scene.broker, 12 << 20);
        while !flood.is_finished() {
            scene.good.work();
        }
        let said = flood.join().expect("every message was acked");
        let code = ErrorCode::RateExceeded as u16;
        let told = said.iter().all(|it| matches!(it, Said::Notice { code: it, .. } if *it == code));
        assert!(!said.is_empty() && told, "{flag}: {said:?}");
        scene.end();
    }
}
