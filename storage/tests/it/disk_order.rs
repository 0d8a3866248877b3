//! In which order the simulated disk does things, and that it does the same again for the same seed.

use std::collections::BTreeSet;
use std::future::{pending, poll_fn};
use std::rc::Rc;
use std::task::Poll;

use coilgun_storage::disk::sim::{
    Crash, Crashed, Dice, DiskCounts, Fault, Faults, SimDisk, SimFile, SimWorld, Step, Tasks, run,
};
use coilgun_storage::disk::{BLOCK_BYTES, Disk, DiskFile};

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

/// Writes one block each in a task of its own, and returns the order in which they heard of it.
fn order(seed: u64, faults: Faults, slow: Option<(u64, u32)>) -> (Vec<u8>, DiskCounts) {
    let mut dice = Dice::new(seed);
    let (world, disk, file) = with_file(&mut dice);
    world.set_faults(faults);
    if let Some((nth, others)) = slow {
        world.fail_at(nth, Fault::Slow(others));
    }
    let heard = std::cell::RefCell::new(Vec::new());
    let mut tasks = Tasks::new();
    for writer in 0..4_u8 {
        let (file, disk, heard) = (&file, &disk, &heard);
        tasks.spawn("writer", async move {
            let at = u64::from(writer) * BLOCK;
            file.write(filled(disk, 1, writer), at).await.expect("it is written");
            heard.borrow_mut().push(writer);
        });
    }
    tasks.run(&world, &mut dice).expect("no crash was asked for");
    drop(tasks);
    (heard.into_inner(), world.counts())
}

#[test]
fn operations_in_flight_are_completed_in_any_order() {
    let orders: BTreeSet<_> = (0..300).map(|seed| order(seed, Faults::none(), None).0).collect();
    assert_eq!(orders.len(), 24, "every order of four");
    let reordered: u64 = (0..100).map(|seed| order(seed, Faults::none(), None).1.reordered).sum();
    assert!(reordered > 50, "{reordered}");
    let slow = Faults { slow: 500, ..Faults::none() };
    assert!((0..100).map(|seed| order(seed, slow, None).1.slow).sum::<u64>() > 50);
}

#[test]
fn a_slow_operation_waits_for_the_others() {
    // The first that is begun is the last that is completed, unless it is alone in flight.
    let mut last = 0;
    for seed in 0..50 {
        let (heard, counts) = order(seed, Faults::none(), Some((1, 1000)));
        assert_eq!((heard.len(), counts.slow), (4, 1));
        last += usize::from(counts.reordered > 0);
    }
    assert!(last > 30, "{last}");
}

#[test]
fn an_operation_that_nobody_waits_for_is_carried_out() {
    let mut dice = Dice::new(8);
    let (world, disk, file) = with_file(&mut dice);
    let polled = done(&world, &mut dice, async {
        let mut write = std::pin::pin!(file.write(filled(&disk, 4, 1), 0));
        poll_fn(|context| Poll::Ready(write.as_mut().poll(context).is_ready())).await
    });
    assert!(!polled);
    assert_eq!((world.in_flight(), world.counts().abandoned), (1, 1));
    // Not even closing the file stops it.
    drop(file);
    assert!(world.complete_one(&mut dice));
    assert_eq!(bytes(&world), [1; 4 * BLOCK_BYTES]);
    assert!(!world.complete_one(&mut dice));
}

#[test]
fn an_open_that_nobody_waits_for_leaves_nothing_open() {
    let mut dice = Dice::new(9);
    let (world, disk, file) = with_file(&mut dice);
    drop(file);
    for completes_before in [false, true] {
        done(&world, &mut dice, async {
            let mut open = std::pin::pin!(disk.open("segment"));
            poll_fn(|context| Poll::Ready(open.as_mut().poll(context).is_ready())).await;
            if completes_before {
                assert!(world.complete_one(&mut Dice::new(0)));
            }
        });
        world.complete_one(&mut dice);
        assert_eq!((world.open_files(), world.in_flight()), (0, 0));
    }
}

#[test]
fn tasks_that_nobody_wakes_are_found() {
    let world = SimWorld::new();
    let disk = world.disk();
    let mut dice = Dice::new(11);
    let mut tasks = Tasks::new();
    tasks.spawn("forgotten", pending());
    tasks.spawn("busy", async { disk.write_small("a", b"a").await.expect("it is new") });
    assert_eq!(tasks.run_until_idle(&world, &mut dice), Ok(1));
    assert_eq!(tasks.names(), ["forgotten"]);
    assert_eq!(tasks.step(&world, &mut dice), Ok(Step::Idle));
}

#[test]
fn tasks_stop_at_a_crash() {
    for seed in 0..50 {
        let world = SimWorld::new();
        let disk = world.disk();
        let mut dice = Dice::new(seed);
        world.crash_at(3);
        let mut tasks = Tasks::new();
        for name in ["a", "b", "c", "d"] {
            let disk = &disk;
            tasks.spawn(
                "maker",
                async move { disk.write_small(name, b"x").await.expect("it is new") },
            );
        }
        assert_eq!(tasks.run(&world, &mut dice), Err(Crashed));
        assert_eq!(tasks.step(&world, &mut dice), Err(Crashed));
        drop(tasks);
        assert_eq!(world.operations(), 3);
        world.crash(Crash::Kill, &mut dice);
        assert!(world.names().len() <= 3);
    }
}

/// A world in which everything happens.
fn busy_world(seed: u64) -> SimWorld {
    let mut dice = Dice::new(seed);
    let world = SimWorld::new();
    world.keep_trace();
    for process in 0..5 {
        world.set_faults(Faults {
            write_error: 50,
            slow: 100,
            scattered_names: 500,
            ..Faults::none()
        });
        world.crash_at(20 + dice.below(20) as u64);
        let disk = world.disk();
        let mut tasks = Tasks::new();
        for task in 0..3 {
            let disk = disk.clone();
            tasks.spawn("task", async move {
                for round in 0..8_u8 {
                    let name = format!("{process}-{task}-{round}");
                    let Ok(file) = disk.create_filled(&name, 2 * BLOCK).await else { continue };
                    let _ = file.write(filled(&disk, 2, round + 1), 0).await;
                    let _ = disk.rename(&name, &format!("{task}")).await;
                    let _ = disk.sync_directory().await;
                }
            });
        }
        let _ = tasks.run(&world, &mut dice);
        drop(tasks);
        let crash = if dice.coin() { Crash::Kill } else { Crash::Power };
        world.crash(crash, &mut dice);
    }
    world
}

#[test]
fn the_same_seed_gives_the_same_world() {
    let mut hashes = BTreeSet::new();
    let mut counts = DiskCounts::default();
    for seed in 0..20 {
        let (one, other) = (busy_world(seed), busy_world(seed));
        assert_eq!(one.trace(), other.trace());
        assert_eq!(one.trace_hash(), other.trace_hash());
        assert_eq!(one.counts(), other.counts());
        hashes.insert(one.trace_hash());
        counts.add(&one.counts());
    }
    assert_eq!(hashes.len(), 20, "other seeds give other worlds");
    assert_eq!(counts.kills + counts.power_failures, 100);
    assert!(
        counts.reordered > 0 && counts.lost_names > 0 && counts.in_flight_at_crash > 100,
        "{counts:?}"
    );
}
