//! Connections that break anywhere, from a seed.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::engine::tests::world::{LONG, World};
use crate::engine::{Answer, Call, ConnectionState};
use crate::error::ClientError;
use crate::publication::Publication;
use crate::subscription::SubscribeOptions;

/// Numbers that only look random (xorshift).
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}

/// What a run holds against the engine.
#[derive(Default)]
struct Run {
    published: u64,
    received: Vec<u64>,
    /// Barriers with the number of messages before them, and those that said yes.
    barriers: Vec<(Call, u64)>,
    confirmed: u64,
    losses: u32,
}

#[test]
fn s21_whatever_breaks_nothing_comes_twice_or_out_of_order_and_every_call_ends() {
    let mut losses = 0;
    for seed in 1..=150 {
        losses += run(seed);
    }
    assert!(losses > 500, "connections broke: {losses}");
}

fn run(seed: u64) -> u32 {
    let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let mut world = World::connected();
    let id = world.subscribe("n", &SubscribeOptions::default());
    let mut run = Run::default();
    for _ in 0..600 {
        match dice.below(12) {
            0..=3 => publish(&mut world, &mut run),
            4 => barrier(&mut world, &mut run),
            5..=7 => drop(world.write(dice.below(90) as usize)),
            8..=9 => drop(world.read(dice.below(120) as usize)),
            10 if dice.below(4) == 0 && world.is_connected() => {
                run.losses += 1;
                world.lose(ClientError::Gone);
            }
            _ if !world.is_connected() => world.connect(),
            _ => world.pass(Duration::from_micros(dice.below(1000))),
        }
        collect(&mut world, &mut run, id);
        assert!(world.engine.statistics().output_bytes < 64 * 1024, "memory is bounded");
    }
    if !world.is_connected() {
        world.connect();
    }
    world.settle();
    barrier(&mut world, &mut run);
    barrier(&mut world, &mut run);
    world.settle();
    collect(&mut world, &mut run, id);
    assert_eq!(world.engine.state(), ConnectionState::Connected, "seed {seed}");
    assert_eq!(run.barriers.len(), 0, "seed {seed}: every call ends");
    assert!(run.received.windows(2).all(|pair| pair[0] < pair[1]), "seed {seed}: in order, once");
    run.losses
}

fn publish(world: &mut World, run: &mut Run) {
    run.published += 1;
    let payload = run.published.to_le_bytes();
    world.engine.publish(&Publication::to("n").with_payload(&payload)).expect("there is room");
}

fn barrier(world: &mut World, run: &mut Run) {
    match world.engine.flush(world.now, LONG) {
        Ok(call) => run.barriers.push((call, run.published)),
        // Messages went with an earlier connection: it is said once, and what follows is new.
        Err(ClientError::Lost { .. }) => run.confirmed = run.published,
        Err(error) => panic!("{error}"),
    }
}

/// Takes out what came. A barrier that says yes speaks for every message since one that was told to
/// be in doubt.
fn collect(world: &mut World, run: &mut Run, id: coilgun_protocol::model::SubscriptionId) {
    for message in world.messages(id) {
        let number = message.payload().try_into().expect("eight bytes");
        run.received.push(u64::from_le_bytes(number));
    }
    let mut open = Vec::new();
    let received: BTreeSet<u64> = run.received.iter().copied().collect();
    for (call, before) in core::mem::take(&mut run.barriers) {
        match world.engine.take_answer(call) {
            None => open.push((call, before)),
            Some(Ok(answer)) => {
                assert_eq!(answer, Answer::Done);
                for number in run.confirmed + 1..=before {
                    assert!(received.contains(&number), "{number} took effect, says a barrier");
                }
                run.confirmed = run.confirmed.max(before);
            }
            Some(Err(ClientError::Lost { .. })) => run.confirmed = run.confirmed.max(before),
            Some(Err(error)) => panic!("{error}"),
        }
    }
    run.barriers = open;
}
