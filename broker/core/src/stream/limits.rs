//! What a partition may hold.

use coilgun_protocol::model::limits;

/// What a partition may hold; what is asked for beyond is refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PartitionLimits {
    /// Most records of one batch; at least 1.
    pub records_per_batch: u32,
    /// Largest body of one batch, in bytes; at most `pending_bytes`.
    pub batch_bytes: usize,
    /// Bodies of appends that are not durable, in bytes.
    pub pending_bytes: usize,
    /// Appends that are not durable.
    pub pending_appends: usize,
    /// Duplicates that wait for one pending append.
    pub duplicates_per_append: usize,
    /// Duplicates that wait for any.
    pub duplicates: usize,
    /// Producers that are remembered.
    pub producers: usize,
    /// How long a producer is remembered that appends nothing, in milliseconds.
    pub producer_expiry_ms: u64,
    /// Followers.
    pub followers: usize,
    /// Bytes that one read for a follower asks for; a single batch may be larger.
    pub follower_read_bytes: usize,
}

impl Default for PartitionLimits {
    fn default() -> Self {
        PartitionLimits {
            records_per_batch: limits::RECORDS_PER_BATCH_MAX,
            batch_bytes: limits::BATCH_BYTES_MAX,
            pending_bytes: limits::PENDING_BYTES_PER_PARTITION_MAX,
            pending_appends: limits::PENDING_APPENDS_PER_PARTITION_MAX,
            duplicates_per_append: limits::DUPLICATES_PER_PENDING_APPEND_MAX,
            duplicates: limits::DUPLICATES_PER_PARTITION_MAX,
            producers: limits::PRODUCERS_PER_PARTITION_MAX,
            producer_expiry_ms: limits::PRODUCER_EXPIRY_MS,
            followers: limits::FOLLOWERS_PER_PARTITION_MAX,
            follower_read_bytes: limits::FOLLOWER_READ_BYTES_MAX,
        }
    }
}
