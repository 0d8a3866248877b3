//! One broker at a time, in a directory of its own.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use coilgun_storage::{DataDirectory, DataDirectoryError};

#[test]
fn it_is_made_with_its_parents_for_this_user_only() {
    let base = tempfile::tempdir().expect("a temporary directory");
    let path = base.path().join("a").join("b");
    let directory = DataDirectory::open(&path).expect("it can be made");
    assert_eq!(directory.path(), path);
    for made in [path.as_path(), path.parent().expect("it has one")] {
        let mode = fs::metadata(made).expect("it is there").permissions().mode();
        assert_eq!(mode & 0o777, 0o700, "{}", made.display());
    }
}

#[test]
fn a_second_opener_is_refused_until_the_first_is_gone() {
    let base = tempfile::tempdir().expect("a temporary directory");
    let first = DataDirectory::open(base.path()).expect("nobody has it");
    match DataDirectory::open(base.path()) {
        Err(error @ DataDirectoryError::InUse(_)) => {
            let text = error.to_string();
            assert!(text.contains(&base.path().display().to_string()), "{text}");
            assert!(text.contains("stop that broker"), "{text}");
        }
        other => panic!("the second opener must be refused, not {other:?}"),
    }
    drop(first);
    DataDirectory::open(base.path()).expect("it is free again");
}

#[test]
fn a_file_in_its_place_is_refused_and_left_alone() {
    let base = tempfile::tempdir().expect("a temporary directory");
    let path = base.path().join("data");
    fs::write(&path, b"precious").expect("it can be written");
    let refused = DataDirectory::open(&path);
    assert!(matches!(refused, Err(DataDirectoryError::NotADirectory(_))), "{refused:?}");
    assert_eq!(fs::read(&path).expect("it is there"), b"precious");
}

#[test]
fn a_lock_that_cannot_be_made_is_an_error_with_its_name() {
    let base = tempfile::tempdir().expect("a temporary directory");
    fs::create_dir(base.path().join("LOCK")).expect("it can be made");
    match DataDirectory::open(base.path()) {
        Err(DataDirectoryError::Disk(error)) => assert!(error.path.ends_with("LOCK"), "{error}"),
        other => panic!("a lock that is a directory must be refused, not {other:?}"),
    }
}

#[test]
fn who_only_looks_takes_the_lock_and_makes_no_directory() {
    let base = tempfile::tempdir().expect("a temporary directory");
    let missing = base.path().join("missing");
    let refused = DataDirectory::open_existing(&missing);
    assert!(matches!(refused, Err(DataDirectoryError::Missing(path)) if path == missing));
    assert!(!missing.exists());
    let owner = DataDirectory::open(base.path()).expect("nobody has it");
    let refused = DataDirectory::open_existing(base.path());
    assert!(matches!(refused, Err(DataDirectoryError::InUse(_))));
    drop(owner);
    let held = DataDirectory::open_existing(base.path()).expect("nobody has it");
    let refused = DataDirectory::open(base.path());
    assert!(matches!(refused, Err(DataDirectoryError::InUse(_))));
    drop(held);
}
