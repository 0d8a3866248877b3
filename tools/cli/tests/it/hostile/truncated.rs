//! Frames that end before they are whole.

use super::frames;
use super::peer::{Peer, Said};
use super::scene::Scene;

/// How a peer goes after the bytes it sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Going {
    Close,
    HalfClose,
    Reset,
}

const GOINGS: [Going; 3] = [Going::Close, Going::HalfClose, Going::Reset];

/// Lets a peer go; where it still listens, nothing may have come of what it sent.
fn go(mut peer: Peer, going: Going, what: &str) {
    match going {
        Going::Close => drop(peer),
        Going::Reset => peer.reset(),
        Going::HalfClose => {
            peer.half_close();
            let said = peer.ends(what);
            let came_of_it = said.iter().find(|it| !matches!(it, Said::Preface));
            assert_eq!(came_of_it, None, "{what}: no frame was whole");
        }
    }
}

#[test]
fn a_handshake_cut_at_any_byte_harms_nobody() {
    let scene = Scene::set(&[]);
    let handshake = frames::handshake();
    for going in GOINGS {
        for len in 0..handshake.len() {
            let mut peer = Peer::connect(&scene.broker);
            peer.write(&handshake[..len]);
            go(peer, going, &format!("handshake cut at {len}, then {going:?}"));
        }
    }
    scene.end();
}

#[test]
fn a_frame_of_any_kind_cut_at_any_byte_does_nothing_and_harms_nobody() {
    let scene = Scene::set(&[]);
    let mut witness = Peer::open(&scene.broker);
    witness.write(&frames::subscribe(1, "spoilt", b""));
    assert_eq!(witness.next(), Said::Outcome { correlation: 8, code: 0, receivers: 0 });
    for (name, frame) in frames::of_each_kind() {
        for going in GOINGS {
            for len in 1..frame.len() {
                let mut peer = Peer::open(&scene.broker);
                peer.write(&frame[..len]);
                go(peer, going, &format!("{name} cut at {len}, then {going:?}"));
            }
        }
    }
    witness.goes_on("half a message was delivered to nobody");
    witness.reset();
    scene.end();
}

#[test]
fn a_large_frame_cut_at_any_block_harms_nobody() {
    let scene = Scene::set(&[]);
    let frame = frames::publish("spoilt", &vec![b'x'; 1024 * 1024]);
    for going in GOINGS {
        for len in (1..frame.len()).step_by(30_011) {
            let mut peer = Peer::open(&scene.broker);
            peer.write(&frame[..len]);
            go(peer, going, &format!("1 MiB PUBLISH cut at {len}, then {going:?}"));
        }
    }
    scene.end();
}
