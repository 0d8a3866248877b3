//! `coilgun log repair`: each fault that a start is refused for is planted, shown, repaired, and the broker
//! starts with everything that was not in the damage.

use std::fs;
use std::path::PathBuf;

use super::scene::{PARTITION_COUNT, RECORD_COUNT, Scene, find, flip, stop, text};
use crate::process::Ended;

const REPAIR: [&str; 3] = ["repair", "--log", "0"];

fn said(ended: &Ended) -> String {
    String::from_utf8(ended.stdout.clone()).expect("it speaks UTF-8")
}

/// The log is refused; a repair says what it would do, and does it when it is told to. Says what it said.
fn repaired(scene: &Scene) -> String {
    let refusal = scene.refused();
    assert!(refusal.contains("log verify"), "{refusal}");
    assert_eq!(scene.log(&["verify"]).status, 1);
    let before = scene.all_bytes();
    let shown = scene.log(&REPAIR);
    assert_eq!(shown.status, 1, "{}", shown.stderr);
    assert!(shown.stderr.contains("--yes"), "{}", shown.stderr);
    let dry = scene.log(&["repair", "--log", "0", "--dry-run"]);
    assert_eq!((dry.status, said(&dry)), (0, said(&shown)));
    assert!(before == scene.all_bytes(), "showing changes nothing");
    let done = scene.log(&["repair", "--log", "0", "--yes"]);
    assert_eq!(done.status, 0, "{}{}", said(&done), done.stderr);
    assert!(said(&done).contains("done: a broker opens the log"), "{}", said(&done));
    let after = scene.all_bytes();
    for (path, bytes) in &before {
        let is_kept = after.values().any(|kept| kept == bytes);
        assert!(is_kept, "{} is kept under some name", path.display());
    }
    let again = scene.log(&REPAIR);
    assert_eq!(again.status, 0, "{}", again.stderr);
    assert!(said(&again).contains("nothing is to be repaired"), "{}", said(&again));
    let verified = scene.log(&["verify"]);
    assert_eq!(verified.status, 0, "{}", said(&verified));
    said(&done)
}

/// A broker starts, and has all records of these lives, before and after it was restarted.
fn check_records(scene: &Scene, lives: core::ops::Range<u32>) {
    for _ in 0..2 {
        let broker = scene.start();
        for partition in 0..PARTITION_COUNT {
            let numbers = lives.start * RECORD_COUNT..lives.end * RECORD_COUNT;
            let expected: Vec<String> = numbers.map(|number| text(partition, number)).collect();
            assert_eq!(scene.read(partition), expected);
        }
        stop(broker);
    }
    assert_eq!(scene.log(&["verify"]).status, 0);
}

/// The files of segments that hold something, in the order of their segments.
fn used_segments(scene: &Scene) -> Vec<PathBuf> {
    let dump = scene.log(&["dump", "--log", "0", "--json"]);
    let mut found = Vec::new();
    let mut current = String::new();
    for line in said(&dump).lines() {
        let line: serde_json::Value = serde_json::from_str(line).expect("JSON");
        if line["kind"] == "file" {
            current = line["name"].as_str().expect("it has a name").to_owned();
        }
        if line["kind"] == "group" && !found.contains(&current) {
            found.push(current.clone());
        }
    }
    found.iter().map(|name| scene.file(name)).collect()
}

#[test]
fn a_damaged_manifest_is_made_again_and_no_record_is_lost() {
    let scene = Scene::after(3);
    flip(&scene.file("manifest"), 100);
    let said = repaired(&scene);
    assert!(said.contains("no record is lost"), "{said}");
    check_records(&scene, 0..3);
}

#[test]
fn a_missing_manifest_is_made_again_and_no_record_is_lost() {
    let scene = Scene::after(2);
    fs::remove_file(scene.file("manifest")).expect("it is there");
    assert!(repaired(&scene).contains("no record is lost"));
    check_records(&scene, 0..2);
}

#[test]
fn a_manifest_that_is_older_than_the_segments_is_made_again() {
    let scene = Scene::after(1);
    let old = fs::read(scene.file("manifest")).expect("it is there");
    scene.live(1);
    scene.live(2);
    fs::write(scene.file("manifest"), old).expect("it is writable");
    assert!(repaired(&scene).contains("no record is lost"));
    check_records(&scene, 0..3);
}

#[test]
fn a_missing_segment_is_marked_as_lost_and_everything_else_can_be_read() {
    let scene = Scene::after(3);
    let segments = used_segments(&scene);
    assert_eq!(segments.len(), 3);
    fs::remove_file(segments.last().expect("there are three")).expect("it is there");
    let said = repaired(&scene);
    for partition in 1..=PARTITION_COUNT {
        let from = 2 * RECORD_COUNT;
        let lost = format!("lost: partition {partition} (incarnation 0): records from {from} on");
        assert!(said.contains(&lost), "{said}");
    }
    check_records(&scene, 0..2);
}

#[test]
fn a_segment_that_was_cut_off_keeps_what_is_left_of_it() {
    let scene = Scene::after(2);
    let segments = used_segments(&scene);
    let file = fs::OpenOptions::new().write(true).open(&segments[1]).expect("it is there");
    // The first commit group of a life says only that it began.
    file.set_len(4096).expect("it can be cut");
    drop(file);
    let said = repaired(&scene);
    assert!(said.contains("with a mark that") && said.contains("quarantine-1-segment-"), "{said}");
    check_records(&scene, 0..1);
}

#[test]
fn a_prepared_segment_that_is_missing_was_never_written_to() {
    let scene = Scene::after(2);
    let used = used_segments(&scene);
    let unused = fs::read_dir(scene.log_directory()).expect("it is there").find_map(|entry| {
        let path = entry.expect("it can be listed").path();
        let name = path.file_name().expect("it has a name").to_string_lossy().into_owned();
        (name.starts_with("segment-") && !used.contains(&path)).then_some(path)
    });
    fs::remove_file(unused.expect("one is prepared")).expect("it is there");
    assert!(repaired(&scene).contains("no record is lost"));
    check_records(&scene, 0..2);
}

#[test]
fn what_nothing_can_repair_is_left_alone_and_said() {
    let scene = Scene::after(1);
    let mut manifest = fs::read(scene.file("manifest")).expect("it is there");
    // Another log's number, with a checksum that fits.
    manifest[16] ^= 1;
    manifest[12..16].fill(0);
    let crc = crc32c::crc32c(&manifest);
    manifest[12..16].copy_from_slice(&crc.to_le_bytes());
    fs::write(scene.file("manifest"), manifest).expect("it is writable");
    let before = scene.all_bytes();
    let ended = scene.log(&["repair", "--log", "0", "--yes"]);
    assert_eq!(ended.status, 1, "{}", ended.stderr);
    assert!(said(&ended).contains("nothing that is safe can be done: the files of two logs"));
    assert!(before == scene.all_bytes(), "nothing was changed");
}

#[test]
fn a_sound_log_is_left_alone() {
    let scene = Scene::after(1);
    let before = scene.all_bytes();
    let ended = scene.log(&["repair", "--log", "0", "--yes"]);
    assert_eq!(ended.status, 0, "{}", ended.stderr);
    assert!(said(&ended).contains("nothing is to be repaired"));
    assert!(before == scene.all_bytes(), "nothing was changed");
}

#[test]
fn what_a_broker_repairs_by_itself_is_left_to_it() {
    let scene = Scene::after(2);
    for byte in [20, 4096 + 20] {
        flip(&scene.file("superblock"), byte);
    }
    let segment = used_segments(&scene).remove(0);
    flip(&segment, find(&segment, text(1, 2).as_bytes()));
    let before = scene.all_bytes();
    let ended = scene.log(&["repair", "--log", "0", "--yes"]);
    assert_eq!(ended.status, 0, "{}", ended.stderr);
    assert!(
        said(&ended).contains("to be read only; nothing is to be repaired"),
        "{}",
        said(&ended)
    );
    assert!(before == scene.all_bytes(), "nothing was changed");
    let broker = scene.start();
    assert_eq!(scene.read(0).len() as u32, 2 * RECORD_COUNT);
    stop(broker);
}
