//! Writes a small log with every kind of entry, the same one each time.

use coilgun_storage::disk::sim::{Dice, SimDisk, SimWorld, Tasks, run};
use coilgun_storage::format::{
    Append, BodyKind, CheckpointChunk, Cursor, Extension, Group, Metadata, Producer, RaftHardState,
    SegmentReplace, Superblock, Truncate, Truncation, Watermark,
};
use coilgun_storage::journal::{Geometry, Journal, Purpose};
use coilgun_storage::recovery::{Hole, OpenError, Options, Replay, Report, Visitor, open};

/// The number of the log.
pub(crate) const LOG_ID: u128 = 0x0123_4567_89ab_cdef_0011_2233_4455_6677;

/// How it is opened.
pub(crate) const OPTIONS: Options = Options {
    log_id: LOG_ID,
    geometry: Geometry { segment_bytes: 32_768, group_bytes_max: 8_192, group_entries_max: 16 },
    cache_bytes: 0,
    now_ms: 1_700_000_000_000,
};

/// Who only counts what a start replays.
#[derive(Default)]
pub(crate) struct Counting {
    pub(crate) groups: u64,
    pub(crate) checkpoint: u64,
}

impl Visitor for Counting {
    fn on_group(&mut self, _group: &Group<'_>) {
        self.groups += 1;
    }

    fn on_hole(&mut self, _hole: &Hole) {}
}

impl Replay for Counting {
    fn on_start(&mut self, checkpoint: Option<&Superblock>) {
        self.groups = 0;
        self.checkpoint = checkpoint.map_or(0, |checkpoint| checkpoint.checkpoint);
    }
}

/// Opens the log in a world, and counts what is replayed.
pub(crate) fn open_in(
    world: &SimWorld,
) -> (Result<(Journal<SimDisk>, Report), OpenError>, Counting) {
    let (disk, mut counting) = (world.disk(), Counting::default());
    let opened = run(world, &mut Dice::new(1), open(&disk, &OPTIONS, &mut counting));
    (opened.expect("nothing stops"), counting)
}

/// Writes the log into a new world: a life that ended in good order, and one that was killed.
pub(crate) fn write_log() -> SimWorld {
    let world = SimWorld::new();
    live(&world, true, |journal, commit| {
        journal.append(&partition(1), &[&1_u64.to_le_bytes()], Purpose::Control).expect("room");
        journal.append(&partition(2), &[&1_u64.to_le_bytes()], Purpose::Control).expect("room");
        commit();
        for offset in 0..4 {
            batch(journal, 1, offset * 2, 2);
            batch(journal, 2, offset, 1);
            commit();
        }
        checkpoint(journal);
        commit();
        batch(journal, 1, 8, 3);
        commit();
    });
    live(&world, false, |journal, commit| {
        batch(journal, 2, 4, 1);
        other_kinds(journal);
        commit();
        checkpoint(journal);
        commit();
        // Long enough that the segment is full and the next one begins.
        for offset in 11..19 {
            batch(journal, 1, offset, 1);
            journal
                .append_batch(&head(2, offset - 6, 1), &[&[7; 6000]], Purpose::Data)
                .expect("room");
            commit();
        }
    });
    world
}

/// One life: what `append` appends, each time it says so in a commit group.
fn live(
    world: &SimWorld,
    is_closed: bool,
    append: impl FnOnce(&Journal<SimDisk>, &mut dyn FnMut()),
) {
    let (opened, _) = open_in(world);
    let (journal, _) = opened.expect("it can be opened");
    let mut dice = Dice::new(2);
    let mut tasks = Tasks::new();
    let (writer, keeper) = (journal.clone(), journal.clone());
    tasks.spawn("writer", async move { writer.write().await.expect("the disk writes") });
    tasks.spawn("keeper", async move { keeper.keep().await.expect("the disk writes") });
    let mut commit = || {
        tasks.run_until_idle(world, &mut dice).expect("nothing stops");
        while journal.next_durable().is_some() {}
    };
    append(&journal, &mut commit);
    if is_closed {
        journal.close();
        tasks.run(world, &mut dice).expect("nothing stops");
    }
}

fn partition(number: u64) -> Metadata {
    Metadata { key: number, revision: number, metadata_kind: 1, ..Metadata::default() }
}

fn head(partition: u64, base_offset: u64, count: u32) -> Append {
    Append {
        partition,
        base_offset,
        count,
        producer: 5,
        producer_epoch: 1,
        producer_sequence: base_offset,
        append_time_ms: OPTIONS.now_ms + base_offset,
        producer_time_ms: OPTIONS.now_ms,
        body_kind: BodyKind::Opaque.number(),
        ..Append::default()
    }
}

fn batch(journal: &Journal<SimDisk>, partition: u64, base_offset: u64, count: u32) {
    let body = format!("batch {base_offset} of partition {partition}");
    let head = head(partition, base_offset, count);
    journal.append_batch(&head, &[body.as_bytes()], Purpose::Data).expect("there is room");
}

fn checkpoint(journal: &Journal<SimDisk>) {
    let checkpoint = journal.begin_checkpoint().expect("none is being made");
    for chunk in 0..2 {
        let last = u32::from(chunk == 1);
        let (state_kind, count) = (1, 1);
        let head = CheckpointChunk { checkpoint, chunk, state_kind, last, count, reserved: 0 };
        journal.append_chunk(&head, &[b"some state"]).expect("there is room");
    }
}

/// The kinds that the broker does not write yet.
fn other_kinds(journal: &Journal<SimDisk>) {
    let control = Purpose::Control;
    let truncation = Truncation::Beginning.number();
    let truncate = Truncate { partition: 1, offset: 2, truncation, ..Truncate::default() };
    journal.append(&truncate, &[], control).expect("there is room");
    let cursor = Cursor { consumer_group: 3, partition: 1, offset: 4, ..Cursor::default() };
    journal.append(&cursor, &[], control).expect("there is room");
    let producer = Producer { partition: 1, producer: 5, next_sequence: 11, ..Producer::default() };
    journal.append(&producer, &[b"its batches"], control).expect("there is room");
    let watermark = Watermark { durable_segment: 1, durable_byte: 4096, reserved: 0 };
    journal.append(&watermark, &[], control).expect("there is room");
    let replace = SegmentReplace { input_count: 1, output_count: 1, manifest: 2, reserved: 0 };
    journal.append(&replace, &[b"segments"], control).expect("there is room");
    let raft = RaftHardState { colocation_group: 1, term: 2, vote: 3, raft_commit: 4, reserved: 0 };
    journal.append(&raft, &[], control).expect("there is room");
    let extension = Extension { extension: 1, version: 1, reserved: 0 };
    journal.append(&extension, &[b"something"], control).expect("there is room");
}
