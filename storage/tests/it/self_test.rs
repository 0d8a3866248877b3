//! The test of the disk leaves nothing behind, survives its own leftovers, and reports a bad place.

use std::fs;

use coilgun_storage::disk::{Operation, SelfTestError, self_test};

use crate::executor::run;

#[test]
fn a_good_disk_passes_and_is_left_clean() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().to_owned();
    run(move || async move { self_test(&path, 0).await }).expect("the disk is good");
    assert_eq!(fs::read_dir(directory.path()).expect("it can be listed").count(), 0);
}

#[test]
fn leftovers_of_a_killed_test_are_no_obstacle() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    for kind in ["buffered", "direct"] {
        let left = directory.path().join(format!("self-test-3-{kind}"));
        fs::write(left, b"half").expect("it can be written");
    }
    let path = directory.path().to_owned();
    run(move || async move { self_test(&path, 3).await }).expect("the disk is good");
    assert_eq!(fs::read_dir(directory.path()).expect("it can be listed").count(), 0);
}

#[test]
fn executors_test_one_directory_at_the_same_time() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let shards: Vec<_> = (0..4)
        .map(|shard| {
            let path = directory.path().to_owned();
            std::thread::spawn(move || run(move || async move { self_test(&path, shard).await }))
        })
        .collect();
    for shard in shards {
        shard.join().expect("the thread ends").expect("the disk is good");
    }
}

#[test]
fn a_directory_that_is_gone_is_an_error_with_its_name() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("gone");
    let expected = path.clone();
    match run(move || async move { self_test(&path, 0).await }) {
        Err(SelfTestError::Disk(error)) => {
            assert_eq!(error.operation, Operation::Create);
            assert!(error.path.starts_with(expected), "{error}");
        }
        other => panic!("a missing directory must be refused, not {other:?}"),
    }
}
