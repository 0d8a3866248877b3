//! Power cuts while the broker ends in good order.

use coilgun_lossfs::Keep;
use coilgun_protocol::model::{AckLevel, AppendConditions};

use crate::board::{Board, with_board};
use crate::process::Running;
use crate::stream_peer::{Heard, StreamPeer};

/// More steps than an end in good order has.
const STEPS_OF_AN_END: u32 = 300;
/// Records that are appended in each life, to each partition.
const RECORDS: usize = 5;

/// Starts the broker, finds the records of earlier lives, and appends more, which are acked.
fn live(board: &Board, life: u32) -> Running {
    let broker = board.place.start();
    let mut peer = StreamPeer::connect(&board.place.socket());
    if life == 0 {
        assert_eq!(peer.create("lives", 2).map(|rows| rows.len()), Ok(2));
    }
    for partition in [0, 1] {
        let expected: Vec<Vec<u8>> =
            (0..RECORDS * life as usize).map(|number| number.to_string().into_bytes()).collect();
        if life > 0 {
            let all = peer.read_all(1 + u64::from(partition), "lives", partition);
            assert_eq!(all, expected, "partition {partition} in life {life}");
        }
        for number in expected.len()..expected.len() + RECORDS {
            let (level, conditions) = (AckLevel::Durable, AppendConditions::default());
            let payload = number.to_string();
            let payloads = [payload.as_bytes()];
            let sent = peer.try_send_append("lives", partition, level, conditions, &payloads);
            sent.expect("the broker is there");
            let heard = peer.hear();
            assert!(matches!(&heard, Heard::Appended(it) if it.code == 0), "{heard:?}");
        }
    }
    broker
}

#[test]
fn an_end_in_good_order_may_lose_power_at_every_step_and_nothing_acked_is_lost() {
    let mut ends = 0;
    let ran = with_board(9, |board| {
        // Ends because an end has an end.
        for steps in 0..STEPS_OF_AN_END {
            let broker = live(board, steps);
            board.disk.cut_after(Some(steps));
            broker.signal(libc::SIGTERM);
            let ended = broker.end();
            let is_complete = board.disk.cut_after(None);
            let status = i32::from(!is_complete);
            assert!(ended.status <= status, "{}", ended.stderr);
            board.disk.cut();
            let keep = if steps % 2 == 0 { Keep::Nothing } else { Keep::Some(u64::from(steps)) };
            board.disk.forget(keep).expect("the disk below works");
            ends += u32::from(is_complete);
            if ends == 3 {
                return;
            }
        }
        panic!("an end has fewer steps");
    });
    assert!(ends == 3 || !ran);
}
