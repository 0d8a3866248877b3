//! `coilgun log verify`.

use super::scene::{PARTITION_COUNT, RECORD_COUNT, Scene, find, flip, stop, text};

#[test]
fn a_sound_log_is_counted_and_not_a_byte_of_it_is_changed() {
    let scene = Scene::after(2);
    let before = scene.all_bytes();
    let ended = scene.log(&["verify"]);
    assert_eq!(ended.status, 0, "{}", ended.stderr);
    assert_eq!(ended.stderr, "", "no progress where no terminal is");
    let said = String::from_utf8(ended.stdout).expect("it speaks UTF-8");
    let records = 2 * RECORD_COUNT * PARTITION_COUNT;
    assert!(said.starts_with("log 0: sound\n"), "{said}");
    assert!(said.contains(&format!("{records} records")) && !said.contains("next:"), "{said}");
    let (status, json) = scene.log_json(&["verify", "--log", "0"]);
    assert_eq!(status, 0);
    let log = &json["logs"][0];
    assert_eq!(
        (&log["log"], &log["sound"], &log["opens"]),
        (&0.into(), &true.into(), &true.into())
    );
    assert_eq!(log["records"], records);
    assert_eq!(log["next"], serde_json::Value::Null);
    assert!(before == scene.all_bytes(), "nothing was changed");
}

#[test]
fn damage_is_told_with_its_place_and_with_what_to_do_and_nothing_is_changed() {
    let scene = Scene::after(2);
    let segment = scene.file("segment-0000000000000001");
    flip(&segment, find(&segment, text(1, 2).as_bytes()));
    let before = scene.all_bytes();
    let ended = scene.log(&["verify"]);
    assert_eq!(ended.status, 1, "{}", ended.stderr);
    let said = String::from_utf8(ended.stdout).expect("it speaks UTF-8");
    assert!(said.starts_with("log 0: not sound\n"), "{said}");
    assert!(said.contains("problem: 1:") && said.contains("next: a broker opens it"), "{said}");
    let (status, json) = scene.log_json(&["verify"]);
    let problem = &json["logs"][0]["problems"][0];
    assert_eq!((status, &problem["name"], &problem["segment"]), (1, &"hole".into(), &1.into()));
    assert!(problem["byte"].as_u64().is_some_and(|byte| byte > 0 && byte % 4096 == 0));
    assert!(before == scene.all_bytes(), "nothing was changed");
}

#[test]
fn what_a_broker_would_refuse_is_said_before_it_does() {
    let scene = Scene::after(1);
    flip(&scene.file("manifest"), 20);
    let ended = scene.log(&["verify"]);
    assert_eq!(ended.status, 1, "{}", ended.stderr);
    let said = String::from_utf8(ended.stdout).expect("it speaks UTF-8");
    assert!(said.contains("problem: manifest: it is damaged"), "{said}");
    assert!(said.contains("`coilgun log repair --log 0`"), "{said}");
    let refusal = scene.refused();
    assert!(refusal.contains("coilgun log verify"), "{refusal}");
}

#[test]
fn what_cannot_be_checked_has_a_status_of_its_own() {
    let scene = Scene::after(1);
    let broker = scene.start();
    let ended = scene.log(&["verify"]);
    assert_eq!(ended.status, 2, "a broker runs");
    assert!(ended.stderr.contains("is in use by a broker"), "{}", ended.stderr);
    stop(broker);
    let ended = scene.log(&["verify", "--log", "7", "--json"]);
    assert_eq!(ended.status, 2);
    let error: serde_json::Value = serde_json::from_str(&ended.stderr).expect("JSON");
    assert_eq!(error["error"]["name"], "not_checked");
    let nowhere = crate::process::run(&["log", "verify", "--data", "nowhere/at/all"]);
    assert_eq!(nowhere.status, 2);
    assert!(nowhere.stderr.contains("there is no data directory"), "{}", nowhere.stderr);
    assert!(!std::path::Path::new("nowhere").exists(), "it is not made");
}
