//! Which shard a new connection goes to (law S3): a decision about numbers, and nothing else.

use coilgun_protocol::model::ShardId;
use serde::{Deserialize, Serialize};

use super::loads::Load;

/// How busy a shard has to be for `pack` to use the next one, per mille of its time.
const HALF_BUSY_PER_MILLE: u32 = 500;

/// The busy share counts in whole steps of this many per mille. A burst of connections keeps the
/// shard that accepts them busy for some milliseconds, which says nothing about where work is done.
const BUSY_STEP_PER_MILLE: u32 = 125;

/// How connections are shared out among the shards.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PlacementPolicy {
    /// To the shard with the fewest connections, where those of a busy shard count for more.
    #[default]
    Spread,
    /// To the lowest shard that is not half busy: those who talk to each other share a shard.
    Pack,
}

impl PlacementPolicy {
    /// All of them.
    pub const ALL: [PlacementPolicy; 2] = [PlacementPolicy::Spread, PlacementPolicy::Pack];

    /// What it is called in a configuration.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            PlacementPolicy::Spread => "spread",
            PlacementPolicy::Pack => "pack",
        }
    }

    /// The policy of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<PlacementPolicy> {
        PlacementPolicy::ALL.into_iter().find(|policy| policy.name() == name)
    }

    /// The shard for the next connection, given what each shard carries, in their order. Among equals
    /// it is the lowest; without any it is the first.
    #[must_use]
    pub fn choose(self, loads: impl Iterator<Item = Load>) -> ShardId {
        let numbered = loads.enumerate();
        let chosen = match self {
            PlacementPolicy::Spread => numbered.min_by_key(|(_, load)| load.cost()),
            PlacementPolicy::Pack => numbered.min_by_key(|(_, load)| load.crowding()),
        };
        ShardId::new(chosen.map_or(0, |(number, _)| number))
    }
}

impl Load {
    /// What one connection more would cost: connections, counted for more where the shard is busy,
    /// twice where it never rests.
    fn cost(self) -> u64 {
        let steps = self.busy_per_mille / BUSY_STEP_PER_MILLE * BUSY_STEP_PER_MILLE;
        (self.connections + 1) * u64::from(1000 + steps)
    }

    /// Nothing while there is room for talkers; then how busy the shard is, and with how many.
    fn crowding(self) -> (u32, u64) {
        if self.busy_per_mille < HALF_BUSY_PER_MILLE {
            return (0, 0);
        }
        (self.busy_per_mille, self.connections)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Connections and busy share of each shard, and which one is chosen.
    type Case = (&'static [(u64, u32)], usize);

    fn check(policy: PlacementPolicy, cases: &[Case]) {
        for (loads, expected) in cases {
            let list = loads.iter();
            let list =
                list.map(|&(connections, busy_per_mille)| Load { connections, busy_per_mille });
            assert_eq!(policy.choose(list), ShardId::new(*expected), "{loads:?}");
        }
    }

    #[test]
    fn s3_spread_takes_the_fewest_connections_and_the_lowest_of_equals() {
        let cases: [Case; 7] = [
            (&[], 0),
            (&[(9, 900)], 0),
            (&[(0, 0), (0, 0), (0, 0)], 0),
            (&[(1, 0), (0, 0), (0, 0)], 1),
            (&[(1, 0), (1, 0), (0, 0)], 2),
            (&[(3, 0), (2, 0), (2, 0)], 1),
            (&[(5, 700), (5, 700), (4, 700)], 2),
        ];
        check(PlacementPolicy::Spread, &cases);
    }

    #[test]
    fn s3_spread_counts_connections_of_a_busy_shard_for_more() {
        let cases: [Case; 6] = [
            (&[(9, 1000), (9, 0)], 1),
            (&[(9, 1000), (18, 0)], 1),
            (&[(9, 1000), (20, 0)], 0),
            (&[(9, 124), (9, 0)], 0),
            (&[(9, 125), (9, 0)], 1),
            (&[(8, 500), (12, 0), (14, 0)], 1),
        ];
        check(PlacementPolicy::Spread, &cases);
    }

    #[test]
    fn s3_a_burst_of_64_connections_uses_every_shard_evenly() {
        for shards in 1..=64usize {
            for accepting_busy in [0, 60, 124] {
                let mut loads = vec![Load::default(); shards];
                loads[0].busy_per_mille = accepting_busy;
                for _ in 0..64 {
                    let shard = PlacementPolicy::Spread.choose(loads.iter().copied());
                    loads[shard.index()].connections += 1;
                }
                let each = loads.iter().map(|load| load.connections);
                let (least, most) = (each.clone().min(), each.max());
                assert!(most <= least.map(|it| it + 1), "{shards}: {loads:?}");
            }
        }
    }

    #[test]
    fn s3_pack_stays_on_the_lowest_shard_until_it_is_half_busy() {
        let cases: [Case; 8] = [
            (&[], 0),
            (&[(0, 0), (0, 0)], 0),
            (&[(5000, 0), (0, 0)], 0),
            (&[(5, 499), (0, 0)], 0),
            (&[(5, 500), (0, 0)], 1),
            (&[(5, 500), (5, 499), (0, 0)], 1),
            (&[(5, 900), (7, 600), (1, 600)], 2),
            (&[(5, 600), (5, 600)], 0),
        ];
        check(PlacementPolicy::Pack, &cases);
    }

    #[test]
    fn names_read_back() {
        for policy in PlacementPolicy::ALL {
            assert_eq!(PlacementPolicy::from_name(policy.name()), Some(policy));
            let text = serde_json::to_string(&policy).expect("a name is JSON");
            assert_eq!(text, format!("\"{}\"", policy.name()));
        }
        assert_eq!(PlacementPolicy::from_name("Pack"), None);
    }
}
