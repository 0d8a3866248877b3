//! Closes a log off that was read, with a new segment of a new epoch (law L7).
//!
//! ```text
//! sync what was scanned --> prepare new segments --> the manifest says where the old ones end
//!                       --> the first commit group of the new epoch
//! ```

use std::collections::BTreeMap;
use std::rc::Rc;

use super::found::{FoundLog, FoundSegment, SegmentEnd};
use super::gather::Gathered;
use super::indexing::index_sealed;
use super::open::{OpenError, Options, Replayed};
use crate::disk::{BLOCK_BYTES, DirectoryEntry, Disk, DiskError, DiskFile};
use crate::format::{
    EndOfEpoch, Epoch, Expected, FileRow, Group, Holds, Manifest, Row, SegmentSequence,
    segment_file_name,
};
use crate::journal::{
    Beginning, Checkpoints, Geometry, Journal, Purpose, Segments, replace_manifest,
};
use crate::mutant::{self, Mutant};

/// Closes off what was there, and begins a new epoch.
pub(super) async fn go_on<D: Disk>(
    disk: &D,
    options: &Options,
    manifest: Manifest,
    gathered: &Gathered,
    replayed: &Replayed,
) -> Result<Journal<D>, OpenError> {
    let log = &replayed.log;
    sync_scanned(disk, options.log_id, log).await?;
    let (manifest, files) = begin_epoch(disk, options, manifest, log).await?;
    cut_off(disk, &manifest).await?;
    let epoch = manifest.epoch;
    let indexed = index_sealed(disk, &manifest, &replayed.scanned).await?;
    let beginning = Beginning {
        log_id: options.log_id,
        epoch,
        geometry: options.geometry,
        segments: Segments::new(manifest),
        checkpoints: Checkpoints::new(options.log_id, epoch, gathered.slots),
        last_crc: log.crc(),
        last_number: log.last_number,
        last_rows: repeated(log, &options.geometry),
        index: indexed.index,
        cache_bytes: options.cache_bytes,
        rebuilt_footers: indexed.rebuilt,
        durable: log.end(),
    };
    let journal = Journal::new(disk.clone(), beginning, files);
    let end = log.end();
    let head = EndOfEpoch {
        ended: log.segments.last().map_or(0, |last| last.epoch.0),
        segment: end.segment.0,
        byte: end.byte,
        crc: log.crc(),
        time_ms: options.now_ms,
        reserved: 0,
    };
    journal.append(&head, &[], Purpose::Control).map_err(OpenError::NotBegun)?;
    journal.write_one().await?;
    Ok(journal)
}

/// The directory that the first commit group repeats; nothing if there is no room for it in groups that
/// are smaller than they were, or if the log ends in a hole. Of what is missing there nobody knows what
/// it held; and what is whole before it must not be repeated in its place, because if that rots, too, it
/// would be taken for all that is missing.
fn repeated(log: &FoundLog, geometry: &Geometry) -> Vec<Row> {
    let has_room = log.last_rows.len() <= geometry.group_entries_max as usize;
    let ends_in_hole = log
        .holes
        .last()
        .is_some_and(|hole| log.last_group.is_none_or(|(position, _)| position < hole.from));
    if has_room && !ends_in_hole { log.last_rows.clone() } else { Vec::new() }
}

/// Makes durable what was read: it may have been written by a process that was killed before it heard
/// that it is.
async fn sync_scanned<D: Disk>(disk: &D, log_id: u128, log: &FoundLog) -> Result<(), DiskError> {
    if mutant::is_active(Mutant::NoResync) {
        return Ok(());
    }
    for segment in &log.segments {
        let file = disk.open(&segment_file_name(segment.file)).await?;
        let synced = file.sync().await;
        synced.and(file.close().await)?;
    }
    rewrite_last(disk, log_id, log).await
}

/// Writes the last commit group once more, as it is, if its segment is not sealed. Of all before it the
/// log itself says that they are durable. Of this one nobody may have heard; and if an earlier start
/// failed to sync it, the operating system may have dropped it and says so only once.
async fn rewrite_last<D: Disk>(disk: &D, log_id: u128, log: &FoundLog) -> Result<(), DiskError> {
    let Some((position, bytes)) = log.last_group else { return Ok(()) };
    let found = log.segments.iter().find(|found| found.segment == position.segment);
    let is_open = |found: &&FoundSegment| found.ended != SegmentEnd::Sealed;
    let Some(found) = found.filter(is_open) else { return Ok(()) };
    let file = disk.open(&segment_file_name(found.file)).await?;
    let at = u64::from(position.byte);
    let written = match file.read(at, bytes as usize).await {
        Ok(group) => {
            let expected = Expected { log_id, epoch: found.epoch, position };
            // What comes back as something else now is not written over what was whole before.
            match Group::check(group.as_ref(), &expected).is_ok() {
                true => file.write(Rc::new(group), at).await,
                false => Ok(()),
            }
        }
        Err(error) => Err(error),
    };
    written.and(file.close().await)
}

type OpenFiles<F> = BTreeMap<SegmentSequence, Rc<F>>;

/// Prepares the segments of the new epoch. When it returns, the manifest names them, and says where
/// each old segment ends.
async fn begin_epoch<D: Disk>(
    disk: &D,
    options: &Options,
    old: Manifest,
    log: &FoundLog,
) -> Result<(Manifest, OpenFiles<D::File>), DiskError> {
    let epoch = Epoch(old.epoch.0 + 1);
    let segment_bytes = options.geometry.segment_bytes;
    let last = old.segments().map(|(segment, _)| segment).last().unwrap_or_default();
    let (mut rows, spares) = closed_off(&old, log);
    let (mut usable, others) = sort_spares(disk, spares, segment_bytes).await?;
    let mut next_file = old.next_file;
    let mut files = BTreeMap::new();
    let mut segment = last;
    for _ in 0..Segments::PREPARED_AT_START {
        segment = segment.next();
        let (file, opened) = match usable.pop() {
            Some(row) => (row.file, disk.open(&segment_file_name(row.file)).await?),
            None => new_file(disk, &mut next_file, segment_bytes).await?,
        };
        rows.push(FileRow { file, bytes: segment_bytes, holds: Holds::Open { segment, epoch } });
        files.insert(segment, Rc::new(opened));
    }
    rows.extend(usable);
    rows.extend(others);
    let manifest = Manifest {
        log_id: old.log_id,
        number: old.number + 1,
        segment_bytes,
        epoch,
        next_file,
        released: old.released,
        files: rows,
    };
    replace_manifest(disk, &manifest.to_bytes()).await?;
    Ok((manifest, files))
}

/// Gives back what stands behind the footer of a segment whose file ends there, as the manifest says: a
/// crash came between the manifest and that.
async fn cut_off<D: Disk>(disk: &D, manifest: &Manifest) -> Result<(), DiskError> {
    let entries = disk.list().await?;
    for row in &manifest.files {
        let Holds::Sealed { end, footer_bytes, .. } = row.holds else { continue };
        let is_cut = footer_bytes > 0
            && (footer_bytes as usize).is_multiple_of(BLOCK_BYTES)
            && end + footer_bytes == row.bytes;
        let name = segment_file_name(row.file);
        let is_longer = |entry: &DirectoryEntry| entry.bytes > u64::from(row.bytes);
        if is_cut && entries.iter().any(|entry| entry.name == name && is_longer(entry)) {
            let file = disk.open(&name).await?;
            let truncated = file.truncate(u64::from(row.bytes)).await;
            truncated.and(file.close().await)?;
        }
    }
    Ok(())
}

/// A file that nothing names yet. Numbers under which something stands already are passed over: nothing
/// is written over that no manifest speaks of.
async fn new_file<D: Disk>(
    disk: &D,
    next_file: &mut u64,
    segment_bytes: u32,
) -> Result<(u64, D::File), DiskError> {
    let taken = disk.list().await?;
    while taken.iter().any(|entry| entry.name == segment_file_name(*next_file)) {
        *next_file += 1;
    }
    let file = *next_file;
    *next_file += 1;
    let opened = disk.create_filled(&segment_file_name(file), u64::from(segment_bytes)).await?;
    Ok((file, opened))
}

/// The rows of the old segments, each with its end, and the files that hold nothing that counts.
fn closed_off(old: &Manifest, log: &FoundLog) -> (Vec<FileRow>, Vec<FileRow>) {
    let (mut rows, mut spares) = (Vec::new(), Vec::new());
    for row in &old.files {
        let found = log.segments.iter().find(|found| row.holds.segment() == Some(found.segment));
        match (row.holds, found) {
            (Holds::Sealed { .. }, _) => rows.push(*row),
            (Holds::Open { .. }, Some(found)) if found.end > 0 => {
                rows.push(FileRow { holds: sealed(found), ..*row });
            }
            (Holds::Open { .. } | Holds::Spare, _) => {
                spares.push(FileRow { holds: Holds::Spare, ..*row });
            }
        }
    }
    (rows, spares)
}

/// The spare files that can become segments, and those that have another length. One that is gone is
/// none any more.
async fn sort_spares<D: Disk>(
    disk: &D,
    mut spares: Vec<FileRow>,
    segment_bytes: u32,
) -> Result<(Vec<FileRow>, Vec<FileRow>), DiskError> {
    let entries = disk.list().await?;
    spares.retain(|row| {
        let name = segment_file_name(row.file);
        entries.iter().any(|entry| entry.name == name && entry.bytes == u64::from(row.bytes))
    });
    Ok(spares.into_iter().partition(|row| row.bytes == segment_bytes))
}

fn sealed(found: &FoundSegment) -> Holds {
    let FoundSegment { segment, epoch, end, crc, .. } = *found;
    Holds::Sealed { segment, epoch, end, crc, footer_bytes: 0 }
}

#[cfg(test)]
mod tests {
    use super::super::decide::Unproven;
    use super::super::found::Hole;
    use super::super::open::{Replay, Report, open};
    use super::super::scan::Visitor;
    use super::*;
    use crate::disk::sim::{Crash, Dice, SimWorld, Tasks, run};
    use crate::format::{Append, LogPosition, MANIFEST_FILE_NAME, Superblock};

    const SEGMENT_BYTES: u32 = 65_536;
    const GEOMETRY: Geometry =
        Geometry { segment_bytes: SEGMENT_BYTES, group_bytes_max: 8_192, group_entries_max: 8 };
    const OPTIONS: Options = Options { log_id: 1, geometry: GEOMETRY, cache_bytes: 0, now_ms: 1 };
    /// What an idle log may take up: its prepared segments and a few blocks for each of its lives.
    const IDLE_LIVES: u64 = 20;
    const IDLE_BYTES_MAX: u64 = 3 * SEGMENT_BYTES as u64 + IDLE_LIVES * 4 * BLOCK_BYTES as u64;

    struct Nobody;

    impl Visitor for Nobody {
        fn on_group(&mut self, _group: &Group<'_>) {}
        fn on_hole(&mut self, _hole: &Hole) {}
    }

    impl Replay for Nobody {
        fn on_start(&mut self, _checkpoint: Option<&Superblock>) {}
    }

    /// Opens the log, appends a batch to each of these partitions, each in a commit group of its own, and
    /// closes it. Says what was found, and where the batches stand.
    fn live(world: &SimWorld, partitions: &[u64]) -> (Report, Vec<LogPosition>) {
        let mut dice = Dice::new(1);
        let disk = world.disk();
        let opened = run(world, &mut dice, open(&disk, &OPTIONS, &mut Nobody));
        let (journal, report) = opened.expect("nothing stops").expect("it can be opened");
        for partition in partitions {
            let head = Append { partition: *partition, count: 1, ..Append::default() };
            journal.append_batch(&head, &[b"body"], Purpose::Data).expect("there is room");
            let written = run(world, &mut dice, journal.write_one());
            written.expect("nothing stops").expect("the disk writes");
        }
        let groups = core::iter::from_fn(|| journal.next_durable());
        let places = groups.filter(|group| !group.batches.is_empty()).map(|group| LogPosition {
            byte: group.position.byte + group.batches[0].byte,
            ..group.position
        });
        let places = places.collect();
        journal.close();
        let mut tasks = Tasks::new();
        let (writer, keeper) = (journal.clone(), journal);
        tasks.spawn("writer", async move { writer.write().await.expect("the disk writes") });
        tasks.spawn("keeper", async move { keeper.keep().await.expect("the disk writes") });
        tasks.run(world, &mut dice).expect("nothing stops");
        (report, places)
    }

    #[test]
    fn l8_two_groups_that_rot_one_after_the_other_are_not_taken_for_one() {
        let world = SimWorld::new();
        let (_, places) = live(&world, &[1, 2, 3]);
        let name = segment_file_name(1);
        world.flip(&name, u64::from(places[2].byte), 0);
        assert_eq!(live(&world, &[]).0.unproven, Unproven::Everything, "the last one is gone");
        world.flip(&name, u64::from(places[1].byte), 0);
        let report = live(&world, &[]).0;
        assert_eq!(report.log.holes.len(), 1);
        assert_eq!(report.unproven, Unproven::Everything, "partition 3 as well as partition 2");
    }

    /// Opens the log, lets it do what it does by itself, and closes it if it is asked to. Stops where the
    /// world does.
    fn idle(world: &SimWorld, dice: &mut Dice, closes: bool) {
        let disk = world.disk();
        let Ok(opened) = run(world, dice, open(&disk, &OPTIONS, &mut Nobody)) else { return };
        let (journal, _) = opened.expect("it can be opened");
        let mut tasks = Tasks::new();
        let (writer, keeper) = (journal.clone(), journal.clone());
        tasks.spawn("writer", async move { writer.write().await.expect("the disk writes") });
        tasks.spawn("keeper", async move { keeper.keep().await.expect("the disk writes") });
        if tasks.run_until_idle(world, dice).is_ok() && closes {
            journal.close();
            let _is_crashed = tasks.run(world, dice).is_err();
        }
    }

    /// The rows of sealed segments, and how long their files are.
    fn sealed_files(world: &SimWorld) -> Vec<(FileRow, u64)> {
        let bytes = world.contents(MANIFEST_FILE_NAME).expect("there is a manifest");
        let manifest = Manifest::from_bytes(&bytes).expect("it is whole");
        let length =
            |file| world.contents(&segment_file_name(file)).map_or(0, |it| it.len() as u64);
        let sealed = manifest.files.iter().filter(|row| matches!(row.holds, Holds::Sealed { .. }));
        sealed.map(|row| (*row, length(row.file))).collect()
    }

    #[test]
    fn a_log_that_is_opened_and_closed_again_and_again_takes_a_few_blocks_for_each_time() {
        let (world, mut dice) = (SimWorld::new(), Dice::new(1));
        for _ in 0..IDLE_LIVES {
            idle(&world, &mut dice, true);
        }
        assert_eq!(sealed_files(&world).len() as u64, IDLE_LIVES);
        assert!(world.used_bytes() <= IDLE_BYTES_MAX, "{} bytes", world.used_bytes());
    }

    #[test]
    fn a_log_whose_process_is_killed_again_and_again_takes_a_few_blocks_for_each_time() {
        let (world, mut dice) = (SimWorld::new(), Dice::new(1));
        for _ in 0..IDLE_LIVES {
            idle(&world, &mut dice, false);
            world.crash(Crash::Kill, &mut dice);
        }
        assert_eq!(sealed_files(&world).len() as u64, IDLE_LIVES - 1);
        assert!(world.used_bytes() <= IDLE_BYTES_MAX, "{} bytes", world.used_bytes());
    }

    #[test]
    fn whichever_operation_is_the_last_a_later_start_gives_back_what_is_behind_the_ends() {
        let mut crashed = 0;
        for nth in 1.. {
            let (world, mut dice) = (SimWorld::new(), Dice::new(nth));
            idle(&world, &mut dice, false);
            world.crash(Crash::Kill, &mut dice);
            world.crash_at(nth);
            idle(&world, &mut dice, true);
            if !world.is_crashed() {
                break;
            }
            crashed += 1;
            world.crash(if nth % 2 == 0 { Crash::Kill } else { Crash::Power }, &mut dice);
            idle(&world, &mut dice, true);
            for (row, bytes) in sealed_files(&world) {
                let Holds::Sealed { end, footer_bytes, .. } = row.holds else { unreachable!() };
                assert_eq!((row.bytes, bytes), (end + footer_bytes, u64::from(row.bytes)), "{nth}");
            }
        }
        assert!(crashed > 30, "{crashed} operations");
    }
}
