//! The simulated lanes: what they do to shards, what they notice, and when they wake.

use std::ptr::NonNull;

use coilgun_protocol::model::ShardId;
use coilgun_server::env::Work;
use coilgun_server::env::sim::{Faults, MeshCounts, SimEnv, SimPort, SimWorld};
use coilgun_server::mesh::{MeshPort, Parcel};

use crate::courier::Courier;

const MESH_FAULTS: Faults = Faults { mesh_full: 200, mesh_delay: 300, ..Faults::none() };
const FIRST: ShardId = ShardId::new(0);
const SECOND: ShardId = ShardId::new(1);

/// Steps shards while they are awake, in an order that the seed decides, until all have ended.
fn pass_all(seed: u64, shard_count: usize, parcel_count: u64) -> MeshCounts {
    let world = SimWorld::new(seed, MESH_FAULTS);
    world.set_ring_parcels(1 + seed as usize % 7);
    let courier = |number| {
        let env = SimEnv::in_mesh(world.clone(), ShardId::new(number), shard_count);
        let port = env.port();
        Courier::new(env, port, parcel_count)
    };
    let mut couriers: Vec<_> = (0..shard_count).map(courier).collect();
    let mut awake = vec![true; shard_count];
    let mut ended = vec![false; shard_count];
    let mut asleep_together = 0;
    // Ends because shards that sleep are woken after a few looks, and otherwise all is passed on.
    while ended.contains(&false) {
        let at = (world.random() % shard_count as u64) as usize;
        awake[at] |= world.take_rung(ShardId::new(at));
        asleep_together = if awake.contains(&true) { 0 } else { asleep_together + 1 };
        assert!(asleep_together < 1_000, "S24: all sleep, seed {seed}");
        if !awake[at] || ended[at] {
            continue;
        }
        match couriers[at].turn() {
            Work::More => {}
            Work::Done => ended[at] = true,
            Work::Idle => {
                awake[at] = !couriers[at].prepare_park();
                if awake[at] {
                    couriers[at].end_park();
                }
            }
        }
    }
    assert_eq!(world.lent_count(), 0, "S8: everything came back, seed {seed}");
    world.mesh_counts()
}

#[test]
fn s8_s17_s24_everything_arrives_in_order_whatever_the_lanes_do() {
    for seed in 0..60 {
        let shard_count = 2 + seed as usize % 3;
        let pairs = (shard_count * (shard_count - 1)) as u64;
        let counts = pass_all(seed, shard_count, 300);
        assert_eq!((counts.pushed, counts.popped, counts.returned), {
            let all = pairs * 300;
            (all, all, all)
        });
        assert!(counts.delayed > 0 && counts.doorbells > 0 && counts.refused > 0, "{counts:?}");
        assert!(counts.ring_parcels_max <= 1 + seed as usize % 7, "{counts:?}");
        assert_eq!(counts.returned_beside, 0);
    }
}

#[test]
fn a_seed_repeats_itself() {
    assert_eq!(pass_all(5, 3, 100), pass_all(5, 3, 100));
}

/// Two shards of a world, nothing rung.
fn pair(faults: Faults) -> (SimWorld, SimPort, SimPort) {
    let world = SimWorld::new(1, faults);
    let [first, second] =
        [FIRST, SECOND].map(|shard| SimEnv::in_mesh(world.clone(), shard, 2).port());
    assert!(world.take_rung(FIRST) && world.take_rung(SECOND), "all are awake at first");
    (world, first, second)
}

fn parcel(bytes: &mut [u8], loan: u32) -> Parcel {
    Parcel { base: NonNull::from(&mut *bytes).cast(), len: bytes.len() as u32, loan }
}

#[test]
#[should_panic(expected = "S8: what a parcel holds stays as it is")]
fn s8_a_parcel_that_changes_while_it_is_lent_is_noticed() {
    let (_world, mut first, mut second) = pair(Faults::none());
    let mut bytes = [1u8; 8];
    let parcel = parcel(&mut bytes, 0);
    assert_eq!(first.push(SECOND, parcel), Ok(()));
    assert_eq!(second.pop(FIRST), Some(parcel));
    // SAFETY: the bytes are ours; to write to them now is the fault that is to be noticed.
    unsafe { parcel.base.write(2) };
    second.give_back(FIRST, 0);
}

#[test]
#[should_panic(expected = "S8: a loan comes back once")]
fn s8_a_loan_that_comes_back_twice_is_noticed() {
    let (_world, mut first, mut second) = pair(Faults::none());
    let mut bytes = [1u8; 8];
    assert_eq!(first.push(SECOND, parcel(&mut bytes, 0)), Ok(()));
    assert!(second.pop(FIRST).is_some());
    second.give_back(FIRST, 0);
    second.give_back(FIRST, 0);
}

#[test]
#[should_panic(expected = "S8: a number is used again")]
fn s8_a_loan_that_is_lent_twice_is_noticed() {
    let (_world, mut first, _second) = pair(Faults::none());
    let mut bytes = [1u8; 8];
    assert_eq!(first.push(SECOND, parcel(&mut bytes, 0)), Ok(()));
    assert_eq!(first.push(SECOND, parcel(&mut bytes, 0)), Ok(()));
}

#[test]
fn s24_a_shard_is_rung_by_those_that_wake_it_and_by_loans_it_wants() {
    let (world, mut first, mut second) = pair(Faults::none());
    let mut bytes = [1u8; 8];
    assert_eq!(first.push(SECOND, parcel(&mut bytes, 3)), Ok(()));
    assert!(!world.is_rung(SECOND), "to push is not to wake");
    first.wake(SECOND);
    assert!(world.take_rung(SECOND) && !world.is_rung(SECOND) && second.has_work());
    assert!(second.pop(FIRST).is_some());
    first.want_loans(SECOND, true);
    second.give_back(FIRST, 3);
    assert!(world.take_rung(FIRST) && first.has_work());
    assert_eq!(first.take_back(SECOND), Some(3));
    first.want_loans(SECOND, false);
    second.give_back(FIRST, 4);
    assert!(!world.is_rung(FIRST) && !first.has_work());
    assert_eq!(world.mesh_counts().returned_beside, 1);
}

#[test]
fn s24_what_is_seen_late_rings_once_more_when_it_is_seen() {
    let (world, mut first, mut second) = pair(Faults { mesh_delay: 1000, ..Faults::none() });
    let mut bytes = [1u8; 8];
    assert_eq!(first.push(SECOND, parcel(&mut bytes, 0)), Ok(()));
    first.wake(SECOND);
    assert!(world.take_rung(SECOND), "the doorbell is not late");
    world.advance_ms(1);
    assert!(world.take_rung(SECOND) && second.has_work());
    assert!(second.pop(FIRST).is_some());
    first.want_loans(SECOND, true);
    second.give_back(FIRST, 0);
    assert!(world.take_rung(FIRST), "the doorbell is not late");
    // Ends because everything is seen after a few looks.
    while !world.take_rung(FIRST) {}
    assert_eq!(first.take_back(SECOND), Some(0));
}

#[test]
fn a_shard_that_goes_away_is_lost_and_the_others_learn_of_it() {
    let (world, mut first, second) = pair(Faults::none());
    drop(second);
    assert!(world.take_rung(FIRST) && first.has_work());
    assert_eq!(first.lost(), Some(SECOND));
    assert!(!first.has_work() && first.agree_to_end(true));
}

#[test]
fn a_world_of_one_shard_has_a_mesh_of_one() {
    let world = SimWorld::new(1, Faults::none());
    for _ in 0..2 {
        let mut port = SimEnv::new(world.clone()).port();
        assert_eq!((port.shard(), port.shard_count()), (FIRST, 1));
        assert!(world.take_rung(FIRST) && !port.has_work() && !port.agree_to_end(false));
        assert!(port.agree_to_end(true) && port.lost().is_none());
    }
}
