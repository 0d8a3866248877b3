//! Power cuts while there is little yet: during the first start of a data directory, and while the first stream
//! and with it the logs are made.

use coilgun_lossfs::Keep;
use coilgun_protocol::model::{AckLevel, AppendConditions, ErrorCode};
use coilgun_protocol::native::{StreamCreate, StreamRequest};

use crate::board::{Board, with_board};
use crate::load::dice;
use crate::process::Running;
use crate::stream_peer::{Heard, StreamPeer};

/// More steps than the first start of a data directory has.
const STEPS_OF_A_FIRST_START: u32 = 200;
/// About as many as it takes to make a stream with two partitions, and a log for each. All but the first and
/// the last are blocks of zeros.
const STEPS_OF_A_STREAM: u64 = 12_340;
/// Those first and last ones.
const STEPS_OF_NAMES: u64 = 60;

/// Half of the time nothing is kept of what was not synced, else what dice choose.
fn keep(number: u64) -> Keep {
    if number.is_multiple_of(2) { Keep::Nothing } else { Keep::Some(number) }
}

/// How many steps of a stream that is made there is power.
fn steps(number: u64) -> u32 {
    let steps = match number % 3 {
        0 => dice(number) % STEPS_OF_NAMES,
        1 => STEPS_OF_A_STREAM + STEPS_OF_NAMES / 2 - dice(number) % STEPS_OF_NAMES,
        _ => dice(number) % STEPS_OF_A_STREAM,
    };
    steps as u32
}

/// Makes the stream, and finds it usable. False if it was there.
fn stream_is_usable(board: &Board, broker: Running) -> bool {
    let mut peer = StreamPeer::connect(&board.place.socket());
    let created = peer.create("first", 2).map(|rows| rows.len());
    assert!(matches!(created, Ok(2) | Err(ErrorCode::StreamExists)), "{created:?}");
    for partition in [0, 1] {
        let (level, conditions) = (AckLevel::Durable, AppendConditions::default());
        let sent = peer.try_send_append("first", partition, level, conditions, &[b"record"]);
        sent.expect("the broker is there");
        let heard = peer.hear();
        assert!(matches!(&heard, Heard::Appended(it) if it.code == 0), "{heard:?}");
        assert_eq!(peer.read_all(1 + u64::from(partition), "first", partition), [b"record"]);
    }
    drop(peer);
    broker.signal(libc::SIGTERM);
    assert_eq!(broker.end().status, 0);
    created.is_ok()
}

#[test]
fn a_first_start_may_lose_power_at_every_step_and_the_next_one_works() {
    // Ends because a start has an end.
    for steps in 0..STEPS_OF_A_FIRST_START {
        let mut is_complete = false;
        let ran = with_board(u64::from(steps), |board| {
            board.disk.cut_after(Some(steps));
            let mut broker = Running::start(board.place.command());
            let listens = broker.wait_for_or_end("coilgun: listening on ").is_some();
            is_complete = board.disk.cut_after(None);
            assert!(listens || !is_complete, "it starts as long as there is power");
            broker.signal(libc::SIGKILL);
            drop(broker);
            board.disk.cut();
            board.disk.forget(keep(u64::from(steps))).expect("the disk below works");
            let broker = board.place.start();
            // To make a stream takes longer than a start.
            if is_complete || steps.is_multiple_of(4) {
                assert!(stream_is_usable(board, broker), "nobody has made it before");
            } else {
                broker.signal(libc::SIGTERM);
                assert_eq!(broker.end().status, 0);
            }
        });
        if is_complete || !ran {
            assert!(steps > 10 || !ran, "it had {steps} steps");
            return;
        }
    }
    panic!("a start has fewer steps");
}

#[test]
fn the_power_may_go_while_the_first_stream_is_made() {
    let (mut made, mut lost, mut ran) = (0, 0, true);
    for number in 0..12 {
        ran = with_board(number, |board| {
            let broker = board.place.start();
            let mut peer = StreamPeer::connect(&board.place.socket());
            board.disk.cut_after(Some(steps(number)));
            let correlation = peer.ticket();
            let (name, partition_count, co_located) = (&b"first"[..], 2, false);
            let create = StreamCreate { correlation, name, partition_count, co_located };
            peer.send(StreamRequest::Create(create));
            let heard = peer.try_hear();
            let is_made = matches!(heard, Ok(Heard::Described(..)));
            assert!(is_made || !board.disk.cut_after(None), "it works with power: {heard:?}");
            board.disk.cut();
            broker.signal(libc::SIGKILL);
            drop((peer, broker));
            board.disk.forget(keep(number)).expect("the disk below works");
            let broker = board.place.start();
            let is_new = stream_is_usable(board, broker);
            assert!(!(is_made && is_new), "what was said to be made is there");
            made += u32::from(is_made);
            lost += u32::from(is_new);
        });
    }
    println!("{made} said to be made, {lost} not made");
    assert!(!ran || lost > 3, "{made} said to be made, {lost} not made");
}
