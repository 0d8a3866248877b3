//! Where the bytes of a conversation are cut does not matter.

use coilgun_protocol::fuzz::fuzz_seeds;
use coilgun_protocol::model::limits::COMMANDS_PER_SLICE;
use coilgun_protocol::native::{
    ClientFrame, Features, Incoming, NativeConfig, PublishFrame, ServerReader, fuzz_session,
};

use crate::harness::{Harness, encoded};

/// A conversation with one frame of each kind a client sends.
fn conversation() -> Vec<u8> {
    fuzz_seeds("native_session")[0][1..].to_vec()
}

/// The same about streams.
fn stream_conversation() -> Vec<u8> {
    fuzz_seeds("native_session")[1][1..].to_vec()
}

/// Feeds the pieces like a connection does: what was not used up stays in front.
fn commands_of(pieces: &[&[u8]]) -> Vec<String> {
    let mut harness = Harness::new(NativeConfig { streams: true, ..NativeConfig::default() });
    let mut lines = Vec::new();
    let mut kept: Vec<u8> = Vec::new();
    for piece in pieces {
        kept.extend_from_slice(piece);
        let consumed = harness.feed(&kept).expect("the conversation is valid");
        assert!(consumed.need == 0 || consumed.bytes + consumed.need > kept.len());
        lines.extend(harness.take_commands(&kept));
        kept.drain(..consumed.bytes);
    }
    assert!(kept.is_empty(), "a whole conversation is used up");
    lines
}

#[test]
fn s7_every_split_point_gives_the_same_commands() {
    let bytes = conversation();
    let whole = commands_of(&[&bytes]);
    let names: Vec<_> = whole.iter().map(|line| line.split(' ').next()).collect();
    let expected = [
        "open",
        "subscribe",
        "publish",
        "publish",
        "add_credit",
        "barrier",
        "unsubscribe",
        "close",
    ];
    assert_eq!(names, expected.map(Some));
    for cut in 1..bytes.len() {
        assert_eq!(commands_of(&[&bytes[..cut], &bytes[cut..]]), whole, "cut at {cut}");
    }
    let single: Vec<_> = bytes.chunks(1).collect();
    assert_eq!(commands_of(&single), whole, "byte by byte");
}

#[test]
fn s7_every_split_point_gives_the_same_commands_about_streams() {
    let bytes = stream_conversation();
    let whole = commands_of(&[&bytes]);
    let names: Vec<_> = whole.iter().map(|line| line.split(' ').next()).collect();
    let expected = [
        "open",
        "create_stream",
        "append",
        "append",
        "describe_stream",
        "list_streams",
        "follow",
        "add_follow_credit",
        "unfollow",
        "delete_stream",
    ];
    assert_eq!(names, expected.map(Some));
    for cut in 1..bytes.len() {
        assert_eq!(commands_of(&[&bytes[..cut], &bytes[cut..]]), whole, "cut at {cut}");
    }
    let single: Vec<_> = bytes.chunks(1).collect();
    assert_eq!(commands_of(&single), whole, "byte by byte");
}

#[test]
fn s7_pieces_of_every_length_give_the_same_answers() {
    for mut input in fuzz_seeds("native_session") {
        for piece_bytes in 0..=u8::MAX {
            input[0] = piece_bytes;
            fuzz_session(&input);
        }
    }
}

#[test]
fn s23_a_full_list_of_commands_keeps_the_place_in_the_chunk() {
    let mut harness = Harness::open(NativeConfig::default(), Features::default());
    let frames = COMMANDS_PER_SLICE + 2;
    let one = PublishFrame { subject: b"a", payload: b"x", ..PublishFrame::default() };
    let one = encoded(&ClientFrame::Publish(one));
    let bytes = one.repeat(frames);
    let consumed = harness.feed(&bytes).expect("every frame is valid");
    assert_eq!(consumed.bytes, COMMANDS_PER_SLICE * one.len());
    assert_eq!(consumed.need, 0);
    assert_eq!(harness.take_commands(&bytes).len(), COMMANDS_PER_SLICE);
    let rest = &bytes[consumed.bytes..];
    let consumed = harness.feed(rest).expect("every frame is valid");
    assert_eq!((consumed.bytes, consumed.need), (rest.len(), 0));
    assert_eq!(harness.take_commands(rest).len(), 2);
}

#[test]
fn a_client_reads_the_same_wherever_the_bytes_are_cut() {
    for (seed, items) in fuzz_seeds("native_client").iter().zip([8, 7]) {
        check_every_cut(&seed[1..], items);
    }
}

/// A client reads so many items wherever the bytes are cut.
fn check_every_cut(bytes: &[u8], expected: u32) {
    for cut in 0..bytes.len() {
        let mut reader = ServerReader::default();
        let mut at = 0;
        let mut items = 0;
        for end in [cut, bytes.len()] {
            // Ends because every item takes bytes away.
            while at < end {
                match reader.read(&bytes[at..end]).expect("the broker's bytes are valid") {
                    Incoming::Incomplete { need } => {
                        assert!(need > end - at);
                        break;
                    }
                    Incoming::Preface { used, .. } | Incoming::Frame { used, .. } => {
                        at += used;
                        items += 1;
                    }
                }
            }
        }
        assert_eq!((at, items), (bytes.len(), expected), "cut at {cut}");
    }
}
