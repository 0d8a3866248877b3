//! File systems on which a broker cannot start, or should not.

use std::fs;
use std::path::Path;

use coilgun_lossfs::{in_own_mounts, missing, mount_kind};

use crate::board::{Place, skip, with_board};
use crate::process::{coilgun, folder};
use crate::startup::refused::Refused;

/// Starts a broker on a file system of this kind, which has to be refused.
fn refused_on(kind: &str, is_read_only: bool, data: &str, says: &[&str], help: &[&str]) {
    if let Some(why) = missing() {
        skip(&why);
        return;
    }
    in_own_mounts(|| {
        let folder = folder();
        let point = folder.path().join("disk");
        fs::create_dir(&point).expect("the folder is writable");
        mount_kind(kind, Path::new("none"), &point, is_read_only).expect("root may mount");
        let mut command = coilgun(&["serve", "--listen", "none", "--unix", "coilgun.sock"]);
        command.args(["--shards", "1", "--connections-max", "10", "--data", data]);
        command.current_dir(folder.path());
        Refused::run(command, 1).says(says, help);
        assert!(!folder.path().join("coilgun.sock").exists(), "nobody can connect");
        coilgun_lossfs::unmount(&point).expect("it was mounted");
    });
}

#[test]
fn a_read_only_file_system_is_refused() {
    let (read_only, help) = ("Read-only file system", &["--data DIRECTORY"][..]);
    refused_on("tmpfs", true, "disk", &["cannot open disk/LOCK", read_only], help);
    refused_on("tmpfs", true, "disk/data", &["cannot create disk/data", read_only], help);
}

#[test]
fn a_file_system_without_direct_io_is_refused() {
    let says = ["the file system of disk/data has no direct IO", "use ext4 or xfs"];
    refused_on("ramfs", false, "disk/data", &says, &["on another disk"]);
}

#[test]
fn a_data_directory_in_memory_is_taken_with_a_warning() {
    if let Some(why) = missing() {
        skip(&why);
        return;
    }
    in_own_mounts(|| {
        let place = Place::new();
        let run = || {
            let broker = place.start();
            broker.signal(libc::SIGTERM);
            let ended = broker.end();
            assert_eq!(ended.status, 0);
            ended.stderr
        };
        let said = run();
        assert!(!said.contains("in memory"), "this is a disk: {said}");
        mount_kind("tmpfs", Path::new("none"), &place.mount_point(), false)
            .expect("root may mount");
        // Once before the data directory is there, and once when it is.
        for round in 1..=2 {
            let said = run();
            assert!(said.contains("data directory disk/data is in memory only"), "{round}: {said}");
            assert!(said.contains("--data DIRECTORY"), "{said}");
        }
        coilgun_lossfs::unmount(&place.mount_point()).expect("it was mounted");
    });
}

#[test]
fn a_disk_that_is_full_before_anything_was_written_is_refused() {
    with_board(4, |board| {
        board.disk.set_capacity(Some(0));
        Refused::run(board.place.command(), 1).says(&["disk/data/", "No space left"], &["--data"]);
        board.disk.set_capacity(None);
        let broker = board.place.start();
        broker.signal(libc::SIGTERM);
        assert_eq!(broker.end().status, 0);
    });
}
