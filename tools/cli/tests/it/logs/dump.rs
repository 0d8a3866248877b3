//! `coilgun log dump`.

use super::scene::{PARTITION_COUNT, RECORD_COUNT, Scene, find, flip, text};

fn said(ended: crate::process::Ended) -> String {
    ended.text()
}

#[test]
fn everything_that_stands_in_a_log_is_shown_and_nothing_is_changed() {
    let scene = Scene::after(2);
    let before = scene.all_bytes();
    let all = said(scene.log(&["dump", "--log", "0", "--records"]));
    for beginning in
        ["manifest state=valid", "superblock slot=0", "superblock slot=1", "file name="]
    {
        assert!(all.lines().any(|line| line.starts_with(beginning)), "{beginning}: {all}");
    }
    for part in ["entry=EndOfEpoch", "entry=Metadata", "chain=follows", "footer position="] {
        assert!(all.contains(part), "{part}: {all}");
    }
    let records = all.lines().filter(|line| line.starts_with("    record offset=")).count();
    assert_eq!(records as u32, 2 * RECORD_COUNT * PARTITION_COUNT);
    assert!(!all.contains("chain=broken"), "{all}");
    let one = said(scene.log(&["dump", "--log", "0", "--records", "--partition", "2"]));
    assert!(one.contains(&text(1, 3)) && !one.contains(&text(0, 3)), "{one}");
    assert!(before == scene.all_bytes(), "nothing was changed");
}

#[test]
fn a_part_is_shown_from_a_place_on_or_of_one_segment() {
    let scene = Scene::after(2);
    let json = said(scene.log(&["dump", "--log", "0", "--json"]));
    let lines: Vec<serde_json::Value> =
        json.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let groups: Vec<&str> = lines
        .iter()
        .filter(|line| line["kind"] == "group")
        .map(|line| line["position"].as_str().expect("a place"))
        .collect();
    let third = groups[2];
    let from = said(scene.log(&["dump", "--log", "0", "--json", "--from", third]));
    let count = from.lines().filter(|line| line.contains("\"kind\":\"group\"")).count();
    assert_eq!(count, groups.len() - 2);
    let first = said(scene.log(&["dump", "--log", "0", "--json", "--segment", "1"]));
    assert!(first.contains("\"position\":\"1:0\"") && !first.contains("\"segment\":4"), "{first}");
    assert_eq!(scene.log(&["dump", "--log", "0", "--from", "1:5"]).status, 2);
    assert_eq!(scene.log(&["dump", "--log", "9"]).status, 2);
}

#[test]
fn what_is_damaged_is_named_and_what_is_behind_it_is_shown() {
    let scene = Scene::after(1);
    let segment = scene.file("segment-0000000000000001");
    flip(&segment, find(&segment, text(0, 1).as_bytes()));
    let all = said(scene.log(&["dump", "--log", "0", "--records"]));
    let damage = "fault=entry 0 is not valid: the checksum of its body does not fit";
    assert!(all.contains(damage), "{all}");
    assert!(!all.contains(&text(0, 1)) && all.contains(&text(0, 2)), "{all}");
    flip(&scene.file("manifest"), 20);
    let all = said(scene.log(&["dump", "--log", "0", "--records"]));
    assert!(all.contains("manifest state=unusable") && all.contains(&text(0, 2)), "{all}");
}

#[test]
fn a_reader_that_has_seen_enough_ends_it_quietly() {
    let scene = Scene::after(2);
    let mut running = scene.start_log(&["dump", "--log", "0", "--records", "--json"]);
    assert!(running.next_line().contains("manifest"));
    running.stop_reading();
    assert_eq!(running.end().stderr, "");
}
