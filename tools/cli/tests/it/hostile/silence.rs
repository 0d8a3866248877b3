//! Peers that say nothing any more, or not enough.

use coilgun_protocol::model::ErrorCode;

use super::frames;
use super::peer::{Peer, Said};
use super::scene::Scene;

#[test]
fn who_gives_no_sign_of_life_is_cut_off() {
    let mut scene = Scene::set(&["--ping-interval-ms", "1000"]);
    let mut silent = Peer::open(&scene.broker);
    for time in ["asked", "asked again"] {
        assert!(matches!(silent.next(), Said::Ping { .. }), "it is {time}");
        // Clients that do something answer meanwhile.
        scene.good.work();
    }
    silent.is_refused_for(ErrorCode::StaleConnection, "it never answers");
    drop(silent);
    scene.end();
}

#[test]
fn a_frame_that_never_ends_is_told_that_its_time_is_over() {
    let scene = Scene::set(&["--ping-interval-ms", "1000", "--frame-ms", "500"]);
    let mut slow = Peer::open(&scene.broker);
    let frame = frames::publish("spoilt", &[7; 2_000]);
    slow.write(&frame[..100]);
    slow.is_refused_for(ErrorCode::FrameTimeout, "half a frame");
    drop(slow);
    scene.end();
}

#[test]
fn who_closes_one_side_or_is_reset_leaves_nothing_behind() {
    let scene = Scene::set(&[]);
    for round in 0..100 {
        let mut peer = Peer::open(&scene.broker);
        peer.subscribe("spoilt.>");
        peer.write(&frames::publish("spoilt.by.me", b"to myself"));
        if round % 2 == 0 {
            peer.reset();
            continue;
        }
        peer.half_close();
        let said = peer.ends("after its last frame took effect");
        assert!(said.len() <= 2, "{said:?}");
    }
    scene.end();
}
