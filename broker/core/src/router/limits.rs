//! What a router may hold.

use coilgun_protocol::model::limits;

/// What a router may hold; what a client asks for beyond is refused, and what is remembered beyond
/// is forgotten.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RouterLimits {
    /// Subscriptions of one client.
    pub subscriptions_per_client: usize,
    /// Subscriptions of all clients.
    pub subscriptions_per_shard: usize,
    /// Queue groups that subscriptions of this shard are in.
    pub queue_groups_per_shard: usize,
    /// Memory for filters and names of queue groups, in bytes, by an estimate that is rather high.
    /// Counts what the subscriptions of this shard's own clients need; what other shards want is
    /// bounded by the limits those have.
    pub filter_bytes_per_shard: usize,
    /// Subjects whose route is remembered; at least 1.
    pub routes_cached: usize,
    /// Targets of one route that is remembered; at most `targets_cached`.
    pub route_targets_cached: usize,
    /// Targets of all remembered routes together.
    pub targets_cached: usize,
}

impl Default for RouterLimits {
    fn default() -> Self {
        RouterLimits {
            subscriptions_per_client: limits::SUBSCRIPTIONS_PER_CLIENT_MAX,
            subscriptions_per_shard: limits::SUBSCRIPTIONS_PER_SHARD_MAX,
            queue_groups_per_shard: limits::QUEUE_GROUPS_PER_SHARD_MAX,
            filter_bytes_per_shard: limits::FILTER_BYTES_PER_SHARD_MAX,
            routes_cached: limits::ROUTES_CACHED_MAX,
            route_targets_cached: limits::ROUTE_TARGETS_CACHED_MAX,
            targets_cached: limits::TARGETS_CACHED_MAX,
        }
    }
}
