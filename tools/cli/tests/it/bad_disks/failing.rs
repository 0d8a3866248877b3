//! A disk that fails a write.

use std::ffi::OsStr;

use coilgun_protocol::model::ErrorCode;

use crate::board::with_board;
use crate::stream_peer::StreamPeer;

use super::appending::{STREAM, append, create};

#[test]
fn l14_a_write_that_fails_leaves_outcomes_unknown_and_ends_the_broker_with_the_name_of_the_file() {
    with_board(7, |board| {
        let broker = board.place.start();
        let mut peer = StreamPeer::connect(&board.place.socket());
        create(&mut peer);
        assert_eq!(append(&mut peer, b"before"), Ok(0));
        // Not those of the log's other files, which it may write at any moment.
        board.disk.fail_writes_to(Some(OsStr::new("segment-0000000000000001")));
        assert_eq!(append(&mut peer, b"in flight"), Err(ErrorCode::OutcomeUnknown));
        drop(peer);
        let ended = broker.end();
        assert_eq!(ended.status, 1, "{}", ended.stderr);
        for part in ["a write to log 0 failed", "cannot write disk/data/", "Input/output error"] {
            assert!(ended.stderr.contains(part), "{part:?} in {}", ended.stderr);
        }

        board.disk.fail_writes_to(None);
        let broker = board.place.start();
        let mut peer = StreamPeer::connect(&board.place.socket());
        let all = peer.read_all(1, STREAM, 0);
        assert!(all[0] == b"before" && all.len() <= 2, "{all:?}");
        drop(peer);
        broker.signal(libc::SIGTERM);
        assert_eq!(broker.end().status, 0);
    });
}
