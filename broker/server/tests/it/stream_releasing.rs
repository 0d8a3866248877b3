//! Segments that no partition needs any more, on a simulated disk without faults.

use std::sync::Arc;

use coilgun_core::stream::{Effects, PartitionLimits, ProducerPosition, Requester};
use coilgun_protocol::model::{
    AckLevel, BodyKind, ClientId, CoLocationGroupId, PartitionId, ProducerEpoch, ProducerId,
    ProducerSequence, ShardId, Ticket, Timestamp, UnixMs,
};
use coilgun_server::streams::{
    AppendOutcome, Batch, ChunkLimits, Rebuilding, Released, StreamHost,
};
use coilgun_storage::disk::sim::{Dice, SimDisk, SimWorld, Tasks, run};
use coilgun_storage::format::SegmentSequence;
use coilgun_storage::journal::{Geometry, Purpose, Refused};
use coilgun_storage::recovery::{Options, open};

const NOW: UnixMs = UnixMs(1_000_000);
const GEOMETRY: Geometry =
    Geometry { segment_bytes: 16 * 4096, group_bytes_max: 4 * 4096, group_entries_max: 16 };

/// A log with its partitions, and both of its tasks.
struct Scene {
    world: SimWorld,
    dice: Dice,
    host: StreamHost<SimDisk>,
    tasks: Tasks<'static>,
    effects: Effects,
}

/// A record of 4 KiB for a partition.
fn batch(number: u64) -> Batch<'static> {
    let client = ClientId { slot: 1, generation: 1 };
    Batch {
        partition: PartitionId(number),
        count: 1,
        body: &[7; 4096],
        body_kind: BodyKind::Opaque,
        producer: None,
        expected: None,
        level: AckLevel::Durable,
        requester: Requester { home: ShardId::new(0), client, ticket: Ticket(1), part: 0 },
    }
}

impl Scene {
    /// Opens what the disk of this world holds.
    fn open(world: SimWorld) -> Scene {
        let (disk, mut dice) = (world.disk(), Dice::new(7));
        let options = Options { log_id: 7, geometry: GEOMETRY, cache_bytes: 20_000, now_ms: NOW.0 };
        let limits = Arc::new(PartitionLimits::default());
        let mut rebuilding = Rebuilding::new(Arc::clone(&limits));
        let opened = run(&world, &mut dice, open(&disk, &options, &mut rebuilding));
        let (journal, report) = opened.expect("nothing stops").expect("the log opens");
        let rebuilt = rebuilding.finish(&report.unproven).expect("the log is right");
        let host = StreamHost::new(journal, rebuilt.partitions, limits);
        let mut tasks = Tasks::new();
        let (writer, keeper) = (host.journal().clone(), host.journal().clone());
        tasks.spawn("writer", async move { writer.write().await.expect("the disk writes") });
        tasks.spawn("keeper", async move { keeper.keep().await.expect("the disk works") });
        let mut scene = Scene { world, dice, host, tasks, effects: Effects::new() };
        scene.settle();
        scene
    }

    /// Lets everything become durable that was appended.
    fn settle(&mut self) {
        // Ends when neither the disk nor the log has anything left to do.
        loop {
            self.tasks.run_until_idle(&self.world, &mut self.dice).expect("nothing stops");
            self.host.journal().tick(Timestamp(1));
            if self.host.take_durable(&mut self.effects).is_none() {
                break;
            }
        }
        self.effects.drain().for_each(drop);
    }

    fn create(&mut self, number: u64) {
        let made = self.host.create(PartitionId(number), CoLocationGroupId(number));
        made.expect("there is room");
        self.settle();
    }

    /// Appends so many batches of 4 KiB.
    fn append(&mut self, number: u64, count: u32) {
        for at in 0..count {
            let appended = self.host.append(NOW, &batch(number), &mut self.effects);
            assert!(matches!(appended, AppendOutcome::Placed(_)), "{at}: {appended:?}");
            self.settle();
        }
    }

    /// Appends a small batch as each of so many producers.
    fn append_as(&mut self, number: u64, producers: u64) {
        for producer in 1..=producers {
            let batch = Batch {
                body: b"small",
                producer: Some(ProducerPosition {
                    producer: ProducerId(producer),
                    epoch: ProducerEpoch(0),
                    sequence: ProducerSequence(0),
                }),
                ..batch(number)
            };
            let appended = self.host.append(NOW, &batch, &mut self.effects);
            assert!(matches!(appended, AppendOutcome::Placed(_)), "{appended:?}");
            self.settle();
        }
    }

    fn delete(&mut self, number: u64) {
        let deleted = self.host.delete(PartitionId(number), NOW, &mut self.effects);
        deleted.expect("there is room");
    }

    fn checkpoint(&mut self) {
        self.host.begin_checkpoint();
        while self.host.is_checkpointing() {
            let limits = ChunkLimits { partitions: 8, streams: 8 };
            self.host.advance_checkpoint(limits, false, |_, _| None).expect("there is room");
            self.settle();
        }
    }

    /// Gives back what can be given back, with the checkpoints that it takes; how many segments.
    fn release_all(&mut self) -> usize {
        let mut all = 0;
        // Ends because two checkpoints stand behind every segment that is full.
        loop {
            let Released { segments, wants_checkpoint } = self.host.release();
            all += segments;
            self.settle();
            if !wants_checkpoint {
                return all;
            }
            self.checkpoint();
        }
    }

    fn first_segment(&self) -> SegmentSequence {
        self.host.journal().first_segment()
    }
}

#[test]
fn l9_what_partitions_need_is_kept_and_what_only_deleted_ones_needed_is_given_back() {
    let mut scene = Scene::open(SimWorld::new());
    scene.create(1);
    scene.append(1, 30);
    scene.create(2);
    scene.append(2, 30);
    assert_eq!(scene.release_all(), 0, "the first partition begins in the first segment");
    assert_eq!(scene.first_segment(), SegmentSequence(1));
    scene.delete(1);
    scene.settle();
    let used = scene.world.used_bytes();
    let released = scene.release_all();
    assert!(released >= 2, "{released} segments held nothing else");
    assert!(scene.world.used_bytes() < used, "there is room on the disk again");
    let first = scene.first_segment();
    let world = scene.world.clone();
    drop(scene);
    let mut again = Scene::open(world);
    assert_eq!(again.first_segment(), first);
    let kept: Vec<_> = again.host.partitions().map(|it| it.places().visible.0).collect();
    assert_eq!(kept, [30], "the second partition has all its records");
    again.append(2, 1);
    assert_eq!(again.release_all(), 0, "the rest is needed");
}

#[test]
pub(crate) fn l10_a_deletion_that_may_be_undone_gives_nothing_back() {
    let mut scene = Scene::open(SimWorld::new());
    scene.create(1);
    scene.append(1, 30);
    scene.checkpoint();
    scene.checkpoint();
    assert_eq!(scene.release_all(), 0);
    scene.delete(1);
    let early = scene.host.release();
    assert_eq!(early.segments, 0, "L10: a crash could bring the partition back");
    scene.settle();
    assert!(scene.host.release().segments >= 2, "now nothing can");
}

/// Partitions that do not fit one chunk of a checkpoint together are in several, and a log in which that is
/// so gives back what it can all the same.
#[test]
fn l9_a_checkpoint_is_cut_into_chunks_that_fit() {
    let mut scene = Scene::open(SimWorld::new());
    for number in 1..=8 {
        scene.create(number);
        scene.append_as(number, 24);
    }
    scene.create(9);
    scene.append(9, 1);
    scene.checkpoint();
    let world = scene.world.clone();
    drop(scene);
    let again = Scene::open(world);
    let ends: Vec<_> = again.host.partitions().map(|it| it.places().visible.0).collect();
    assert_eq!(ends, [24, 24, 24, 24, 24, 24, 24, 24, 1]);
}

/// A disk that is full because of what was deleted takes appends again.
#[test]
fn l19_deleting_makes_room_on_a_full_disk() {
    let mut scene = Scene::open(SimWorld::new());
    scene.create(1);
    scene.create(2);
    scene.append(1, 40);
    // A block is left: for the file that says which segments are given back.
    scene.world.set_capacity(Some(scene.world.used_bytes() + 4096));
    let mut taken = 0;
    // Ends because the disk does.
    while scene.host.journal().has_room(4200, 1, Purpose::Data).is_ok() {
        scene.append(2, 1);
        taken += 1;
    }
    assert!(scene.host.journal().is_full() && taken < 60, "{taken}");
    scene.delete(1);
    scene.settle();
    assert!(scene.release_all() >= 2);
    scene.append(2, 20);
}

/// On a full disk the segment that is kept for control entries stays theirs once one has begun it.
#[test]
fn l19_records_never_take_the_room_of_control_entries_on_a_full_disk() {
    let mut scene = Scene::open(SimWorld::new());
    scene.create(1);
    scene.world.set_capacity(Some(scene.world.used_bytes()));
    let has_room = |scene: &Scene, purpose| scene.host.journal().has_room(4200, 1, purpose);
    // Ends because the disk does.
    while has_room(&scene, Purpose::Data).is_ok() {
        scene.append(1, 1);
    }
    assert!(scene.host.journal().is_full());
    let mut entries = 0;
    let begun = scene.host.journal().durable().0.segment;
    // Ends because the segment does that is kept.
    while has_room(&scene, Purpose::Control).is_ok() {
        scene.create(100 + entries);
        entries += 1;
        assert_eq!(has_room(&scene, Purpose::Data), Err(Refused::Full), "behind {entries}");
    }
    assert_eq!(scene.host.journal().durable().0.segment, begun.next());
    assert!(entries > 10, "{entries} entries had a whole segment");
    scene.world.set_capacity(None);
    scene.host.journal().retry_full();
    scene.settle();
    scene.append(1, 20);
}

/// What never fits is not told to come again.
#[test]
fn l6_parts_that_never_fit_into_one_commit_group_are_too_large() {
    let scene = Scene::open(SimWorld::new());
    let has_room = |bytes, count| scene.host.journal().has_room(bytes, count, Purpose::Data);
    let bytes = GEOMETRY.group_bytes_max as usize;
    assert_eq!(has_room(bytes / 2, 2), Ok(()));
    assert_eq!(has_room(bytes, 2), Err(Refused::TooLarge));
    let count = GEOMETRY.group_entries_max as usize;
    assert_eq!(has_room(2 * 64, count), Ok(()));
    assert_eq!(has_room(2 * 64, count + 1), Err(Refused::TooLarge));
}
