//! Opens a log that has rotted, and holds what it hands out against what was appended.

use std::collections::BTreeSet;

use coilgun_storage::disk::sim::{Crash, Dice, SimDisk, SimWorld, Tasks, run};
use coilgun_storage::format::{CheckpointChunk, LogPosition};
use coilgun_storage::journal::{Geometry, Journal};
use coilgun_storage::recovery::{OpenError, Refusal, Report, Unproven, open};

use super::batch::Batch;
use super::rot::{Rot, Rotten, world_of};
use super::rot_build::{Ending, Model, options};
use super::rot_places::{Area, Counts, Files, beginning, file_of};
use super::rot_tally::RotTally;
use super::state::{CHUNK_COUNT, Rebuilt};
use crate::finding::{Finding, demand};

/// A log before it rotted.
pub(super) struct Scene<'a> {
    pub(super) model: &'a Model,
    pub(super) files: &'a Files,
    pub(super) geometry: Geometry,
    pub(super) ending: Ending,
}

/// Opens the log with these files.
pub(super) fn check_opening(
    scene: &Scene<'_>,
    rotten: &Rotten,
    rotted: &Files,
    dice: &mut Dice,
    tally: &mut RotTally,
) -> Result<(), Finding> {
    let world = world_of(rotted);
    let mut rebuilt = Rebuilt::default();
    let options = options(scene.geometry);
    let opened = run(&world, dice, open(&world.disk(), &options, &mut rebuilt));
    match opened.map_err(|_| Finding::new("nothing crashes here", ""))? {
        Err(error) => {
            tally.refused += 1;
            demand(may_refuse(rotten, &error), "a log is refused for a reason", || {
                error.to_string()
            })
        }
        Ok((journal, report)) => {
            tally.opened += 1;
            if rotten.area == Area::Superblock {
                tally.other_slot += u64::from(report.checkpoint.is_some());
            }
            tally.earlier += u64::from(rebuilt.starts > 1);
            scene.check_handed_out(&rebuilt)?;
            scene.check_missing(rotten, &rebuilt, &report, tally)?;
            go_on(&world, &journal, &rebuilt, dice)?;
            scene.check_again(&world, &rebuilt, &report, dice)
        }
    }
}

/// Without its manifest a log is not opened, and neither if a file is cut off. Everything else has
/// something else that it can be opened with.
fn may_refuse(rotten: &Rotten, error: &OpenError) -> bool {
    match error {
        OpenError::Refused(Refusal::ManifestDamaged) => rotten.area == Area::Manifest,
        OpenError::Refused(Refusal::SegmentShort(_)) => rotten.rot == Rot::Cut,
        // Both slots are gone.
        OpenError::Refused(Refusal::NoCheckpoint) => {
            rotten.rot == Rot::Cut && rotten.area == Area::Superblock
        }
        OpenError::Refused(
            Refusal::OtherVersion(_)
            | Refusal::OtherLog
            | Refusal::ManifestMissing
            | Refusal::ManifestOld(_)
            | Refusal::SegmentMissing(_),
        )
        | OpenError::Scan(_)
        | OpenError::Disk(_)
        | OpenError::Geometry(_)
        | OpenError::NoCheckpoint
        | OpenError::NotBegun(_) => false,
    }
}

/// A log that was opened goes on: it takes two checkpoints, and is closed in good order.
fn go_on(
    world: &SimWorld,
    journal: &Journal<SimDisk>,
    rebuilt: &Rebuilt,
    dice: &mut Dice,
) -> Result<(), Finding> {
    let mut tasks = Tasks::new();
    for is_writer in [true, false] {
        let journal = journal.clone();
        tasks.spawn("task", async move {
            let ended = if is_writer { journal.write().await } else { journal.keep().await };
            ended.expect("a good disk takes everything");
        });
    }
    // Two of them, so that each slot is written.
    for _ in 0..2 {
        let checkpoint = journal.begin_checkpoint().expect("none is made");
        for chunk in 0..CHUNK_COUNT {
            let last = u32::from(chunk + 1 == CHUNK_COUNT);
            let head = CheckpointChunk { checkpoint, chunk, last, ..CheckpointChunk::default() };
            let taken = journal.append_chunk(&head, &[&rebuilt.state.chunk(chunk)]);
            demand(taken.is_ok(), "a log that was opened takes a checkpoint", String::new)?;
        }
        let crashed = |_| Finding::new("nothing crashes here", "");
        tasks.run_until_idle(world, dice).map_err(crashed)?;
        while journal.next_durable().is_some() {}
        let latest = journal.latest_checkpoint();
        demand(latest == checkpoint, "a checkpoint is made", || format!("{latest}"))?;
    }
    journal.close();
    let left = tasks.run_until_idle(world, dice).map_err(|_| Finding::new("no crash", ""))?;
    demand(left == 0, "a log that was opened can be closed", || format!("{left} tasks wait"))
}

impl Scene<'_> {
    /// Opened once more, the log begins at the checkpoint that was just made, and is what it was.
    fn check_again(
        &self,
        world: &SimWorld,
        before: &Rebuilt,
        report: &Report,
        dice: &mut Dice,
    ) -> Result<(), Finding> {
        world.crash(Crash::Kill, dice);
        let mut rebuilt = Rebuilt::default();
        let options = options(self.geometry);
        let opened = run(world, dice, open(&world.disk(), &options, &mut rebuilt));
        let opened = opened.map_err(|_| Finding::new("nothing crashes here", ""))?;
        let (_, again) = opened.map_err(|error| {
            Finding::new("a log that was opened opens again", error.to_string())
        })?;
        let is_same = rebuilt.state == before.state && rebuilt.batches.is_empty();
        demand(is_same && again.epoch > report.epoch, "a checkpoint holds what was there", || {
            format!("{:?}, not {:?}", rebuilt.state, before.state)
        })
    }

    /// What is handed out was appended, is unchanged, and in order.
    fn check_handed_out(&self, rebuilt: &Rebuilt) -> Result<(), Finding> {
        let model = self.model;
        let mut next = 0;
        for (place, batch) in &rebuilt.batches {
            // What a process that was killed had not heard of stands behind everything that it had.
            let known = model.places.get(place).copied();
            let index = known.unwrap_or(next.max(model.places.len()));
            let expected: Option<&Batch> = model.order.get(index);
            let is_allowed = known.is_some() || self.ending == Ending::Abrupt;
            demand(
                is_allowed && index >= next && expected == Some(batch),
                "only what was appended is handed out, in order",
                || format!("{batch:?} at {place}, not {expected:?}"),
            )?;
            next = index + 1;
        }
        Ok(())
    }

    /// What is not handed out stands in a hole that is named, and makes its partition read-only.
    fn check_missing(
        &self,
        rotten: &Rotten,
        rebuilt: &Rebuilt,
        report: &Report,
        tally: &mut RotTally,
    ) -> Result<(), Finding> {
        let start = report.checkpoint.map_or(beginning(self.files), |checkpoint| checkpoint.first);
        let handed_out: BTreeSet<LogPosition> =
            rebuilt.batches.iter().map(|(place, _)| *place).collect();
        let mut lost = 0;
        for (place, index) in self.model.places.range(start..) {
            if handed_out.contains(place) {
                continue;
            }
            lost += 1;
            let partition = self.model.order[*index].partition;
            let is_named = report.log.holes.iter().any(|hole| {
                hole.from.segment == place.segment
                    && (hole.from.byte..hole.to).contains(&place.byte)
            });
            let is_unproven = match &report.unproven {
                Unproven::Nothing => false,
                Unproven::Partitions(partitions) => partitions.contains(&partition),
                Unproven::Everything => true,
            };
            let fits = (is_named && is_unproven) || self.is_last(rotten, *place);
            demand(fits, "what is missing is named", || {
                format!("partition {partition} at {place}: {report:?}")
            })?;
        }
        tally.lost += lost;
        tally.named += u64::from(matches!(report.unproven, Unproven::Partitions(_)));
        let is_whole = report.log.holes.is_empty() && lost == 0 && self.ending != Ending::Abrupt;
        let is_same = !is_whole || rebuilt.state == self.model.state;
        demand(is_same, "what is whole is unchanged", || {
            format!("{:?}, not {:?}", rebuilt.state, self.model.state)
        })
    }

    /// Whether the last commit group has rotted, of which nothing says that it was durable, and a batch
    /// stood in it (law L2).
    fn is_last(&self, rotten: &Rotten, place: LogPosition) -> bool {
        let Some(last) = self.model.groups.last() else { return false };
        rotten.counts == Counts::Perhaps
            && place >= last.position
            && file_of(self.files, last.position.segment).as_ref() == Some(&rotten.file)
    }
}
