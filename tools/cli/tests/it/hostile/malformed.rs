//! Whole frames that no reading makes sense of.

use coilgun_protocol::model::ErrorCode;
use coilgun_protocol::native::Preface;

use super::frames::{self, frame, header, publish_head};
use super::peer::Peer;
use super::scene::Scene;

/// Each of these, sent by a client that was let in, is the last the broker hears of it.
fn each_is_refused(cases: Vec<(&str, Vec<u8>)>) {
    let scene = Scene::set(&[]);
    for (what, bytes) in cases {
        let mut peer = Peer::open(&scene.broker);
        peer.write(&bytes);
        peer.is_refused_for(ErrorCode::MalformedFrame, what);
    }
    scene.end();
}

#[test]
fn heads_of_another_size_are_refused() {
    let sizes = [
        (frames::PUBLISH, 24),
        (frames::UNSUBSCRIBE, 24),
        (frames::CREDIT, 16),
        (frames::PING, 8),
        (frames::PONG, 8),
    ];
    let mut cases = Vec::new();
    for (operation, size) in sizes {
        for wrong in [0, size - 1, size + 1] {
            let bytes = [&header(64, operation, 0, wrong)[..], &[0; 64]].concat();
            cases.push(("the head has another size", bytes));
        }
        let short = [&header(u32::from(size) - 1, operation, 0, size)[..], &[0; 64]].concat();
        cases.push(("the frame is shorter than its head", short));
    }
    for (operation, size) in &sizes[1..] {
        let long = frame(*operation, 0, &vec![0; usize::from(*size)], b"x");
        cases.push(("something follows a head that ends the frame", long));
    }
    let table = frames::subscribe(1, "spoilt", b"");
    let table_len = u32::try_from(table.len() - 8).expect("it is small");
    let wrong = header(table_len, frames::SUBSCRIBE, 0, table_len as u16 - 1);
    cases.push(("the table does not fill the frame", [&wrong[..], &table[8..]].concat()));
    cases.push(("GOODBYE with a body", frame(frames::GOODBYE, 0, b"", b"x")));
    cases.push(("GOODBYE with a head", frame(frames::GOODBYE, 0, b"x", b"")));
    each_is_refused(cases);
}

#[test]
fn flags_without_a_meaning_are_refused() {
    let mut cases = Vec::new();
    for (_, frame) in frames::of_each_kind() {
        let allowed = if frame[4] == frames::PUBLISH { 0x0f } else { 0 };
        for bit in (0..8).map(|bit| 1 << bit).filter(|bit| allowed & bit == 0) {
            let mut flagged = frame.clone();
            flagged[5] |= bit;
            cases.push(("a flag without a meaning", flagged));
        }
    }
    each_is_refused(cases);
}

#[test]
fn reserved_fields_that_are_set_are_refused() {
    let publish = frame(frames::PUBLISH, 0, &publish_head(6, 0, 0, 1), b"spoilt");
    let mut unsubscribe = frames::unsubscribe(1);
    unsubscribe[31] = 1;
    let mut credit = frames::credit(1);
    credit[20] = 1;
    each_is_refused(vec![("PUBLISH", publish), ("UNSUBSCRIBE", unsubscribe), ("CREDIT", credit)]);
}

#[test]
fn parts_that_are_longer_than_the_frame_are_refused() {
    let cases = [
        publish_head(7, 0, 0, 0),
        publish_head(6, 1, 0, 0),
        publish_head(6, 0, 1, 0),
        publish_head(4096, 4096, u32::MAX, 0),
    ];
    let frames = cases.map(|head| frame(frames::PUBLISH, 0, &head, b"spoilt"));
    each_is_refused(frames.into_iter().map(|it| ("parts beyond the frame", it)).collect());
}

#[test]
fn blocks_of_headers_that_break_their_format_are_refused() {
    let blocks: [(&str, &[u8]); 7] = [
        ("one byte", &[1]),
        ("no name", &[0, 0, 1, 0, b'v']),
        ("a name that ends behind the block", &[9, 0, 0, 0, b'n']),
        ("a value that ends behind the block", &[1, 0, 9, 0, b'n', b'v']),
        ("a space in a name", &[3, 0, 0, 0, b'a', b' ', b'b']),
        ("a colon in a name", &[2, 0, 0, 0, b'a', b':']),
        ("a line feed in a name", &[2, 0, 0, 0, b'a', b'\n']),
    ];
    let spoilt = blocks.map(|(what, block)| {
        let len = u32::try_from(block.len()).expect("it is small");
        let body = [b"spoilt", block].concat();
        (what, frame(frames::PUBLISH, 0, &publish_head(6, 0, len, 0), &body))
    });
    each_is_refused(spoilt.to_vec());
}

#[test]
fn tables_that_do_not_verify_are_refused() {
    let scene = Scene::set(&[]);
    let good = [frames::hello(), frames::subscribe(1, "spoilt", b"workers")];
    for whole in good {
        let is_hello = whole[4] == frames::HELLO;
        let spoilt = [vec![0xff; whole.len() - 8], vec![0x7f; whole.len() - 8], vec![], vec![1; 3]];
        for table in spoilt {
            let mut peer = if is_hello {
                let mut peer = Peer::connect(&scene.broker);
                peer.write(&Preface::OURS.encode());
                peer
            } else {
                Peer::open(&scene.broker)
            };
            peer.write(&frame(whole[4], 0, &table, b""));
            peer.is_refused_for(ErrorCode::MalformedFrame, &format!("table {table:02x?}"));
        }
    }
    scene.end();
}

#[test]
fn a_hello_of_zeros_is_no_table() {
    let scene = Scene::set(&[]);
    for len in [4, 8, 24, 88] {
        let mut peer = Peer::connect(&scene.broker);
        peer.write(&Preface::OURS.encode());
        peer.write(&frame(frames::HELLO, 0, &vec![0; len], b""));
        // Whoever is let in leaves, so that a broker that reads zeros is told apart at once.
        peer.write(&frames::goodbye());
        peer.is_refused_for(ErrorCode::MalformedFrame, &format!("{len} zeros"));
    }
    scene.end();
}

#[test]
fn a_table_with_any_byte_changed_is_read_or_refused_and_harms_nobody() {
    let scene = Scene::set(&[]);
    let whole = frames::subscribe(1, "spoilt", b"workers");
    for at in 8..whole.len() {
        for change in [0x01, 0x80, 0xff] {
            let mut spoilt = whole.clone();
            spoilt[at] ^= change;
            let mut peer = Peer::open(&scene.broker);
            peer.write(&spoilt);
            peer.write(&frames::goodbye());
            peer.ends(&format!("byte {at} changed by {change:#x}"));
        }
    }
    scene.end();
}
