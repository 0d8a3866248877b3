//! Finds out why a start is refused, and plans what is done about it.

use std::collections::BTreeSet;

use super::decide::{FoundSegments, NoRemedy, Obstacle, Remedy, decide_repair};
use super::losses::{Losses, LostRecords};
use super::new_manifest::plan_manifest;
use super::step::Step;
use super::substitute::plan_substitute;
use crate::disk::{DirectoryEntry, Disk, DiskError};
use crate::format::{
    Group, MANIFEST_FILE_NAME, Manifest, SLOT_COUNT, SUPERBLOCK_FILE_NAME, Superblock,
};
use crate::recovery::decide::{Decision, decide};
use crate::recovery::found::Hole;
use crate::recovery::gather::{Gathered, gather};
use crate::recovery::open::{OpenError, Replay};
use crate::recovery::rehearsal::rehearse;
use crate::recovery::scan::{ScanError, Visitor};
use crate::recovery::survey::{Content, Surveyed, survey};
use crate::recovery::verify::check_segments;
use crate::recovery::verify_report::Verified;

/// What is to be done with a log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Plan {
    /// In short.
    pub remedy: Remedy,
    /// In this order.
    pub steps: Vec<Step>,
    /// Records that are gone already, and that nobody will look for any more.
    pub lost: Vec<LostRecords>,
}

impl Plan {
    fn nothing(remedy: Remedy) -> Plan {
        Plan { remedy, steps: Vec::new(), lost: Vec::new() }
    }
}

/// What a log looks like to whoever plans.
pub(super) struct Site<'a> {
    pub(super) log_id: u128,
    pub(super) entries: &'a [DirectoryEntry],
    pub(super) surveyed: &'a [Surveyed],
}

/// Plans what is done with the log `log_id` in `disk`. Nothing is changed.
///
/// # Errors
/// If the disk cannot say which files there are, or read the manifest or the superblock.
pub async fn plan_repair<D: Disk>(disk: &D, log_id: u128) -> Result<Plan, DiskError> {
    let gathered = gather(disk, log_id).await?;
    let obstacle = obstacle(disk, log_id, &gathered).await;
    if obstacle == Obstacle::None {
        return Ok(Plan::nothing(Remedy::NotNeeded));
    }
    let entries = disk.list().await?;
    let surveyed = survey(disk, log_id, &entries).await?;
    let site = Site { log_id, entries: &entries, surveyed: &surveyed };
    let checkpoints = match &gathered.manifest {
        Some(manifest) => complete_checkpoints(disk, manifest, &entries).await?,
        None => [None; SLOT_COUNT],
    };
    let has_checkpoint = checkpoints.iter().any(Option::is_some);
    let remedy = decide_repair(obstacle, found_segments(&surveyed), has_checkpoint);
    let planned = match (remedy, &gathered.manifest) {
        (Remedy::NewManifest, _) => plan_manifest(disk, &site).await,
        (Remedy::Substitute { file }, Some(manifest)) => {
            plan_substitute(disk, &site, manifest, file).await
        }
        (Remedy::NewSuperblock, _) => {
            Ok(Ok((superblock_steps(&site, checkpoints), Losses::default())))
        }
        (Remedy::NotNeeded | Remedy::None(_) | Remedy::Substitute { .. }, _) => {
            return Ok(Plan::nothing(remedy));
        }
    };
    match planned {
        Ok(Ok((steps, losses))) => Ok(Plan { remedy, steps, lost: losses.finish() }),
        Ok(Err(why)) => Ok(Plan::nothing(Remedy::None(why))),
        Err(ScanError::Disk(error)) => Err(error),
        Err(ScanError::Unknown { .. }) => Ok(Plan::nothing(Remedy::None(NoRemedy::OtherVersion))),
    }
}

/// The steps of a repair with what is lost, or why there are none.
pub(super) type Planned = Result<Result<(Vec<Step>, Losses), NoRemedy>, ScanError>;

/// What keeps the log from being opened.
async fn obstacle<D: Disk>(disk: &D, log_id: u128, gathered: &Gathered) -> Obstacle {
    if let Decision::Refuse(refusal) = decide(&gathered.found) {
        return Obstacle::Refused(refusal);
    }
    match rehearse(disk, log_id, &mut Nobody).await {
        Ok(_) => Obstacle::None,
        Err(OpenError::Refused(refusal)) => Obstacle::Refused(refusal),
        Err(OpenError::NoCheckpoint) => Obstacle::CheckpointsIncomplete,
        Err(OpenError::Scan(ScanError::Unknown { .. })) => Obstacle::Unknown,
        // The last two are about what is written at a start.
        Err(
            OpenError::Scan(ScanError::Disk(_))
            | OpenError::Disk(_)
            | OpenError::Geometry(_)
            | OpenError::NotBegun(_),
        ) => Obstacle::Unreadable,
    }
}

/// Rebuilds nothing.
struct Nobody;

impl Visitor for Nobody {
    fn on_group(&mut self, _group: &Group<'_>) {}
    fn on_hole(&mut self, _hole: &Hole) {}
}

impl Replay for Nobody {
    fn on_start(&mut self, _checkpoint: Option<&Superblock>) {}
}

fn found_segments(surveyed: &[Surveyed]) -> FoundSegments {
    let mut found = BTreeSet::new();
    for it in surveyed {
        match it.content {
            Content::Zeros | Content::Nothing => {}
            Content::OtherVersion(version) => return FoundSegments::OtherVersion(version),
            Content::Segment { segment, .. } => {
                if !found.insert(segment) {
                    return FoundSegments::Alike(segment);
                }
            }
        }
    }
    if found.is_empty() { FoundSegments::None } else { FoundSegments::Distinct }
}

/// The latest complete checkpoints that stand in the segments, each in its slot.
async fn complete_checkpoints<D: Disk>(
    disk: &D,
    manifest: &Manifest,
    entries: &[DirectoryEntry],
) -> Result<[Option<Superblock>; SLOT_COUNT], DiskError> {
    let mut ignored = Verified::default();
    let runs = check_segments(disk, manifest, entries, &mut |_| {}, &mut ignored).await?;
    let mut slots = [None; SLOT_COUNT];
    for run in runs.iter().filter(|run| run.is_complete) {
        slots[run.superblock.slot()] = Some(run.superblock);
    }
    Ok(slots)
}

fn superblock_steps(site: &Site<'_>, slots: [Option<Superblock>; SLOT_COUNT]) -> Vec<Step> {
    let mut steps = site.keep(SUPERBLOCK_FILE_NAME);
    steps.push(Step::WriteSuperblock(slots));
    steps
}

impl Site<'_> {
    /// A name beside the log for something that is set aside, under which nothing stands.
    pub(super) fn quarantine_name(&self, name: &str) -> String {
        let names = (1..).map(|number: u64| format!("quarantine-{number}-{name}"));
        let mut free = names.filter(|name| self.entries.iter().all(|entry| entry.name != *name));
        free.next().expect("a directory has fewer names than there are numbers")
    }

    /// The step that keeps a copy of a small file, if it is there.
    pub(super) fn keep(&self, name: &'static str) -> Vec<Step> {
        let is_there = self.entries.iter().any(|entry| entry.name == name);
        let copy = is_there.then(|| Step::Keep { name, copy: self.quarantine_name(name) });
        copy.into_iter().collect()
    }

    /// The steps that put a manifest in the place of the one that is there; nothing if it contradicts itself.
    pub(super) fn replace_manifest(&self, manifest: Manifest) -> Option<Vec<Step>> {
        if !manifest.is_consistent() {
            return None;
        }
        let mut steps = self.keep(MANIFEST_FILE_NAME);
        steps.push(Step::WriteManifest(manifest));
        Some(steps)
    }

    /// The number for a new file.
    pub(super) fn next_file(&self) -> u64 {
        self.surveyed.iter().map(|it| it.file + 1).max().unwrap_or(1)
    }
}
