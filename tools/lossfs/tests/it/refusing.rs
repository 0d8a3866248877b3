//! What the file system refuses when it is told to.

use std::ffi::OsStr;
use std::fs;
use std::io::ErrorKind;
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;

use crate::scene::with_disk;

#[test]
fn a_full_disk_refuses_what_makes_it_fuller_and_nothing_else() {
    with_disk(|scene| {
        let file = scene.open("file", 0);
        file.write_all_at(&[1; 8192], 0).expect("there is room");
        assert_eq!(scene.disk.used_bytes(), 8192);
        scene.disk.set_capacity(Some(12288));
        let full = |result: std::io::Result<()>| result.err().map(|error| error.kind());
        assert_eq!(full(file.write_all_at(&[1; 8192], 8192)), Some(ErrorKind::StorageFull));
        assert_eq!(full(file.set_len(20_000)), Some(ErrorKind::StorageFull));
        file.write_all_at(&[2; 8192], 0).expect("it is there already");
        file.write_all_at(&[2; 4096], 8192).expect("there is room");
        assert_eq!(scene.read("file"), Some(vec![2; 12288]));
        drop(file);
        fs::remove_file(scene.path("file")).expect("it is there");
        assert_eq!(scene.disk.used_bytes(), 0);
        scene.open("other", 0).set_len(12288).expect("there is room again");
    });
}

#[test]
fn room_is_asked_for_by_statfs_and_taken_by_fallocate() {
    with_disk(|scene| {
        scene.disk.set_capacity(Some(40960));
        let file = scene.open("file", 0);
        // SAFETY: it takes a descriptor that is open, and numbers.
        let result = unsafe { libc::fallocate(file.as_raw_fd(), 0, 0, 12288) };
        assert_eq!(result, 0);
        assert_eq!(file.metadata().expect("it is open").len(), 12288);
        // SAFETY: all zero is a value of this type, which has numbers only.
        let mut found: libc::statfs = unsafe { std::mem::zeroed() };
        // SAFETY: the descriptor is open, and the kernel writes into a value that lives through the call.
        let result = unsafe { libc::fstatfs(file.as_raw_fd(), &raw mut found) };
        assert_eq!((result, found.f_blocks, found.f_bavail), (0, 10, 7));
    });
}

#[test]
fn writes_to_one_file_fail_and_others_do_not() {
    with_disk(|scene| {
        let (bad, good) = (scene.open("bad-1", 0), scene.open("good", 0));
        scene.disk.fail_writes_to(Some(OsStr::new("bad-")));
        let error = bad.write_all_at(b"x", 0).expect_err("it fails on purpose");
        assert_eq!(error.raw_os_error(), Some(libc::EIO));
        good.write_all_at(b"x", 0).expect("there is room");
        scene.disk.fail_writes_to(None);
        bad.write_all_at(b"x", 0).expect("there is room");
    });
}

#[test]
fn a_lock_belongs_to_one() {
    with_disk(|scene| {
        let (one, other) = (scene.open("lock", 0), scene.open("lock", 0));
        one.try_lock().expect("nobody has it");
        assert!(other.try_lock().is_err());
        drop(one);
        other.try_lock().expect("nobody has it");
    });
}
