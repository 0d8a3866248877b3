//! What kind of world a seed makes: decided once, at its beginning.

use coilgun_protocol::model::limits;
use coilgun_protocol::native::NativeConfig;
use coilgun_server::env::sim::Faults;
use coilgun_server::setup::MemoryPlan;
use coilgun_server::shard::{PlacementPolicy, ShardSettings};

use crate::dice::Dice;

/// Shards a simulated broker may have.
pub const SHARDS_MAX: usize = 4;

/// Names of the namespaces of a simulated broker.
pub const NAMESPACES: [&str; 2] = ["default", "other"];

/// One kind of world.
#[derive(Clone, Debug)]
pub struct Profile {
    /// How many shards there are.
    pub shards: usize,
    /// The first shard accepts for all, and places connections so; none: every shard accepts.
    pub placement: Option<PlacementPolicy>,
    /// How many clients are there at first.
    pub clients: usize,
    /// How many clients there are in all, at most.
    pub clients_max: usize,
    /// How many things happen.
    pub operations: usize,
    /// What the kernel does.
    pub faults: Faults,
    /// Bytes that may wait for a client before its policy acts.
    pub outbox_high_bytes: usize,
    /// Bytes that the largest window of a client takes.
    pub window_max: usize,
    /// Parcels that a ring between two shards holds.
    pub ring_parcels: usize,
    /// Receive blocks of a shard.
    pub receive_blocks: usize,
    /// Clients and subscriptions choose policies of their own.
    pub has_policies: bool,
    /// Subscriptions ask for credit, or end after some deliveries.
    pub has_limits: bool,
    /// Time jumps, so that deadlines come.
    pub has_jumps: bool,
    /// The broker is told to drain before this operation.
    pub drains_at: Option<usize>,
}

impl Profile {
    /// The world of these dice, with as many shards as asked for, or as the dice say.
    #[must_use]
    pub fn roll(dice: &Dice, shards: Option<usize>) -> Profile {
        let shards_rolled = dice.between(1, SHARDS_MAX);
        let operations = dice.between(30, 150);
        let drain = dice.between(operations / 2, 2 * operations);
        Profile {
            shards: shards.unwrap_or(shards_rolled),
            placement: placement(dice),
            clients: dice.between(3, 7),
            clients_max: dice.between(8, 16),
            operations,
            faults: faults(dice),
            outbox_high_bytes: dice.between(64, 96) * 1024,
            window_max: [2_000, 15_000, 100_000][dice.below(3)],
            ring_parcels: dice.between(1, 6),
            receive_blocks: dice.between(3, 6),
            has_policies: dice.percent(40),
            has_limits: dice.percent(50),
            has_jumps: dice.percent(30),
            drains_at: Some(drain).filter(|at| *at < operations),
        }
    }

    /// The settings of each shard.
    #[must_use]
    pub fn settings(&self) -> ShardSettings {
        ShardSettings {
            namespaces: NAMESPACES.map(str::to_owned).to_vec(),
            native: NativeConfig { payload_bytes_max: 32 * 1024, ..NativeConfig::default() },
            outbox_high_bytes: self.outbox_high_bytes,
            drain_ms: 100,
            ..ShardSettings::default()
        }
    }

    /// The memory of each shard.
    #[must_use]
    pub fn memory(&self) -> MemoryPlan {
        MemoryPlan {
            receive_blocks: self.receive_blocks,
            output_bytes: 96 * limits::BLOCK_BYTES,
            frame_bytes_max: limits::BLOCK_BYTES,
            large_bytes: 4 * limits::BLOCK_BYTES,
            sockets_max: 2 * self.clients_max + 8,
            ..MemoryPlan::default()
        }
    }
}

fn placement(dice: &Dice) -> Option<PlacementPolicy> {
    match dice.below(4) {
        0 => Some(PlacementPolicy::Spread),
        1 => Some(PlacementPolicy::Pack),
        _ => None,
    }
}

fn faults(dice: &Dice) -> Faults {
    let rough = Faults::rough();
    match dice.below(4) {
        0 => Faults::none(),
        1 => Faults { delay: 600, mesh_delay: 600, ..Faults::none() },
        2 => rough,
        _ => Faults { reset: 2, ..rough },
    }
}
