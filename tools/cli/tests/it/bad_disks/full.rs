//! A disk that is full for a while.

use std::time::{Duration, Instant};

use coilgun_protocol::model::ErrorCode;
use coilgun_protocol::native::{StreamList, StreamRequest};

use crate::board::with_board;
use crate::startup::refused::Refused;
use crate::stream_peer::{Heard, StreamPeer};

use super::appending::{STREAM, append, create};

/// Far more than the broker needs to find out that there is room again.
const PATIENCE: Duration = Duration::from_secs(30);

/// More records of this test than a segment has room for.
const SEGMENT_RECORDS_MAX: u64 = 140;

/// Appends until the disk is said to be full, or a few segments are; how many records that were. Their offsets
/// go on from `first`.
fn append_until_refused(peer: &mut StreamPeer, payload: &[u8], first: u64) -> u64 {
    for count in 0..3 * SEGMENT_RECORDS_MAX {
        match append(peer, payload) {
            Ok(offset) => assert_eq!(offset, first + count, "what was refused is not there"),
            Err(refused) => {
                assert_eq!(refused, ErrorCode::StorageFull);
                return count;
            }
        }
    }
    3 * SEGMENT_RECORDS_MAX
}

#[test]
fn l19_a_full_disk_refuses_appends_reads_go_on_and_appends_resume_when_there_is_room() {
    with_board(5, |board| {
        let broker = board.place.start();
        let mut peer = StreamPeer::connect(&board.place.socket());
        create(&mut peer);
        let payload = [b'x'; 60_000];
        assert_eq!(append(&mut peer, &payload), Ok(0));
        // Nothing may grow. Two logs prepare segments, and what one of them gave back the other could use.
        board.disk.set_capacity(Some(0));
        let mut stored = 1;
        stored += append_until_refused(&mut peer, &payload, stored);
        assert!(stored > 50, "{stored} records fit into what is prepared");
        assert_eq!(peer.read_all(1, STREAM, 0).len() as u64, stored, "readers go on");
        let correlation = peer.ticket();
        peer.send(StreamRequest::List(StreamList { correlation }));
        assert!(matches!(peer.hear(), Heard::Listed(rows) if rows.len() == 1), "and so do lists");
        // It stays so, also when a control entry has begun the segment that is kept for them.
        assert_eq!(append_until_refused(&mut peer, &payload, stored), 0, "nothing made room");

        board.disk.set_capacity(None);
        let begun = Instant::now();
        let wanted = stored + 2 * SEGMENT_RECORDS_MAX;
        // Ends because the broker looks for room now and then, and nothing that is refused is stored.
        while stored < wanted {
            stored += append_until_refused(&mut peer, &payload, stored);
            assert!(begun.elapsed() < PATIENCE, "it notices that there is room");
        }
        assert_eq!(peer.read_all(2, STREAM, 0).len() as u64, stored);
        drop(peer);
        broker.signal(libc::SIGTERM);
        assert_eq!(broker.end().status, 0);
    });
}

#[test]
fn a_start_on_a_full_disk_is_refused_and_changes_nothing() {
    with_board(6, |board| {
        let broker = board.place.start();
        let mut peer = StreamPeer::connect(&board.place.socket());
        create(&mut peer);
        assert_eq!(append(&mut peer, b"precious"), Ok(0));
        // In good order, so that no segment is half prepared: a start would give that room back.
        drop(peer);
        broker.signal(libc::SIGTERM);
        assert_eq!(broker.end().status, 0);
        board.disk.set_capacity(Some(board.disk.used_bytes()));
        Refused::run(board.place.command(), 1)
            .says(&["the disk is full", "disk/data/self-test", "No space left"], &["another disk"]);
        // Room for the test of the disk, and none for a segment.
        board.disk.set_capacity(Some(board.disk.used_bytes() + 262_144));
        Refused::run(board.place.command(), 1)
            .says(&["log 0 cannot be opened", "No space left"], &["Nothing was changed"]);
        board.disk.set_capacity(None);
        let broker = board.place.start();
        let mut peer = StreamPeer::connect(&board.place.socket());
        assert_eq!(peer.read_all(1, STREAM, 0), [b"precious"]);
        drop(peer);
        broker.signal(libc::SIGTERM);
        assert_eq!(broker.end().status, 0);
    });
}
