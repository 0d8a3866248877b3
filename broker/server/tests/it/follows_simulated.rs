//! In which order a client hears of its followers, wherever the partitions are.

use coilgun_protocol::model::{
    AddFollowCredit, ErrorCode, FollowFrom, FollowId, Offset, Ticket, Unfollow,
};
use coilgun_protocol::native::{ClientFrame, FollowRequest, StreamNamed, StreamRequest};

use crate::native_peer::Peer;
use crate::stream_peer::Heard;
use crate::streams_simulated::{Streams, append};

/// The number of the follower in all of these tests.
const NUMBER: u64 = 4;

fn follow(peer: &Peer, ticket: u64, partition: u32, from: FollowFrom, stop_at_end: bool) {
    peer.send(&ClientFrame::Stream(StreamRequest::Follow(FollowRequest {
        follow: FollowId(NUMBER),
        correlation: Ticket(ticket),
        stream: b"s",
        partition,
        from,
        credit_records: 1000,
        credit_bytes: 1 << 20,
        stop_at_end,
    })));
}

fn unfollow(peer: &Peer, ticket: u64) {
    let it = Unfollow { follow: FollowId(NUMBER), ticket: Ticket(ticket) };
    peer.send(&ClientFrame::Stream(StreamRequest::Unfollow(it)));
}

/// Which shard has each partition.
fn owners(streams: &mut Streams, peer: &mut Peer) -> Vec<u16> {
    let named = StreamNamed { correlation: Ticket(900), name: b"s" };
    peer.send(&ClientFrame::Stream(StreamRequest::Describe(named)));
    streams.cluster.until(peer, |peer| !peer.heard.is_empty());
    match peer.heard.remove(0) {
        Heard::Described(_, rows) => rows.iter().map(|row| row.shard).collect(),
        Heard::Welcome(_)
        | Heard::Outcome(..)
        | Heard::Listed(_)
        | Heard::Appended(_)
        | Heard::Records { .. }
        | Heard::Ended(_)
        | Heard::Other(_) => panic!("the stream is described"),
    }
}

fn outcome(ticket: u64, code: ErrorCode) -> Heard {
    Heard::Outcome(Ticket(ticket), code as u16)
}

#[test]
fn a_follower_that_is_at_its_end_at_once_is_answered_before_it_ends() {
    for shard_count in 1..=3 {
        let mut streams = Streams::start(1, shard_count);
        let mut peer = streams.with_stream(0, 3);
        for (partition, from) in
            [(0, FollowFrom::End), (1, FollowFrom::End), (2, FollowFrom::At(Offset(0)))]
        {
            follow(&peer, 10, partition, from, true);
            streams.cluster.until(&mut peer, |peer| peer.heard.len() >= 2);
            assert_eq!(peer.heard[0], outcome(10, ErrorCode::Ok), "{shard_count} shards");
            let Heard::Ended(ended) = peer.heard[1] else { panic!("it ends: {:?}", peer.heard) };
            assert_eq!((ended.follow, ended.code), (FollowId(NUMBER), 0));
            streams.cluster.barrier(&mut peer);
            assert_eq!(peer.heard.len(), 2, "and that is all");
            peer.heard.clear();
        }
    }
}

#[test]
fn the_number_of_a_follower_that_was_refused_may_be_used_at_once() {
    for shard_count in 1..=3 {
        let mut streams = Streams::start(2, shard_count);
        let mut peer = streams.with_stream(0, 3);
        for partition in 0..3 {
            follow(&peer, 10, partition, FollowFrom::At(Offset(7)), false);
            streams.cluster.until(&mut peer, |peer| !peer.heard.is_empty());
            assert_eq!(peer.heard, [outcome(10, ErrorCode::OffsetOutOfRange)]);
            follow(&peer, 11, partition, FollowFrom::End, false);
            streams.cluster.until(&mut peer, |peer| peer.heard.len() == 2);
            assert_eq!(peer.heard[1], outcome(11, ErrorCode::Ok), "{shard_count} shards");
            unfollow(&peer, 12);
            streams.cluster.until(&mut peer, |peer| peer.heard.len() == 3);
            assert_eq!(peer.heard[2], outcome(12, ErrorCode::Ok));
            peer.heard.clear();
        }
    }
}

#[test]
fn nothing_of_a_follower_comes_behind_the_outcome_of_its_unfollow() {
    let mut streams = Streams::start(3, 2);
    let mut peer = streams.with_stream(0, 2);
    let owners = owners(&mut streams, &mut peer);
    let elsewhere = owners.iter().position(|shard| *shard == 1).expect("they are spread") as u32;
    let here = 1 - elsewhere;
    follow(&peer, 10, elsewhere, FollowFrom::End, false);
    streams.cluster.until(&mut peer, |peer| peer.heard.len() == 1);
    assert_eq!(peer.heard.remove(0), outcome(10, ErrorCode::Ok));
    // Records are on their way to it when it is given up.
    let mut producer = streams.cluster.open(1, "");
    streams.cluster.hold(1, 0, true);
    append(&producer, 20, elsewhere, b"late");
    streams.cluster.until(&mut producer, |peer| !peer.heard.is_empty());
    streams.cluster.turns(20);
    unfollow(&peer, 11);
    follow(&peer, 12, here, FollowFrom::End, false);
    streams.cluster.turns(20);
    peer.read(usize::MAX);
    assert_eq!(peer.heard, [outcome(12, ErrorCode::DuplicateFollow)], "it is still in use");
    streams.cluster.hold(1, 0, false);
    streams.cluster.until(&mut peer, |peer| peer.heard.len() == 3);
    assert!(matches!(peer.heard[1], Heard::Records { .. }), "{:?}", peer.heard);
    assert_eq!(peer.heard[2], outcome(11, ErrorCode::Ok));
    follow(&peer, 13, here, FollowFrom::End, false);
    streams.cluster.until(&mut peer, |peer| peer.heard.len() == 4);
    assert_eq!(peer.heard[3], outcome(13, ErrorCode::Ok));
}

#[test]
fn who_ends_a_follower_that_has_ended_by_itself_hears_both_in_order() {
    let mut streams = Streams::start(4, 2);
    let mut peer = streams.with_stream(0, 2);
    let owners = owners(&mut streams, &mut peer);
    let elsewhere = owners.iter().position(|shard| *shard == 1).expect("they are spread") as u32;
    streams.cluster.hold(1, 0, true);
    follow(&peer, 10, elsewhere, FollowFrom::End, true);
    streams.cluster.turns(20);
    let credit = AddFollowCredit { follow: FollowId(NUMBER), records: 1, bytes: 1 };
    peer.send(&ClientFrame::Stream(StreamRequest::AddCredit(credit)));
    unfollow(&peer, 11);
    streams.cluster.turns(20);
    peer.read(usize::MAX);
    assert_eq!(peer.heard, []);
    streams.cluster.hold(1, 0, false);
    streams.cluster.until(&mut peer, |peer| peer.heard.len() == 3);
    assert_eq!(peer.heard[0], outcome(10, ErrorCode::Ok));
    assert!(matches!(peer.heard[1], Heard::Ended(ended) if ended.code == 0));
    assert_eq!(peer.heard[2], outcome(11, ErrorCode::UnknownFollow));
}
