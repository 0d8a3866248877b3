//! What a power cut takes, and what it leaves.

use std::fs;
use std::os::unix::fs::FileExt;

use coilgun_lossfs::{Forgotten, Keep, Lie};

use crate::scene::with_disk;

/// Bytes of a block.
const BLOCK: usize = 4096;

#[test]
fn bytes_that_were_not_synced_are_lost_and_those_that_were_are_there() {
    with_disk(|scene| {
        let file = scene.open("file", 0);
        file.write_all_at(b"first", 0).expect("there is room");
        file.sync_data().expect("there is power");
        scene.sync_names();
        file.write_all_at(b"second", 2 * BLOCK as u64).expect("there is room");
        file.write_all_at(b"F", 0).expect("there is room");
        assert_eq!(scene.read("file").map(|bytes| bytes.len()), Some(2 * BLOCK + 6));
        let forgotten = scene.cut(Keep::Nothing);
        assert_eq!(forgotten, Forgotten { blocks_lost: 2, ..Forgotten::default() });
        assert_eq!(scene.read("file").as_deref(), Some(&b"first"[..]));
        assert!(file.write_all_at(b"late", 0).is_err(), "handles end with the power");
    });
}

#[test]
fn bytes_that_were_written_with_o_dsync_are_there_and_those_beside_them_are_not() {
    with_disk(|scene| {
        for (name, flags) in [("dsync", libc::O_DSYNC), ("sync", libc::O_SYNC)] {
            let beside = scene.open(name, 0);
            beside.write_all_at(&[1; 3 * BLOCK], 0).expect("there is room");
            scene.sync_names();
            let synced = scene.open(name, flags);
            synced.write_all_at(&[2; BLOCK], BLOCK as u64).expect("there is room");
            assert_eq!(scene.cut(Keep::Nothing).blocks_lost, 2, "{name}");
            let expected = [[0; BLOCK], [2; BLOCK]].concat();
            assert_eq!(scene.read(name).as_deref(), Some(&expected[..]), "{name}");
        }
    });
}

#[test]
fn direct_writes_are_told_apart_like_others() {
    with_disk(|scene| {
        #[repr(align(4096))]
        struct Aligned([u8; BLOCK]);
        let block = Aligned([7; BLOCK]);
        let synced = scene.open("synced", libc::O_DIRECT | libc::O_DSYNC);
        let other = scene.open("other", libc::O_DIRECT);
        scene.sync_names();
        synced.write_all_at(&block.0, 0).expect("there is room");
        other.write_all_at(&block.0, 0).expect("there is room");
        assert_eq!(scene.cut(Keep::Nothing).blocks_lost, 1);
        assert_eq!(scene.read("synced").as_deref(), Some(&block.0[..]));
        assert_eq!(scene.read("other").as_deref(), Some(&[][..]));
    });
}

#[test]
fn names_are_lost_until_their_directory_is_synced() {
    with_disk(|scene| {
        for name in ["old", "gone", "new"] {
            let file = scene.open(name, 0);
            file.write_all_at(name.as_bytes(), 0).expect("there is room");
            file.sync_all().expect("there is power");
            if name == "gone" {
                scene.sync_names();
            }
        }
        fs::remove_file(scene.path("gone")).expect("it is there");
        fs::rename(scene.path("new"), scene.path("old")).expect("it is there");
        assert_eq!(scene.read("old").as_deref(), Some(&b"new"[..]));
        assert_eq!(scene.cut(Keep::Nothing).names_lost, 3);
        assert_eq!(scene.read("old").as_deref(), Some(&b"old"[..]));
        assert_eq!(scene.read("gone").as_deref(), Some(&b"gone"[..]));
        assert_eq!(scene.read("new"), None, "it was synced, and its name was not");

        fs::remove_file(scene.path("gone")).expect("it is there");
        fs::rename(scene.path("old"), scene.path("moved")).expect("it is there");
        fs::hard_link(scene.path("moved"), scene.path("linked")).expect("it is there");
        scene.sync_names();
        assert_eq!(scene.cut(Keep::Nothing), Forgotten::default());
        assert_eq!((scene.read("gone"), scene.read("old")), (None, None));
        for name in ["moved", "linked"] {
            assert_eq!(scene.read(name).as_deref(), Some(&b"old"[..]), "{name}");
        }
    });
}

#[test]
fn directories_are_lost_with_what_is_in_them_until_their_own_name_is_durable() {
    with_disk(|scene| {
        let make = || {
            fs::create_dir(scene.path("below")).expect("there is room");
            let file = scene.open("below/file", 0);
            file.write_all_at(b"deep", 0).expect("there is room");
            file.sync_all().expect("there is power");
            fs::File::open(scene.path("below")).and_then(|it| it.sync_all()).expect("it works");
        };
        make();
        scene.cut(Keep::Nothing);
        assert!(!scene.path("below").exists());
        make();
        scene.sync_names();
        scene.cut(Keep::Nothing);
        assert_eq!(scene.read("below/file").as_deref(), Some(&b"deep"[..]));
        fs::remove_dir_all(scene.path("below")).expect("it is there");
        scene.cut(Keep::Nothing);
        assert_eq!(scene.read("below/file").as_deref(), Some(&b"deep"[..]));
        fs::remove_dir_all(scene.path("below")).expect("it is there");
        scene.sync_names();
        scene.cut(Keep::Nothing);
        assert!(!scene.path("below").exists());
    });
}

#[test]
fn truncations_are_undone_until_they_are_synced() {
    with_disk(|scene| {
        let file = scene.open("file", 0);
        file.write_all_at(&[3; 2 * BLOCK], 0).expect("there is room");
        file.sync_all().expect("there is power");
        scene.sync_names();
        let cut = |bytes, again: u64| {
            let file = scene.open("file", 0);
            file.set_len(bytes).expect("it is a file");
            file.set_len(again).expect("it is a file");
            file
        };
        drop(cut(100, 2 * BLOCK as u64));
        let mut shown = vec![0; 2 * BLOCK];
        shown[..100].fill(3);
        assert_eq!(scene.read("file"), Some(shown.clone()), "no old bytes come back");
        scene.cut(Keep::Nothing);
        assert_eq!(scene.read("file"), Some(vec![3; 2 * BLOCK]));
        cut(100, 2 * BLOCK as u64).sync_all().expect("there is power");
        scene.cut(Keep::Nothing);
        assert_eq!(scene.read("file"), Some(shown));
    });
}

#[test]
fn dice_keep_some_blocks_and_tear_others() {
    with_disk(|scene| {
        let file = scene.open("file", 0);
        file.write_all_at(&[1; 200 * BLOCK], 0).expect("there is room");
        file.sync_all().expect("there is power");
        scene.sync_names();
        file.write_all_at(&[2; 200 * BLOCK], 0).expect("there is room");
        drop(scene.open("name", 0));
        let forgotten = scene.cut(Keep::Some(3));
        let bytes = scene.read("file").expect("it is there");
        let count = |wanted| bytes.chunks(BLOCK).filter(|block| *block == [wanted; BLOCK]).count();
        let (old, new) = (count(1) as u64, count(2) as u64);
        assert!(old > 30 && new > 30 && old + new < 200, "{old} old, {new} new");
        let (lost, kept) = (forgotten.blocks_lost, forgotten.blocks_kept);
        assert_eq!(lost + kept + forgotten.blocks_torn, 200);
        assert!(lost <= old && kept <= new, "{forgotten:?}");
    });
}

#[test]
fn a_promise_that_is_broken_is_broken_silently() {
    with_disk(|scene| {
        scene.disk.lie(Some(Lie::SyncedWrites));
        let file = scene.open("file", libc::O_DSYNC);
        scene.sync_names();
        file.write_all_at(b"synced", 0).expect("it says that it did it");
        scene.disk.lie(Some(Lie::FileSyncs));
        file.sync_all().expect("it says that it did it");
        scene.disk.lie(Some(Lie::DirectorySyncs));
        drop(scene.open("other", 0));
        scene.sync_names();
        let forgotten = scene.cut(Keep::Nothing);
        assert_eq!((forgotten.blocks_lost, forgotten.names_lost), (1, 1));
        assert_eq!(scene.read("file").as_deref(), Some(&[][..]));
    });
}

#[test]
fn a_direct_read_ends_with_the_file() {
    with_disk(|scene| {
        let file = scene.open("file", 0);
        file.write_all_at(&[1; 2 * BLOCK], 0).expect("there is room");
        let direct = scene.open("file", libc::O_DIRECT);
        #[repr(align(4096))]
        struct Aligned([u8; 3 * BLOCK]);
        let mut block = Aligned([7; 3 * BLOCK]);
        let count = direct.read_at(&mut block.0, 0).expect("there is power");
        assert_eq!((count, block.0[2 * BLOCK]), (2 * BLOCK, 7));
    });
}

#[test]
fn the_power_goes_in_the_middle_of_a_synced_write() {
    with_disk(|scene| {
        let file = scene.open("file", libc::O_DSYNC);
        file.write_all_at(&[1; 20 * BLOCK], 0).expect("there is power");
        scene.sync_names();
        assert!(scene.disk.cut_after(Some(5)));
        assert!(file.write_all_at(&[2; 20 * BLOCK], 0).is_err());
        assert!(scene.disk.is_cut() && !scene.disk.cut_after(None));
        assert_eq!(scene.cut(Keep::Nothing).blocks_lost, 15);
        let bytes = scene.read("file").expect("it is there");
        let new: Vec<bool> = bytes.chunks(BLOCK).map(|block| *block == [2; BLOCK]).collect();
        assert_eq!(new.iter().filter(|is_new| **is_new).count(), 5);
        assert!(new.windows(2).filter(|pair| pair[0] != pair[1]).count() > 2, "in any order");
    });
}
