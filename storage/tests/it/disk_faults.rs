//! Every fault of the simulated disk shows and is counted.

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::rc::Rc;

use coilgun_storage::disk::sim::{Crash, Dice, Fault, Faults, SimDisk, SimFile, SimWorld, run};
use coilgun_storage::disk::{BLOCK_BYTES, Disk, DiskError, DiskFile, FileKind};
use coilgun_storage::mutant::{self, Mutant};

const BLOCK: u64 = BLOCK_BYTES as u64;

fn filled(disk: &SimDisk, blocks: usize, byte: u8) -> Rc<<SimDisk as Disk>::Buffer> {
    let mut buffer = disk.buffer(blocks * BLOCK_BYTES);
    buffer.as_mut().fill(byte);
    Rc::new(buffer)
}

/// Runs a future in a world where nothing crashes.
fn done<F: Future>(world: &SimWorld, dice: &mut Dice, future: F) -> F::Output {
    run(world, dice, future).expect("no crash was asked for")
}

/// A world with a file of four blocks of zeros.
fn with_file(dice: &mut Dice) -> (SimWorld, SimDisk, SimFile) {
    let world = SimWorld::new();
    let disk = world.disk();
    let file = done(&world, dice, disk.create_filled("segment", 4 * BLOCK)).expect("it is new");
    (world, disk, file)
}

/// The bytes of the file, without an operation.
fn bytes(world: &SimWorld) -> Vec<u8> {
    world.contents("segment").expect("it is there")
}

#[test]
fn a_write_that_fails_may_have_happened_in_part() {
    let mut shares = BTreeSet::new();
    for seed in 0..100 {
        let mut dice = Dice::new(seed);
        let (world, disk, file) = with_file(&mut dice);
        world.fail_at(1, Fault::Error);
        let error =
            done(&world, &mut dice, file.write(filled(&disk, 4, 1), 0)).expect_err("it fails");
        assert_eq!(error.source.raw_os_error(), Some(libc::EIO));
        shares.insert(bytes(&world).iter().filter(|byte| **byte == 1).count() / 512);
        assert_eq!(world.counts().failed, 1);
        done(&world, &mut dice, file.write(filled(&disk, 4, 2), 0)).expect("only one fails");
        assert_eq!(bytes(&world), [2; 4 * BLOCK_BYTES]);
    }
    assert!(shares.contains(&0) && shares.contains(&32) && shares.len() > 10, "{shares:?}");
}

#[test]
fn a_short_write_and_a_short_read_are_errors() {
    for seed in 0..50 {
        let mut dice = Dice::new(seed);
        let (world, disk, file) = with_file(&mut dice);
        world.fail_at(1, Fault::Short);
        let error =
            done(&world, &mut dice, file.write(filled(&disk, 4, 1), 0)).expect_err("it is short");
        assert_eq!(error.source.kind(), ErrorKind::WriteZero);
        let stored = bytes(&world).iter().filter(|byte| **byte == 1).count();
        assert!(stored < 4 * BLOCK_BYTES && bytes(&world)[..stored].iter().all(|byte| *byte == 1));
        world.fail_at(1, Fault::Short);
        let error = done(&world, &mut dice, file.read(0, BLOCK_BYTES)).expect_err("it is short");
        assert_eq!(error.source.kind(), ErrorKind::UnexpectedEof);
        assert_eq!(world.counts().short, 2);
    }
}

#[test]
fn a_sync_that_failed_is_not_made_good_by_one_that_succeeds() {
    let mut lost = 0;
    for seed in 0..50 {
        let mut dice = Dice::new(seed);
        let (world, disk, file) = with_file(&mut dice);
        done(&world, &mut dice, disk.sync_directory()).expect("it is synced");
        mutant::with(Mutant::UnsyncedWrite, || {
            done(&world, &mut dice, file.write(filled(&disk, 4, 1), 0)).expect("it is written");
        });
        world.fail_at(1, Fault::Error);
        done(&world, &mut dice, file.sync()).expect_err("it fails");
        done(&world, &mut dice, file.sync()).expect("it says so");
        world.crash(Crash::Power, &mut dice);
        lost += usize::from(bytes(&world) != [1; 4 * BLOCK_BYTES]);
        assert!(world.counts().doomed_sectors > 0);
    }
    assert!(lost > 20, "{lost}");
}

#[test]
fn a_bit_turns_over_on_the_way_or_on_the_disk() {
    let flipped = |bytes: &[u8]| bytes.iter().map(|byte| byte.count_ones()).sum::<u32>();
    let mut dice = Dice::new(5);
    let (world, disk, file) = with_file(&mut dice);
    world.fail_at(1, Fault::Flip);
    let read = done(&world, &mut dice, file.read(0, BLOCK_BYTES)).expect("nobody noticed");
    assert_eq!(flipped(read.as_ref()), 1);
    let read = done(&world, &mut dice, file.read(0, BLOCK_BYTES)).expect("it is read");
    assert_eq!(flipped(read.as_ref()), 0, "the disk is right");
    world.fail_at(1, Fault::Flip);
    let zeros = filled(&disk, 1, 0);
    done(&world, &mut dice, file.write(zeros.clone(), 0)).expect("nobody noticed");
    assert_eq!((flipped(zeros.as_ref().as_ref()), flipped(&bytes(&world))), (0, 1));
    world.flip("segment", 3 * BLOCK + 7, 2);
    assert_eq!(bytes(&world)[3 * BLOCK_BYTES + 7], 4);
    assert_eq!(world.counts().flips, 3);
}

#[test]
fn a_full_disk_refuses_new_files_and_nothing_else() {
    let mut dice = Dice::new(6);
    let (world, disk, file) = with_file(&mut dice);
    assert_eq!(world.used_bytes(), 4 * BLOCK);
    world.set_capacity(Some(7 * BLOCK));
    let error =
        done(&world, &mut dice, disk.create_filled("more", 4 * BLOCK)).expect_err("it is full");
    assert!(error.is_full(), "{error}");
    let error =
        done(&world, &mut dice, disk.write_small("more", &[0; 20_000])).expect_err("it is full");
    assert!(error.is_full(), "{error}");
    assert_eq!(world.names(), ["segment"], "no half file is left");
    done(&world, &mut dice, file.write(filled(&disk, 4, 1), 0))
        .expect("there is room for what is there");
    done(&world, &mut dice, disk.rename("segment", "old")).expect("names need no room");
    // A file that is removed needs its room until it is closed.
    done(&world, &mut dice, disk.remove("old")).expect("it is there");
    assert_eq!(world.used_bytes(), 4 * BLOCK);
    done(&world, &mut dice, file.close()).expect("it is closed");
    assert_eq!(world.used_bytes(), 0);
    done(&world, &mut dice, disk.create_filled("more", 4 * BLOCK)).expect("there is room again");
    world.set_capacity(None);
    done(&world, &mut dice, disk.create_filled("again", 4 * BLOCK)).expect("there is room for all");
    world.fail_at(1, Fault::Full);
    let error =
        done(&world, &mut dice, disk.create_filled("last", BLOCK)).expect_err("it was asked for");
    assert!(error.is_full(), "{error}");
    assert_eq!(world.counts().full, 3);
}

#[test]
fn everything_else_may_fail_too() {
    type Made<'a> = Vec<(&'static str, Result<(), DiskError>)>;
    async fn attempts(world: &SimWorld, disk: &SimDisk, file: &SimFile) -> Made<'static> {
        let fail = || world.fail_at(1, Fault::Error);
        let mut made: Made<'static> = Vec::new();
        fail();
        made.push(("create", disk.create_filled("a", BLOCK).await.map(drop)));
        fail();
        made.push(("write small", disk.write_small("b", b"b").await));
        fail();
        made.push(("open", disk.open("segment").await.map(drop)));
        fail();
        made.push(("read small", disk.read_small("segment", 1 << 20).await.map(drop)));
        fail();
        made.push(("list", disk.list().await.map(drop)));
        fail();
        made.push(("sync directory", disk.sync_directory().await));
        fail();
        made.push(("truncate", file.truncate(BLOCK).await));
        fail();
        made.push(("read", file.read(0, BLOCK_BYTES).await.map(drop)));
        fail();
        made.push(("rename", disk.rename("segment", "other").await));
        fail();
        let name = world.names().remove(0);
        made.push(("remove", disk.remove(&name).await));
        made
    }
    let mut renamed = BTreeSet::new();
    for seed in 0..20 {
        let mut dice = Dice::new(seed);
        let (world, disk, file) = with_file(&mut dice);
        for (name, outcome) in done(&world, &mut dice, attempts(&world, &disk, &file)) {
            let error = outcome.expect_err(name);
            assert_eq!(error.source.raw_os_error(), Some(libc::EIO), "{name}");
        }
        assert_eq!(world.counts().failed, 10);
        renamed.insert(world.names());
    }
    // Whoever gets an error does not know whether it happened.
    let names: Vec<String> = renamed.iter().map(|names| names.join(" ")).collect();
    assert_eq!(names, ["", "other", "segment"]);
}

#[test]
fn faults_happen_by_themselves_as_often_as_they_are_wanted() {
    let mut dice = Dice::new(7);
    let (world, disk, file) = with_file(&mut dice);
    let often = Faults {
        read_error: 100,
        write_error: 100,
        sync_error: 100,
        metadata_error: 100,
        short_write: 100,
        flip_read: 100,
        slow: 100,
        scattered_names: 500,
    };
    world.set_faults(often);
    for round in 0..500 {
        let name = format!("{round}");
        let _ = done(&world, &mut dice, file.write(filled(&disk, 1, 1), 0));
        let _ = done(&world, &mut dice, file.read(0, BLOCK_BYTES));
        let _ = done(&world, &mut dice, file.sync());
        let _ = done(&world, &mut dice, disk.write_small(&name, b"x"));
    }
    let counts = world.counts();
    assert!((150..250).contains(&counts.failed), "{counts:?}");
    assert!((30..70).contains(&counts.short) && (30..70).contains(&counts.flips), "{counts:?}");
    world.set_faults(Faults::none());
    let before = world.counts();
    done(&world, &mut dice, file.write(filled(&disk, 1, 1), 0)).expect("nothing fails any more");
    assert_eq!(world.counts().failed, before.failed);
}

#[test]
fn files_are_planted_and_taken_away() {
    let mut dice = Dice::new(10);
    let (world, disk, file) = with_file(&mut dice);
    world.plant("foreign", b"what is it");
    world.plant_directory("lost+found");
    world.remove_behind("segment");
    let entries = done(&world, &mut dice, disk.list()).expect("it can be read");
    let found: Vec<_> = entries.iter().map(|entry| (entry.name.as_str(), entry.kind)).collect();
    assert_eq!(found, [("foreign", FileKind::File), ("lost+found", FileKind::Directory)]);
    assert!(done(&world, &mut dice, disk.open("segment")).expect_err("it is gone").is_missing());
    done(&world, &mut dice, file.read(0, BLOCK_BYTES)).expect("who has it open keeps it");
    done(&world, &mut dice, disk.open("lost+found")).expect_err("it is no file");
    world.crash(Crash::Power, &mut dice);
    assert_eq!(world.names(), ["foreign"], "a harness's hand is durable");
    assert_eq!((world.counts().planted, world.counts().removed_behind), (2, 1));
}
