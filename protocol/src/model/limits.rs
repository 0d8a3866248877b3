//! Every limit of the broker, in one file, with the relations between them proved at compile time.
//!
//! A name says its unit and that it is a bound. What an operator may change has a key in the
//! configuration; the number here is then the default or the outermost value.

/// Largest text of a subject or filter, in bytes.
pub const SUBJECT_BYTES_MAX: usize = 4096;
/// Most tokens in a subject or filter.
pub const SUBJECT_TOKENS_MAX: usize = 128;
/// Largest name of a client, in bytes.
pub const CLIENT_NAME_BYTES_MAX: usize = 512;
/// Largest name of a queue group, in bytes.
pub const QUEUE_GROUP_BYTES_MAX: usize = 256;
/// Largest name of a namespace, in bytes.
pub const NAMESPACE_BYTES_MAX: usize = 64;
/// Largest user name, password or token, in bytes.
pub const CREDENTIAL_BYTES_MAX: usize = 4096;
/// Most users of a broker.
pub const USERS_MAX: usize = 10_000;
/// Most filters in one list of what a user is allowed or denied.
pub const PERMISSION_FILTERS_MAX: usize = 256;
/// Most memory that the hash of a password may take, in KiB.
pub const HASH_MEMORY_KIB_MAX: u32 = 256 * 1024;
/// How often that memory may be gone through.
pub const HASH_ITERATIONS_MAX: u32 = 64;
/// In how many parts at most.
pub const HASH_LANES_MAX: u32 = 16;
/// Most memory times iterations of one hash, in KiB: about a second.
pub const HASH_WORK_KIB_MAX: u64 = 1024 * 1024;
/// Passwords of one broker that may wait to be checked. With usual hashes that is less than the time
/// of a handshake.
pub const AUTHENTICATIONS_WAITING_MAX: usize = 128;
/// Clients of one shard that may wait for a verdict: many may wait for the same.
pub const AUTHENTICATING_CLIENTS_MAX: usize = 65_536;
/// Right passwords that a shard remembers.
pub const VERIFIED_REMEMBERED_MAX: usize = 8192;
/// Largest block of headers of one message, in bytes.
pub const HEADERS_BYTES_MAX: usize = 64 * 1024;
/// Most headers of one message.
pub const HEADER_COUNT_MAX: usize = 1024;

/// Largest payload unless configured otherwise, in bytes.
pub const PAYLOAD_BYTES_DEFAULT: usize = 1024 * 1024;
/// Largest payload that may be configured, in bytes.
pub const PAYLOAD_BYTES_CEILING: usize = 64 * 1024 * 1024;
/// Largest control frame of the native protocol, in bytes.
pub const CONTROL_FRAME_BYTES_MAX: usize = 16 * 1024;
/// What a native frame may hold beside its payload and headers, in bytes: header, head, subject,
/// reply subject and the sender's name.
pub const FRAME_OVERHEAD_BYTES_MAX: usize = 64 + 2 * SUBJECT_BYTES_MAX + CLIENT_NAME_BYTES_MAX;
/// Largest native frame with the default payload limit, in bytes.
pub const FRAME_BYTES_DEFAULT: usize =
    PAYLOAD_BYTES_DEFAULT + HEADERS_BYTES_MAX + FRAME_OVERHEAD_BYTES_MAX;

/// Size of one receive block and of one output block, in bytes (laws S4, S9).
pub const BLOCK_BYTES: usize = 64 * 1024;
/// Payloads up to this size are copied into the output block; larger ones are referenced (law S6).
pub const COPY_MAX: usize = 1024;
/// Largest size up to which an operator may have payloads copied, in bytes.
pub const COPY_MAX_CEILING: usize = 32 * 1024;
/// Most commands a session hands out before others get their turn (law S23).
pub const COMMANDS_PER_SLICE: usize = 256;

/// Subscriptions one connection may hold.
pub const SUBSCRIPTIONS_PER_CLIENT_MAX: usize = 100_000;
/// Filters one connection may exclude from what it subscribes to.
pub const EXCLUSIONS_PER_CLIENT_MAX: usize = 1024;
/// Subscriptions one shard may hold.
pub const SUBSCRIPTIONS_PER_SHARD_MAX: usize = 4_000_000;
/// Queue groups that the clients of one shard may be in: all that want one message have to be named to
/// another shard.
pub const QUEUE_GROUPS_PER_SHARD_MAX: usize = 4096;
/// Memory that the filters and queue group names of one shard may take, in bytes: a subscription
/// is cheap, but one with a filter of 128 long tokens is not.
pub const FILTER_BYTES_PER_SHARD_MAX: usize = 1024 * 1024 * 1024;
/// Connections one shard may hold unless configured otherwise.
pub const CONNECTIONS_DEFAULT: usize = 10_000;
/// Subjects whose route a shard remembers.
pub const ROUTES_CACHED_MAX: usize = 16_384;
/// Targets of one route that are remembered; a larger fan-out is matched anew each time.
pub const ROUTE_TARGETS_CACHED_MAX: usize = 65_536;
/// Targets of all routes together that a shard remembers.
pub const TARGETS_CACHED_MAX: usize = 1024 * 1024;
/// Shards one broker may have: a set of them is 64 bits (law S17).
pub const SHARDS_MAX: usize = 64;
/// Bytes that one shard has under way to another before its publishers wait; one message always may be.
pub const MESH_BYTES_IN_FLIGHT_MAX: usize = 1024 * 1024;
/// Answers that one connection may be owed before it is not read (law S20).
pub const ANSWERS_OWED_MAX: usize = 256;
/// Namespaces one broker may have.
pub const NAMESPACES_MAX: usize = 1024;

/// Memory for output of one shard unless configured otherwise, in bytes; and the same again for the
/// assembly of large frames. Reserved, and used as it is touched.
pub const BUFFER_BYTES_DEFAULT: usize = 1 << 30;
/// Bytes waiting to be sent to one client above which those who publish to it wait (law S19).
pub const OUTBOX_HIGH_BYTES: usize = 4 * 1024 * 1024;
/// Bytes waiting to be sent to one client below which they go on.
pub const OUTBOX_LOW_BYTES: usize = OUTBOX_HIGH_BYTES / 2;
/// Bytes waiting to be sent to one client that do not wait for more to go out with them, however the
/// client is treated.
pub const FLUSH_BYTES: usize = 16 * 1024;
/// How long bytes may be made to wait for more to go out with them, in microseconds.
pub const FLUSH_DELAY_US_MAX: u64 = 100_000;
/// How long a publisher waits for a client that does not read before that client is cut off, in
/// milliseconds (law S19; some clients give up after one second).
pub const BACKPRESSURE_MS_MAX: u64 = 500;

/// How long a client may take from connecting to its finished handshake, in milliseconds.
pub const HANDSHAKE_MS_MAX: u64 = 5_000;
/// How long a frame may take to arrive once it has begun, in milliseconds, beside what its length
/// allows at [`FRAME_BYTES_PER_SECOND_MIN`].
pub const FRAME_MS_MAX: u64 = 30_000;
/// The slowest sender of a frame that is waited for, in bytes per second.
pub const FRAME_BYTES_PER_SECOND_MIN: u64 = 16 * 1024;
/// How long a connection may be silent before it is asked for a sign of life, in milliseconds.
pub const PING_INTERVAL_MS: u64 = 30_000;
/// How often a client of elbus gets a sign of life from the broker unless configured otherwise, in
/// milliseconds.
pub const ELBUS_PING_INTERVAL_MS: u64 = 2_500;
/// How many such questions may stay without any answer before the connection is cut off.
pub const PINGS_UNANSWERED_MAX: u64 = 2;
/// How long a broker that shuts down waits for its clients, in milliseconds.
pub const DRAIN_MS_MAX: u64 = 5_000;

/// Largest name of a stream, in bytes.
pub const STREAM_NAME_BYTES_MAX: usize = 256;
/// Most partitions of one stream.
pub const PARTITIONS_PER_STREAM_MAX: u32 = 4096;
/// Partitions a broker may have.
pub const PARTITIONS_MAX: usize = 1_000_000;
/// Largest payload of one record unless configured otherwise, in bytes.
pub const RECORD_BYTES_DEFAULT: usize = 1024 * 1024;
/// Most records of one batch.
pub const RECORDS_PER_BATCH_MAX: u32 = 65_536;
/// Largest body of one batch, in bytes.
pub const BATCH_BYTES_MAX: usize = 2 * 1024 * 1024;
/// Largest native frame with a batch, in bytes.
pub const BATCH_FRAME_BYTES_MAX: usize = BATCH_BYTES_MAX + FRAME_OVERHEAD_BYTES_MAX;
/// Bodies of appends of one partition that wait for the disk, in bytes.
pub const PENDING_BYTES_PER_PARTITION_MAX: usize = 16 * 1024 * 1024;
/// Appends of one partition that wait for the disk.
pub const PENDING_APPENDS_PER_PARTITION_MAX: usize = 4096;
/// Duplicates that wait for one append to be on the disk.
pub const DUPLICATES_PER_PENDING_APPEND_MAX: usize = 8;
/// Duplicates that wait in one partition.
pub const DUPLICATES_PER_PARTITION_MAX: usize = 256;
/// Partitions that one atomic append may have parts for.
pub const ATOMIC_PARTS_MAX: usize = 256;
/// Producers that one partition remembers.
pub const PRODUCERS_PER_PARTITION_MAX: usize = 1024;
/// Batches of a producer by which duplicates are recognised: what clients of Kafka have under way
/// when they are idempotent (law L22).
pub const PRODUCER_BATCHES_REMEMBERED: usize = 5;
/// How long a partition remembers a producer that appends nothing, in milliseconds.
pub const PRODUCER_EXPIRY_MS: u64 = 24 * 60 * 60 * 1000;
/// Followers that one partition may have.
pub const FOLLOWERS_PER_PARTITION_MAX: usize = 1024;
/// Bytes that one read for a follower asks for, in bytes; a single batch may be larger.
pub const FOLLOWER_READ_BYTES_MAX: usize = 1024 * 1024;

const _: () = assert!(SUBJECT_BYTES_MAX <= u16::MAX as usize, "frames say it in 16 bits");
const _: () = assert!(CLIENT_NAME_BYTES_MAX <= u16::MAX as usize, "frames say it in 16 bits");
const _: () = assert!("$NAME.".len() + CLIENT_NAME_BYTES_MAX <= SUBJECT_BYTES_MAX);
const _: () = assert!(COPY_MAX <= COPY_MAX_CEILING);
const _: () =
    assert!(COPY_MAX_CEILING + FRAME_OVERHEAD_BYTES_MAX <= BLOCK_BYTES, "copies fit one block");
const _: () = assert!(CONTROL_FRAME_BYTES_MAX <= BLOCK_BYTES, "control frames fit one block");
const _: () = assert!(
    SUBJECT_BYTES_MAX
        + QUEUE_GROUP_BYTES_MAX
        + CLIENT_NAME_BYTES_MAX
        + NAMESPACE_BYTES_MAX
        + 2 * CREDENTIAL_BYTES_MAX
        + 1024
        <= CONTROL_FRAME_BYTES_MAX,
    "every control table fits a control frame"
);
const _: () = assert!(ROUTE_TARGETS_CACHED_MAX <= TARGETS_CACHED_MAX, "every such route fits");
const _: () = assert!(SUBSCRIPTIONS_PER_CLIENT_MAX <= SUBSCRIPTIONS_PER_SHARD_MAX);
const _: () = assert!(SUBSCRIPTIONS_PER_SHARD_MAX < u32::MAX as usize, "indices have 32 bits");
const _: () = assert!(PAYLOAD_BYTES_DEFAULT <= PAYLOAD_BYTES_CEILING);
const _: () = assert!(PAYLOAD_BYTES_CEILING + HEADERS_BYTES_MAX < (1 << 31), "spans hold 31 bits");
const _: () = assert!(OUTBOX_LOW_BYTES < OUTBOX_HIGH_BYTES);
const _: () = assert!(FRAME_BYTES_DEFAULT <= OUTBOX_HIGH_BYTES, "one message fits an outbox");
const _: () = assert!(BACKPRESSURE_MS_MAX < 1_000, "some clients give up after one second");
const _: () = assert!(
    PAYLOAD_BYTES_DEFAULT + HEADERS_BYTES_MAX <= BATCH_BYTES_MAX,
    "what can be published can be appended"
);
const _: () = assert!(
    RECORD_BYTES_DEFAULT + HEADERS_BYTES_MAX + u16::MAX as usize + 32 <= BATCH_BYTES_MAX,
    "a record with every part as large as it may be fits a batch"
);
const _: () = assert!(STREAM_NAME_BYTES_MAX <= SUBJECT_BYTES_MAX, "its grammar is a subject's");
const _: () = assert!(STREAM_NAME_BYTES_MAX <= FRAME_OVERHEAD_BYTES_MAX - 128, "frames have room");
const _: () = assert!(PARTITIONS_PER_STREAM_MAX < u32::MAX, "the last number stands for none");
const _: () = assert!(BATCH_FRAME_BYTES_MAX < (1 << 31), "spans hold 31 bits");
const _: () =
    assert!(BATCH_BYTES_MAX <= PENDING_BYTES_PER_PARTITION_MAX, "one batch may be pending");
const _: () = assert!(BATCH_BYTES_MAX <= OUTBOX_HIGH_BYTES, "one batch fits an outbox");
const _: () = assert!(BATCH_BYTES_MAX <= u32::MAX as usize, "pending appends count 32 bits");
const _: () = assert!(DUPLICATES_PER_PENDING_APPEND_MAX <= DUPLICATES_PER_PARTITION_MAX);
const _: () = assert!(ATOMIC_PARTS_MAX <= u16::MAX as usize, "acks name a part in 16 bits");
const _: () = assert!(FOLLOWERS_PER_PARTITION_MAX < u32::MAX as usize, "slots have 32 bits");
