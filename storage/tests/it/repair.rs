//! Repairs of a log, with a crash at every operation of the disk.

use coilgun_storage::disk::DiskError;
use coilgun_storage::disk::sim::{Crash, Crashed, Dice, SimWorld, run};
use coilgun_storage::format::{
    Holds, MANIFEST_FILE_NAME, Manifest, SUPERBLOCK_FILE_NAME, SegmentSequence, segment_file_name,
};
use coilgun_storage::recovery::repair::{Plan, Remedy, apply_repair, plan_repair};
use coilgun_storage::recovery::{Problem, Unproven, Verified, verify};

use crate::golden_log::golden_world;
use crate::golden_writer::{LOG_ID, open_in};

/// Most rounds that a repair may take.
const ROUNDS_MAX: usize = 4;

fn plan(world: &SimWorld) -> Plan {
    let disk = world.disk();
    let planned = run(world, &mut Dice::new(3), plan_repair(&disk, LOG_ID));
    planned.expect("nothing stops").expect("the disk reads")
}

fn apply(world: &SimWorld, dice: &mut Dice, plan: &Plan) -> Result<Result<(), DiskError>, Crashed> {
    let disk = world.disk();
    run(world, dice, apply_repair(&disk, plan))
}

fn check(world: &SimWorld) -> Verified {
    let (disk, mut ignored) = (world.disk(), |_| {});
    let verified = run(world, &mut Dice::new(4), verify(&disk, LOG_ID, &mut ignored));
    verified.expect("nothing stops").expect("the disk reads")
}

fn manifest(world: &SimWorld) -> Manifest {
    let bytes = world.contents(MANIFEST_FILE_NAME).expect("there is one");
    Manifest::from_bytes(&bytes).expect("it is whole")
}

/// The file of the segment with this index in the log.
fn segment_name(world: &SimWorld, index: usize) -> String {
    let manifest = manifest(world);
    let (_, row) = manifest.segments().nth(index).expect("there are as many");
    segment_file_name(row.file)
}

/// The faults that a start is refused for, with what is done about each.
#[derive(Clone, Copy, Debug)]
enum Planted {
    ManifestDamaged,
    ManifestMissing,
    SegmentMissing,
    SegmentShort,
    OpenSegmentMissing,
    NoCheckpoint,
}

const ALL: [Planted; 6] = [
    Planted::ManifestDamaged,
    Planted::ManifestMissing,
    Planted::SegmentMissing,
    Planted::SegmentShort,
    Planted::OpenSegmentMissing,
    Planted::NoCheckpoint,
];

impl Planted {
    fn plant(self, world: &SimWorld) {
        match self {
            Planted::ManifestDamaged => world.flip(MANIFEST_FILE_NAME, 30, 1),
            Planted::ManifestMissing => world.remove_behind(MANIFEST_FILE_NAME),
            Planted::SegmentMissing => world.remove_behind(&segment_name(world, 0)),
            Planted::SegmentShort => {
                let name = segment_name(world, 0);
                let bytes = world.contents(&name).expect("it is there");
                world.plant(&name, &bytes[..8192]);
            }
            Planted::OpenSegmentMissing => {
                let manifest = manifest(world);
                let open =
                    manifest.files.iter().find(|row| matches!(row.holds, Holds::Open { .. }));
                world.remove_behind(&segment_file_name(open.expect("one is open").file));
            }
            Planted::NoCheckpoint => {
                let mut manifest = manifest(world);
                let first = manifest.files.remove(0);
                world.remove_behind(&segment_file_name(first.file));
                manifest.released = first.holds.segment().unwrap_or(SegmentSequence(1));
                world.plant(MANIFEST_FILE_NAME, &manifest.to_bytes());
                world.plant(SUPERBLOCK_FILE_NAME, &[0xff; 8192]);
            }
        }
    }

    /// What is still told of it: the slot for the checkpoint that is gone is empty until the next one is made.
    fn remaining(self) -> Vec<Problem> {
        match self {
            Planted::NoCheckpoint => vec![Problem::SlotEmpty { slot: 1, checkpoint: 1 }],
            Planted::ManifestDamaged
            | Planted::ManifestMissing
            | Planted::SegmentMissing
            | Planted::SegmentShort
            | Planted::OpenSegmentMissing => Vec::new(),
        }
    }

    fn loses_records(self) -> bool {
        match self {
            Planted::ManifestDamaged | Planted::ManifestMissing | Planted::NoCheckpoint => false,
            Planted::SegmentMissing | Planted::SegmentShort | Planted::OpenSegmentMissing => true,
        }
    }
}

/// A log with a fault, which is refused.
fn damaged(planted: Planted) -> SimWorld {
    let world = golden_world();
    planted.plant(&world);
    assert!(open_in(&world).0.is_err(), "{planted:?} is refused");
    world
}

/// Repairs the log until a start is not refused any more, and checks what it finds then.
fn finish(world: &SimWorld, planted: Planted) {
    for _ in 0..ROUNDS_MAX {
        let plan = plan(world);
        if plan.remedy == Remedy::NotNeeded {
            break;
        }
        assert!(!matches!(plan.remedy, Remedy::None(_)), "{planted:?}: {plan:?}");
        apply(world, &mut Dice::new(5), &plan).expect("nothing stops").expect("the disk writes");
    }
    let verified = check(world);
    assert_eq!(verified.problems, planted.remaining(), "{planted:?}");
    assert_eq!(verified.lost.is_empty(), !planted.loses_records(), "{planted:?}");
    let (opened, _) = open_in(world);
    let (_, report) = opened.unwrap_or_else(|error| panic!("{planted:?}: {error}"));
    if !planted.loses_records() {
        assert_eq!(report.unproven, Unproven::Nothing, "{planted:?}");
    }
}

#[test]
fn each_fault_is_planned_without_a_change_and_repaired() {
    for planted in ALL {
        let world = damaged(planted);
        let before: Vec<_> =
            world.names().into_iter().map(|name| (world.contents(&name), name)).collect();
        let plan = plan(&world);
        assert_eq!(plan.lost.is_empty(), !planted.loses_records(), "{planted:?}: {plan:?}");
        let after: Vec<_> =
            world.names().into_iter().map(|name| (world.contents(&name), name)).collect();
        assert!(before == after, "{planted:?}: a plan changes nothing");
        finish(&world, planted);
    }
}

#[test]
fn what_is_known_to_be_lost_is_named_by_its_offsets() {
    let world = damaged(Planted::SegmentMissing);
    let lost: Vec<String> = plan(&world).lost.iter().map(ToString::to_string).collect();
    let expected = [
        "partition 1 (incarnation 0): records 0 to 7",
        "partition 2 (incarnation 0): records 0 to 3",
    ];
    assert_eq!(lost, expected);
}

#[test]
fn a_repair_that_crashes_at_any_operation_is_repaired_again() {
    for planted in ALL {
        for crash in [Crash::Kill, Crash::Power] {
            let mut nth = 1;
            // Ends when a repair has fewer operations than that.
            loop {
                let world = damaged(planted);
                let plan = plan(&world);
                let mut dice = Dice::new(nth);
                world.crash_at(nth);
                let applied = apply(&world, &mut dice, &plan);
                if applied.is_ok() {
                    break;
                }
                world.crash(crash, &mut dice);
                finish(&world, planted);
                nth += 1;
            }
            assert!(nth > 4, "{planted:?} takes some operations");
        }
    }
}

#[test]
fn nothing_is_removed_or_written_over() {
    for planted in ALL {
        let world = damaged(planted);
        let before: Vec<_> = world.names().iter().filter_map(|name| world.contents(name)).collect();
        let plan = plan(&world);
        apply(&world, &mut Dice::new(5), &plan).expect("nothing stops").expect("the disk writes");
        let after: Vec<_> = world.names().iter().filter_map(|name| world.contents(name)).collect();
        assert!(before.iter().all(|bytes| after.contains(bytes)), "{planted:?}");
    }
}
