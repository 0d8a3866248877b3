//! A log that is whole and cannot be true: nothing repairs it, and every command says so.

use coilgun_storage::disk::{DirectDisk, block_on};
use coilgun_storage::format::{Append, Group, Superblock};
use coilgun_storage::journal::{Geometry, Purpose};
use coilgun_storage::recovery::{Hole, Options, Replay, Visitor, open};
use coilgun_storage::{DataDirectory, log_id, read_identity};

use super::scene::Scene;

struct Nobody;

impl Visitor for Nobody {
    fn on_group(&mut self, _group: &Group<'_>) {}
    fn on_hole(&mut self, _hole: &Hole) {}
}

impl Replay for Nobody {
    fn on_start(&mut self, _checkpoint: Option<&Superblock>) {}
}

/// Appends a record of a partition that was never made, as no broker does.
fn append_nonsense(scene: &Scene) {
    let (data, directory) = (scene.data(), scene.log_directory());
    let done = block_on(move || async move {
        let data = DataDirectory::open_existing(&data).expect("no broker runs");
        let identity = read_identity(&data).await.expect("it is whole").expect("it is there");
        let geometry = Geometry { segment_bytes: 8 << 20, ..Geometry::DEFAULT };
        let log_id = log_id(&identity, 0);
        let options = Options { log_id, geometry, cache_bytes: 0, now_ms: 1 };
        let disk = DirectDisk::new(&directory);
        let (journal, _) = open(&disk, &options, &mut Nobody).await.expect("it is sound");
        let head = Append { partition: 99, count: 1, ..Append::default() };
        journal.append_batch(&head, &[b"nonsense"], Purpose::Data).expect("there is room");
        journal.close();
        journal.write().await.expect("the disk writes");
        journal.keep().await.expect("the disk writes");
    });
    done.expect("an executor starts");
}

#[test]
fn a_log_that_contradicts_itself_is_refused_checked_and_left_alone() {
    let scene = Scene::after(1);
    append_nonsense(&scene);
    let refusal = scene.refused();
    assert!(refusal.contains("contradicts itself about partition 99"), "{refusal}");
    assert!(refusal.contains("coilgun log verify"), "{refusal}");
    let before = scene.all_bytes();
    let (status, json) = scene.log_json(&["verify"]);
    let log = &json["logs"][0];
    assert_eq!((status, &log["opens"]), (1, &false.into()));
    let next = log["next"].as_str().expect("something is to be done");
    assert!(next.contains("partition 99") && next.contains("restore the data directory"), "{next}");
    let ended = scene.log(&["repair", "--log", "0", "--yes"]);
    let said = String::from_utf8(ended.stdout).expect("it speaks UTF-8");
    assert_eq!(ended.status, 1, "{said}");
    assert!(said.contains("nobody can know which part of it is right"), "{said}");
    assert!(before == scene.all_bytes(), "nothing was changed");
}
