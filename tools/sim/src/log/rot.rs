//! A log that rots: something in its files changes while nobody looks, and is found, or does not count.
//!
//! ```text
//! seed -> a log, closed or killed -> its files, again and again: one bit turns over, a block is lost ...
//!              |                            |
//!              v                            +-> verify: says so, unless nothing counts there
//!    what was appended, and where           +-> open: hands out what was appended, names what is missing
//! ```

use std::panic::{AssertUnwindSafe, catch_unwind};

use coilgun_storage::disk::BLOCK_BYTES;
use coilgun_storage::disk::sim::{Dice, SimWorld, run};
use coilgun_storage::format::{MANIFEST_FILE_NAME, SUPERBLOCK_FILE_NAME};
use coilgun_storage::journal::Geometry;
use coilgun_storage::recovery::{Problem, Progress, Verified, verify};

use super::life::LOG_ID;
use super::rot_build::{Ending, Model, build};
use super::rot_opening::{Scene, check_opening};
use super::rot_places::{Area, Counts, Files, Stretch, beginning, stretches};
use super::rot_tally::RotTally;
use crate::finding::{Finding, demand};

/// How often the same log rots.
const ROTS: usize = 24;

/// What happened to a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Rot {
    /// One bit turned over.
    Flip,
    /// A block came back as zeros.
    Zeros,
    /// A block came back as something else.
    Garbage,
    /// A block came back as another one of the same file.
    Misplaced,
    /// The end of the file is gone.
    Cut,
}

/// What rotted where.
#[derive(Clone, Debug)]
pub(super) struct Rotten {
    pub(super) rot: Rot,
    pub(super) file: String,
    /// The first byte that is another one.
    pub(super) byte: usize,
    /// What stands there.
    pub(super) area: Area,
    /// Whether it must be found.
    pub(super) counts: Counts,
}

/// Runs a seed: a log, and many ways in which it rots. The same seed does the same.
#[must_use]
pub fn run_rot(seed: u64) -> (RotTally, Option<Finding>) {
    let mut tally = RotTally { seeds: 1, ..RotTally::default() };
    let played = catch_unwind(AssertUnwindSafe(|| play(seed, &mut tally)));
    let finding = match played {
        Ok(result) => result.err(),
        Err(panic) => Some(Finding::of_panic(&*panic)),
    };
    (tally, finding)
}

fn play(seed: u64, tally: &mut RotTally) -> Result<(), Finding> {
    let mut dice = Dice::new(seed);
    let geometry = Geometry {
        segment_bytes: 4096 * (8 + dice.below(8) as u32),
        group_bytes_max: 4096 * (3 + dice.below(3) as u32),
        group_entries_max: 4 + dice.below(16) as u32,
    };
    let world = SimWorld::new();
    let (model, ending) = build(&world, geometry, &mut dice)?;
    let files = files_of(&world);
    let verified = check(&files, &mut dice)?;
    if !verified.is_fine() {
        // The process was killed while it wrote a slot.
        let is_slot = |problem: &Problem| matches!(problem, Problem::SlotDamaged { .. });
        let is_torn = ending == Ending::Abrupt && verified.problems.iter().all(is_slot);
        return demand(is_torn, "a log that did not rot is fine", || {
            format!("{ending:?}: {:?}", verified.problems)
        });
    }
    check_counts(&model, &verified, &files)?;
    let all = stretches(&files, &model, ending);
    for _ in 0..ROTS {
        let (rotten, rotted) = rot(&files, &all, &mut dice);
        let Some(rotten) = rotten else { continue };
        tally.note(&rotten);
        let context = |found: Finding| Finding {
            detail: format!("{ending:?}, {rotten:?}: {}", found.detail),
            ..found
        };
        let verified = check(&rotted, &mut dice).map_err(context)?;
        check_verified(&rotten, &verified, tally).map_err(context)?;
        let scene = Scene { model: &model, files: &files, geometry, ending };
        check_opening(&scene, &rotten, &rotted, &mut dice, tally).map_err(context)?;
    }
    Ok(())
}

/// All files of a log, as whoever reads them sees them.
pub(super) fn files_of(world: &SimWorld) -> Files {
    let names = world.names().into_iter();
    names.map(|name| (name.clone(), world.contents(&name).unwrap_or_default())).collect()
}

/// A disk with these files.
pub(super) fn world_of(files: &Files) -> SimWorld {
    let world = SimWorld::new();
    for (name, bytes) in files {
        world.plant(name, bytes);
    }
    world
}

/// Verifies a log, and that nothing of it is changed by that.
fn check(files: &Files, dice: &mut Dice) -> Result<Verified, Finding> {
    let world = world_of(files);
    let mut last = (0, 0);
    let mut is_ordered = true;
    let mut on_progress = |progress: Progress| {
        is_ordered &= progress.done_bytes >= last.0 && progress.done_bytes <= progress.total_bytes;
        last = (progress.done_bytes, progress.total_bytes);
    };
    let verified = run(&world, dice, verify(&world.disk(), LOG_ID, &mut on_progress));
    let verified = verified.map_err(|_| Finding::new("nothing crashes here", ""))?;
    demand(files_of(&world) == *files, "to verify changes nothing", String::new)?;
    demand(world.open_files() == 0, "to verify leaves no file open", String::new)?;
    demand(is_ordered && last.0 == last.1, "progress goes on to its end", || format!("{last:?}"))?;
    verified.map_err(|error| Finding::new("a log on a good disk is verified", error.to_string()))
}

/// Holds what was counted against what was appended.
fn check_counts(model: &Model, verified: &Verified, files: &Files) -> Result<(), Finding> {
    let begin = beginning(files);
    let kept = model.places.range(begin..).count() as u64;
    let groups = model.groups.iter().filter(|group| group.position >= begin).count() as u64;
    // A process that was killed may have written one more commit group.
    let counts = verified.counts;
    let fits = counts.batches >= kept && (counts.groups == groups || counts.groups == groups + 1);
    demand(fits, "what is there is counted", || {
        format!("{counts:?}, not {kept} batches in {groups} commit groups")
    })
}

fn check_verified(rotten: &Rotten, found: &Verified, tally: &mut RotTally) -> Result<(), Finding> {
    tally.found += u64::from(!found.is_fine());
    tally.holes += found.problems.iter().filter(|it| matches!(it, Problem::Hole(_))).count() as u64;
    tally.torn += u64::from(found.torn.is_some());
    match rotten.counts {
        Counts::Yes => {
            demand(!found.is_fine(), "rot in what counts is found", || format!("{found:?}"))
        }
        Counts::No => demand(found.is_fine(), "rot in what does not count is none", || {
            format!("{:?}", found.problems)
        }),
        Counts::Perhaps => Ok(()),
    }
}

/// Lets a log rot at one place. Nothing if what came back is what was there.
fn rot(files: &Files, all: &[Stretch], dice: &mut Dice) -> (Option<Rotten>, Files) {
    // Each kind of place as often as the others, however small it is.
    let area = loop {
        let area = Area::ALL[dice.below(Area::ALL.len())];
        if all.iter().any(|stretch| stretch.area == area) {
            break area;
        }
    };
    let of_area: Vec<&Stretch> = all.iter().filter(|stretch| stretch.area == area).collect();
    let chosen = of_area[dice.below(of_area.len())];
    let byte = chosen.bytes.start + dice.below(chosen.bytes.len());
    let rot = match dice.below(10) {
        0 => Rot::Zeros,
        1 => Rot::Garbage,
        2 => Rot::Misplaced,
        3 => Rot::Cut,
        _ => Rot::Flip,
    };
    let mut rotted = files.clone();
    let bytes = rotted.get_mut(&chosen.file).expect("it is one of them");
    apply(rot, bytes, byte, dice);
    let rotten = compare(rot, &chosen.file, &files[&chosen.file], bytes, all);
    (rotten, rotted)
}

fn apply(rot: Rot, bytes: &mut Vec<u8>, byte: usize, dice: &mut Dice) {
    let begin = byte - byte % BLOCK_BYTES;
    let block = begin..(begin + BLOCK_BYTES).min(bytes.len());
    match rot {
        Rot::Flip => bytes[byte] ^= 1 << dice.below(8),
        Rot::Zeros => bytes[block].fill(0),
        Rot::Garbage => bytes[block].iter_mut().for_each(|byte| *byte = dice.random() as u8),
        Rot::Misplaced => {
            let from = BLOCK_BYTES * dice.below(bytes.len().div_ceil(BLOCK_BYTES));
            let length = block.len().min(bytes.len() - from);
            bytes.copy_within(from..from + length, block.start);
        }
        Rot::Cut => bytes.truncate(if dice.coin() { begin } else { byte }),
    }
}

/// Where two states of a file differ, and the most that is lost by it.
fn compare(rot: Rot, file: &str, before: &[u8], after: &[u8], all: &[Stretch]) -> Option<Rotten> {
    let differs = |at: &usize| after.get(*at) != Some(&before[*at]);
    let of_file = all.iter().filter(|stretch| stretch.file == file);
    let mut rotten: Option<Rotten> = None;
    for stretch in of_file {
        let Some(byte) = stretch.bytes.clone().find(differs) else { continue };
        let is_more = rotten.as_ref().is_none_or(|worst| worst.counts < stretch.counts);
        if is_more {
            let (area, counts) = (stretch.area, stretch.counts);
            rotten = Some(Rotten { rot, file: file.to_owned(), byte, area, counts });
        }
    }
    let mut rotten = rotten?;
    let slot = rotten.byte - rotten.byte % BLOCK_BYTES;
    let slot = after.get(slot..slot + BLOCK_BYTES).filter(|_| file == SUPERBLOCK_FILE_NAME);
    let is_empty_slot = slot.is_some_and(|slot| slot.iter().all(|byte| *byte == 0));
    // A file that is to become a segment is missed although nothing stands in it yet. And an empty slot
    // looks like one to which its checkpoint was not written before the process was killed.
    let is_missed = rot == Rot::Cut && file != MANIFEST_FILE_NAME && rotten.counts == Counts::No;
    if is_missed || (is_empty_slot && is_first_checkpoint(before, rotten.byte)) {
        rotten.counts = Counts::Perhaps;
    }
    Some(rotten)
}

/// Whether the checkpoint in the slot at this byte is one of the first two, and the last one of all.
fn is_first_checkpoint(superblock: &[u8], byte: usize) -> bool {
    let number = |slot: usize| {
        let at = slot * BLOCK_BYTES + 32;
        u64::from_le_bytes(superblock[at..at + 8].try_into().expect("eight bytes"))
    };
    let (this, other) = (number(byte / BLOCK_BYTES), number(1 - byte / BLOCK_BYTES));
    this > other && this <= 2
}
