//! What a crash of the simulated disk leaves: everything that was promised, and of the rest any part.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::rc::Rc;

use coilgun_storage::disk::sim::{
    Crash, Crashed, Dice, DiskCounts, Faults, SimDisk, SimWorld, run,
};
use coilgun_storage::disk::{BLOCK_BYTES, Disk, DiskFile};
use coilgun_storage::mutant::{self, Mutant};

const BLOCK: u64 = BLOCK_BYTES as u64;
const SECTOR_BYTES: usize = 512;
const BOTH: [Crash; 2] = [Crash::Kill, Crash::Power];

fn filled(disk: &SimDisk, blocks: usize, byte: u8) -> Rc<<SimDisk as Disk>::Buffer> {
    let mut buffer = disk.buffer(blocks * BLOCK_BYTES);
    buffer.as_mut().fill(byte);
    Rc::new(buffer)
}

/// What stands in each sector, all of which are of one byte only.
fn sectors(bytes: &[u8]) -> Vec<u8> {
    let sectors = bytes.chunks(SECTOR_BYTES);
    sectors
        .map(|sector| {
            assert!(sector.iter().all(|byte| *byte == sector[0]), "a sector is written as a whole");
            sector[0]
        })
        .collect()
}

/// A world with a durable file of two blocks of ones.
fn with_segment(dice: &mut Dice) -> SimWorld {
    let world = SimWorld::new();
    let disk = world.disk();
    run(&world, dice, async {
        let file = disk.create_filled("segment", 2 * BLOCK).await.expect("it is new");
        file.write(filled(&disk, 2, 1), 0).await.expect("it is written");
        disk.sync_directory().await.expect("it is synced");
        file.close().await.expect("it is closed");
    })
    .expect("no crash was asked for");
    world
}

/// Overwrites the file of [`with_segment`] with twos.
async fn overwrite(disk: SimDisk) {
    let file = disk.open("segment").await.expect("it is there");
    file.write(filled(&disk, 2, 2), 0).await.expect("it is written");
    file.close().await.expect("it is closed");
}

fn left(world: &SimWorld) -> Vec<u8> {
    sectors(&world.contents("segment").expect("it is there"))
}

#[test]
fn a_write_that_returned_survives_every_crash() {
    for crash in BOTH {
        for seed in 0..50 {
            let mut dice = Dice::new(seed);
            let world = with_segment(&mut dice);
            run(&world, &mut dice, overwrite(world.disk())).expect("no crash was asked for");
            world.crash(crash, &mut dice);
            assert_eq!(left(&world), [2; 16], "{crash:?}");
        }
    }
}

#[test]
fn a_write_in_flight_is_stored_by_sectors_or_not_at_all() {
    let mut counts = DiskCounts::default();
    let mut patterns = BTreeSet::new();
    for crash in BOTH {
        for seed in 0..200 {
            let mut dice = Dice::new(seed);
            let world = with_segment(&mut dice);
            // Opening is the first operation, and the write the second.
            world.crash_at(2);
            assert_eq!(run(&world, &mut dice, overwrite(world.disk())), Err(Crashed));
            assert!(!world.complete_one(&mut dice), "nothing goes on");
            world.crash(crash, &mut dice);
            let left = left(&world);
            assert!(left.iter().all(|byte| [1, 2].contains(byte)), "{left:?}");
            patterns.insert(left);
            counts.add(&world.counts());
        }
    }
    assert!(counts.torn > 100 && counts.vanished > 30 && counts.unheard > 30, "{counts:?}");
    assert_eq!(counts.torn + counts.vanished + counts.unheard, 400);
    assert!(patterns.len() > 100, "{}", patterns.len());
}

#[test]
fn what_a_killed_process_left_is_durable_only_after_a_sync() {
    let (mut lost, mut kept) = (0, 0);
    for seed in 0..200 {
        let mut dice = Dice::new(seed);
        let world = with_segment(&mut dice);
        world.crash_at(2);
        assert_eq!(run(&world, &mut dice, overwrite(world.disk())), Err(Crashed));
        world.crash(Crash::Kill, &mut dice);
        let seen = left(&world);
        let is_synced = seed % 2 == 0;
        if is_synced {
            let disk = world.disk();
            let synced = run(&world, &mut dice, async move {
                let file = disk.open("segment").await?;
                file.sync().await?;
                file.close().await
            });
            synced.expect("no crash was asked for").expect("it is synced");
            assert_eq!(world.unsynced(), (0, 0));
        }
        world.crash(Crash::Power, &mut dice);
        if is_synced {
            assert_eq!(left(&world), seen, "what was read and synced stays");
        } else {
            lost += usize::from(left(&world) != seen);
            kept += usize::from(left(&world) == seen);
        }
    }
    assert!(lost > 20 && kept > 20, "{lost} lost, {kept} kept");
}

#[test]
fn without_synced_writes_a_power_failure_loses_what_was_acked_and_a_kill_does_not() {
    let lost = |crash, is_synced| {
        mutant::with(Mutant::UnsyncedWrite, || {
            let mut lost = 0;
            for seed in 0..100 {
                let mut dice = Dice::new(seed);
                let world = with_segment(&mut dice);
                let disk = world.disk();
                let written = run(&world, &mut dice, async {
                    overwrite(disk.clone()).await;
                    let file = disk.open("segment").await?;
                    if is_synced { file.sync().await } else { Ok(()) }
                });
                written.expect("no crash was asked for").expect("it is written");
                assert_eq!(left(&world), [2; 16], "it reads back");
                world.crash(crash, &mut dice);
                lost += usize::from(left(&world) != [2; 16]);
            }
            lost
        })
    };
    assert!(lost(Crash::Power, false) > 30);
    assert_eq!(lost(Crash::Power, true), 0);
    assert_eq!(lost(Crash::Kill, false), 0);
}

/// The names that a power failure leaves of four changes, of which none was synced.
fn names_left(scattered: bool) -> BTreeSet<Vec<String>> {
    let mut states = BTreeSet::new();
    for seed in 0..200 {
        let mut dice = Dice::new(seed);
        let world = SimWorld::new();
        world.set_faults(Faults {
            scattered_names: if scattered { 1000 } else { 0 },
            ..Faults::none()
        });
        let disk = world.disk();
        let changed = run(&world, &mut dice, async move {
            disk.write_small("a", b"a").await?;
            disk.write_small("b", b"b").await?;
            disk.rename("b", "c").await?;
            disk.remove("a").await
        });
        changed.expect("no crash was asked for").expect("nothing fails");
        assert_eq!(world.names(), ["c"]);
        world.crash(Crash::Power, &mut dice);
        states.insert(world.names());
        let is_lost = world.names() != ["c"];
        assert!(!is_lost || world.counts().lost_names > 0);
    }
    states
}

fn states(names: &[&[&str]]) -> BTreeSet<Vec<String>> {
    names.iter().map(|names| names.iter().map(|name| name.to_string()).collect()).collect()
}

#[test]
fn names_that_are_not_synced_are_lost_from_the_end() {
    assert_eq!(names_left(false), states(&[&[], &["a"], &["a", "b"], &["a", "c"], &["c"]]));
}

#[test]
fn names_that_are_not_synced_are_lost_anywhere_if_that_is_wanted() {
    let any = [&[][..], &["a"], &["a", "b"], &["a", "c"], &["b"], &["c"]];
    assert_eq!(names_left(true), states(&any));
}

#[test]
fn names_that_are_synced_stay() {
    for crash in BOTH {
        for seed in 0..50 {
            let mut dice = Dice::new(seed);
            let world = with_segment(&mut dice);
            world.crash(crash, &mut dice);
            assert_eq!(world.names(), ["segment"]);
        }
    }
}

/// How a log might make a segment: fill, write, publish, write on, and recycle an old one. `progress` is
/// how many steps have returned.
async fn script(disk: SimDisk, progress: Rc<Cell<usize>>) {
    let step = || progress.set(progress.get() + 1);
    let file = disk.create_filled("new", 2 * BLOCK).await.expect("it is new");
    step();
    file.write(filled(&disk, 1, 1), 0).await.expect("it is written");
    step();
    disk.rename("new", "segment").await.expect("it is there");
    step();
    disk.sync_directory().await.expect("it is synced");
    step();
    file.write(filled(&disk, 1, 2), BLOCK).await.expect("it is written");
    step();
    disk.write_small("manifest", &[3; 700]).await.expect("it is new");
    step();
    disk.sync_directory().await.expect("it is synced");
    step();
    file.truncate(BLOCK).await.expect("it is cut");
    step();
    disk.remove("manifest").await.expect("it is there");
    step();
    disk.sync_directory().await.expect("it is synced");
    step();
    file.close().await.expect("it is closed");
    step();
}

/// Asserts that what is left is what `progress` steps promise.
fn check(world: &SimWorld, crash: Crash, progress: usize) {
    let names = world.names();
    // A killed process leaves the names as they were; a power failure only those that were synced.
    let is_killed = crash == Crash::Kill;
    let is_published = progress >= 4 || is_killed && progress >= 3;
    let has = |name: &str| names.iter().any(|found| found == name);
    assert!(!is_published || (has("segment") && !has("new")), "{names:?} after {progress}");
    assert!(!(has("segment") && has("new")), "a file has one name");
    assert!(progress > 0 || !has("segment"), "nothing comes from nothing");
    let segment = world.contents("segment").or_else(|| world.contents("new"));
    if let Some(segment) = &segment {
        let of_block = |block: usize| {
            let bytes = segment.chunks(BLOCK_BYTES).nth(block).map(sectors);
            bytes.map(BTreeSet::from_iter)
        };
        let (first, second) = (of_block(0), of_block(1));
        let is_one_of =
            |found: &BTreeSet<u8>, legal: [u8; 2]| found.iter().all(|byte| legal.contains(byte));
        match progress {
            // Half made, or whole and the first write in flight.
            0 => assert!(segment.iter().all(|byte| *byte == 0)),
            1 => assert!(is_one_of(&first.expect("it is whole"), [0, 1])),
            2.. => assert_eq!(first, Some(BTreeSet::from([1])), "after {progress}"),
        }
        match progress {
            0 => {}
            1..=3 => assert_eq!(second, Some(BTreeSet::from([0]))),
            4 => assert!(is_one_of(&second.expect("it is whole"), [0, 2])),
            5..=6 => assert_eq!(second, Some(BTreeSet::from([2]))),
            // Cut off, or about to be.
            7 => assert!(second.is_none_or(|found| found == BTreeSet::from([2]))),
            8.. => assert_eq!(second, None),
        }
    }
    let manifest = world.contents("manifest");
    let must_be_there = progress == 7 || is_killed && progress == 6;
    let must_be_gone = !(5..10).contains(&progress) || is_killed && progress >= 9;
    assert!(!must_be_there || manifest.is_some(), "{names:?} after {progress}");
    assert!(!must_be_gone || manifest.is_none(), "{names:?} after {progress}");
    if let Some(manifest) = manifest {
        assert!(progress < 6 || manifest == [3; 700], "what is named and was written is whole");
    }
}

#[test]
fn a_crash_at_every_operation_leaves_what_was_promised() {
    let world = SimWorld::new();
    let progress = Rc::new(Cell::new(0));
    run(&world, &mut Dice::new(0), script(world.disk(), progress.clone()))
        .expect("no crash was asked for");
    let (operations, steps) = (world.operations(), progress.get());
    assert_eq!((operations, steps), (11, 11));
    let mut counts = DiskCounts::default();
    for crash in BOTH {
        for nth in 1..=operations {
            for seed in 0..100 {
                let mut dice = Dice::new(seed);
                let world = SimWorld::new();
                let progress = Rc::new(Cell::new(0));
                world.crash_at(nth);
                let died = run(&world, &mut dice, script(world.disk(), progress.clone()));
                assert_eq!(died, Err(Crashed));
                assert_eq!(progress.get() as u64, nth - 1, "the operation is in flight");
                world.crash(crash, &mut dice);
                assert_eq!((world.in_flight(), world.open_files()), (0, 0));
                check(&world, crash, progress.get());
                counts.add(&world.counts());
            }
        }
    }
    assert!(counts.half_made > 50 && counts.lost_names > 50 && counts.torn > 50, "{counts:?}");
    assert_eq!((counts.kills, counts.power_failures), (1100, 1100));
}

#[test]
fn the_next_process_works_with_what_is_left() {
    for seed in 0..20 {
        let mut dice = Dice::new(seed);
        let world = with_segment(&mut dice);
        let disk = world.disk();
        world.crash_at(2);
        assert_eq!(run(&world, &mut dice, overwrite(disk.clone())), Err(Crashed));
        world.crash(Crash::Power, &mut dice);
        run(&world, &mut dice, overwrite(disk.clone())).expect("the crash is over");
        assert_eq!(left(&world), [2; 16]);
        assert_eq!(world.open_files(), 0);
    }
}

#[test]
#[should_panic(expected = "waits for nothing that the disk does")]
fn a_file_of_a_process_that_ended_never_answers() {
    let mut dice = Dice::new(1);
    let world = with_segment(&mut dice);
    let disk = world.disk();
    let file = run(&world, &mut dice, async { disk.open("segment").await });
    let file = file.expect("no crash was asked for").expect("it is there");
    world.crash(Crash::Kill, &mut dice);
    assert_eq!(world.open_files(), 0);
    let _ = run(&world, &mut dice, file.sync());
}
