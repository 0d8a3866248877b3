//! One shard under a rough kernel: random clients, sizes and pauses, against what must hold.
//!
//! Every message carries its publisher and a number. A plain subscriber that subscribed before must
//! see each message of each publisher once and in order; a queue group must see each message once.

use std::collections::BTreeMap;

use coilgun_protocol::model::limits;
use coilgun_server::env::sim::{FaultCounts, Faults, SimWorld};
use coilgun_server::setup::MemoryPlan;
use coilgun_server::shard::{ShardCounters, ShardSettings};

use crate::native_peer::{Peer, SimBroker};

const PUBLISHERS: usize = 3;
const MESSAGES: u32 = 150;

fn plan() -> MemoryPlan {
    MemoryPlan {
        receive_blocks: 6,
        output_bytes: 512 * limits::BLOCK_BYTES,
        large_bytes: 64 * limits::FRAME_BYTES_DEFAULT,
        sockets_max: 32,
        ..MemoryPlan::default()
    }
}

/// A payload that says who sent it and which one it is, and whose every byte can be checked.
fn payload(publisher: usize, number: u32, len: usize) -> Vec<u8> {
    let mut bytes = vec![publisher as u8];
    bytes.extend(number.to_le_bytes());
    bytes.extend((0..len).map(|at| (at as u32 ^ number) as u8));
    bytes
}

fn check(bytes: &[u8]) -> (usize, u32) {
    let number = u32::from_le_bytes(bytes[1..5].try_into().expect("four bytes"));
    assert!(bytes == payload(usize::from(bytes[0]), number, bytes.len() - 5), "bytes changed");
    (usize::from(bytes[0]), number)
}

fn len_of(world: &SimWorld) -> usize {
    let random = world.random() as usize;
    match random % 20 {
        0 => random / 20 % 150_000,
        1..5 => random / 20 % 8_000,
        _ => random / 20 % 300,
    }
}

fn by_publisher(peers: &[&Peer], subscription: u64) -> BTreeMap<usize, Vec<u32>> {
    let mut numbers: BTreeMap<usize, Vec<u32>> = BTreeMap::new();
    for seen in peers.iter().flat_map(|peer| &peer.seen) {
        if seen.subscription == subscription {
            let (publisher, number) = check(&seen.payload);
            numbers.entry(publisher).or_default().push(number);
        }
    }
    numbers
}

fn run_seed(seed: u64, step: fn(&mut SimBroker)) -> (FaultCounts, ShardCounters) {
    let world = SimWorld::new(seed, Faults::rough());
    let settings = ShardSettings { outbox_high_bytes: 200_000, ..ShardSettings::default() };
    let mut broker = SimBroker::new(world.clone(), &plan(), settings);
    let mut readers: Vec<Peer> = (0..4)
        .map(|_| {
            let mut peer = broker.connect(3_000 + world.random() as usize % 60_000);
            peer.hello("");
            broker.until(&mut peer, |peer| peer.is_open);
            peer.subscribe(1, ["load.*", "load.>", "*.one"][world.random() as usize % 3], "");
            peer.subscribe(2, "load.one", "group");
            broker.barrier(&mut peer);
            peer
        })
        .collect();
    let mut writers: Vec<(Peer, u32, u64)> =
        (0..PUBLISHERS).map(|_| (broker.open(""), 0, 0)).collect();
    let mut turns = 0;
    while readers.iter().any(|reader| by_count(reader) < PUBLISHERS * MESSAGES as usize)
        || writers.iter().any(|(writer, _, token)| !writer.pongs.contains(token))
    {
        for (publisher, (writer, next, token)) in writers.iter_mut().enumerate() {
            for _ in 0..world.random() % 12 {
                if *next < MESSAGES {
                    writer.publish("load.one", &payload(publisher, *next, len_of(&world)));
                    *next += 1;
                    if *next == MESSAGES {
                        *token = writer.ping();
                    }
                }
            }
            writer.read(usize::MAX);
        }
        for reader in &mut readers {
            if !world.random().is_multiple_of(3) {
                reader.read(world.random() as usize % 50_000);
            }
        }
        step(&mut broker);
        turns += 1;
        assert!(turns < 100_000, "seed {seed}: nothing moves any more: {readers:?} {writers:?}");
    }
    readers.iter_mut().for_each(|reader| broker.barrier(reader));
    let all: Vec<u32> = (0..MESSAGES).collect();
    for reader in &readers {
        for (publisher, numbers) in by_publisher(&[reader], 1) {
            assert_eq!(numbers, all, "seed {seed}: publisher {publisher}, in order, each once");
        }
    }
    let members: Vec<&Peer> = readers.iter().collect();
    for (publisher, mut numbers) in by_publisher(&members, 2) {
        numbers.sort_unstable();
        assert_eq!(numbers, all, "seed {seed}: publisher {publisher}, each once in the group");
    }
    for peer in readers.iter().chain(writers.iter().map(|(writer, _, _)| writer)) {
        world.end(peer.id);
    }
    world.set_faults(Faults::none());
    broker.turns(50);
    assert_eq!(broker.shard.net().socket_count(), 0, "seed {seed}");
    assert_eq!(broker.shard.net().pools().small.free_count(), 512, "seed {seed}");
    let large = &broker.shard.net().pools().large;
    assert_eq!(large.free_count(), large.block_count(), "seed {seed}");
    broker.shard.router().invariants().expect("the router is consistent");
    (world.counts(), broker.shard.counters())
}

/// How many messages came through the plain subscription.
fn by_count(peer: &Peer) -> usize {
    peer.seen.iter().filter(|seen| seen.subscription == 1).count()
}

#[test]
pub(crate) fn s18_s21_at_most_once_and_in_order_whatever_the_kernel_does() {
    let seeds = if std::env::var_os("COILGUN_TEST_FULL").is_some() { 2_000 } else { 25 };
    let (mut faults, mut stalls, mut messages) = (FaultCounts::default(), 0, 0);
    for seed in 0..seeds {
        let (counts, shard) = run_seed(seed, SimBroker::turn);
        faults.short_receives += counts.short_receives;
        faults.short_sends += counts.short_sends;
        faults.starvations += counts.starvations;
        faults.late_cancels += counts.late_cancels;
        faults.ended_multishots += counts.ended_multishots;
        stalls += shard.stalls;
        messages += shard.messages;
    }
    println!("{seeds} seeds: {messages} messages, {stalls} stalls, {faults:?}");
    let per_seed = |count: u64| count / seeds;
    assert_eq!(per_seed(messages), PUBLISHERS as u64 * u64::from(MESSAGES));
    assert!(per_seed(stalls) >= 5, "{stalls} stalls");
    assert!(per_seed(faults.short_receives) >= 15, "{faults:?}");
    assert!(per_seed(faults.short_sends) >= 50, "{faults:?}");
    assert!(per_seed(faults.starvations) >= 5, "{faults:?}");
    assert!(per_seed(faults.late_cancels) >= 1, "{faults:?}");
}

/// The same, with a shard that takes no turn while it would sleep: whatever it has left to do has to
/// wake it.
#[test]
fn s24_nothing_is_left_undone_when_it_sleeps() {
    let seeds = if std::env::var_os("COILGUN_TEST_FULL").is_some() { 300 } else { 5 };
    let stalls: u64 =
        (0..seeds).map(|seed| run_seed(seed, SimBroker::turns_until_it_sleeps).1.stalls).sum();
    assert!(stalls / seeds >= 5, "{stalls} stalls");
}
