//! A follower that goes on where it was.

use std::io;

use coilgun_protocol::model::{ErrorCode, FollowFrom, Offset};

use crate::stream_peer::{Heard, StreamPeer};

use super::crowd::{HasFailed, STREAM};

/// One follower.
pub(super) struct Follower {
    partition: u32,
    /// Lengths and first bytes of what it has seen: enough to tell records apart.
    seen: Vec<(usize, Vec<u8>)>,
}

impl Follower {
    pub(super) fn new(partition: u32) -> Follower {
        Follower { partition, seen: Vec::new() }
    }

    /// How many records it has seen.
    pub(super) fn seen(&self) -> u64 {
        self.seen.len() as u64
    }

    /// Follows until the broker is dead.
    pub(super) fn run(&mut self, mut peer: StreamPeer, has_failed: HasFailed<'_>) {
        let ended = self.follow(&mut peer, has_failed);
        assert!(ended.is_err(), "it goes on until the broker is dead");
    }

    fn follow(&mut self, peer: &mut StreamPeer, has_failed: HasFailed<'_>) -> io::Result<()> {
        let follow = u64::from(self.partition) + 1;
        let from = FollowFrom::At(Offset(self.seen()));
        let code = peer.try_follow(follow, STREAM, self.partition, from, false)?;
        if code == ErrorCode::StreamsUnavailable && has_failed() {
            return Err(io::Error::other("the disk has failed"));
        }
        // What it has seen was durable, so the partition is at least as long.
        assert_eq!(code, ErrorCode::Ok, "partition {} at {}", self.partition, self.seen());
        // Ends when the broker is dead.
        loop {
            let heard = peer.try_hear()?;
            let Heard::Records { base_offset, payloads, .. } = heard else {
                assert!(has_failed(), "records, and nothing else: {heard:?}");
                return Err(io::Error::other("the disk has failed"));
            };
            let known = self.seen() - base_offset.min(self.seen());
            assert!(base_offset <= self.seen(), "no gap");
            for payload in payloads.iter().skip(known as usize) {
                self.seen.push(summary(payload));
            }
            let bytes = payloads.iter().map(|payload| payload.len() as u32 + 64).sum();
            peer.try_add_credit(follow, payloads.len() as u32, bytes)?;
        }
    }

    /// Holds what it has seen against what is in the partition.
    pub(super) fn check(&self, all: &[Vec<u8>]) {
        assert!(self.seen.len() <= all.len(), "it saw nothing that is not there");
        for (seen, record) in self.seen.iter().zip(all) {
            assert_eq!(*seen, summary(record), "it saw what is there");
        }
    }
}

fn summary(record: &[u8]) -> (usize, Vec<u8>) {
    (record.len(), record[..record.len().min(24)].to_vec())
}
