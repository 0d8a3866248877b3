//! The native protocol: frames with a fixed header, flatbuffers heads, and bodies that are copied
//! through the broker unread.
//!
//! What it does: turns bytes into frames ([`next_frame`]), frames into commands on the broker's
//! side ([`NativeSession`]), and frames into values on the client's side ([`ServerReader`],
//! [`ClientFrame`]). docs/WIRE.md describes the same bytes for people who write another client.
//!
//! What it never does: it opens no socket, reads no clock, checks no subject (the router does that
//! once for each subject it does not know yet) and knows no user.
//!
//! ```text
//! preface   "COIL" | version_min u16 | version_max u16          once, in each direction
//! frame     length u32 | op u8 | flags u8 | head_len u16        header, 8 bytes, little-endian
//!           head                                                struct or verified table
//!           body                                                subject, reply, headers, payload;
//!                                                               or stream and records
//! ```
//!
//! Invariants:
//! - a length is compared with its limit before anything waits for that many bytes (law S7);
//! - what [`next_frame`] calls complete has a known operation, allowed flags and a head of the
//!   operation's size, so that no later read can fail for lack of bytes;
//! - bodies of PUBLISH and DELIVER share their layout from the subject on, so that a native
//!   delivery of a native message is one header and one copy (law S10);
//! - nothing a peer sends panics; every refusal names the operation and the field.

mod append;
mod client;
mod control;
mod error;
mod features;
mod follow;
mod framer;
mod header;
mod hot;
mod operation;
mod preface;
mod record;
#[rustfmt::skip]
#[allow(
    clippy::all,
    clippy::undocumented_unsafe_blocks,
    clippy::unwrap_used,
    clippy::allow_attributes_without_reason,
    unsafe_op_in_unsafe_fn,
    unreachable_pub,
    missing_docs,
    dead_code,
    reason = "the schema compiler writes this file"
)]
mod schema_generated;
mod session;

pub use append::{APPEND_PREFIX_BYTES, AppendFrame, AppendedFrame};
pub use client::{
    ClientFrame, EncodeError, Incoming, PublishFrame, ServerFrame, ServerReader, StreamFrame,
    StreamRequest, append_prefix, encode_frame, fuzz_client, publish_prefix,
};
pub use control::{
    ErrorFrame, FollowRequest, GoAway, Hello, StreamCreate, StreamDescribedFrame, StreamList,
    StreamListedFrame, StreamNamed, SubscribeRequest, TableTooLong, Welcome, fuzz_error,
    fuzz_follow, fuzz_go_away, fuzz_hello, fuzz_stream_described, fuzz_stream_listed,
    fuzz_stream_requests, fuzz_subscribe, fuzz_welcome,
};
pub use error::DecodeError;
pub use features::Features;
pub use follow::{FollowEndedFrame, RecordsFrame, UnreadableBatch};
pub use framer::{Frame, FrameRules, Framing, fuzz_framer, next_frame};
pub use header::{FrameHeader, HEADER_BYTES};
pub use hot::{DeliverFrame, NoticeFrame, OutcomeFrame, PUBLISH_PREFIX_BYTES};
pub use operation::{HeadKind, Operation, Peer};
pub use preface::{PREFACE_BYTES, Preface, VERSION_MAX, VERSION_MIN, fuzz_preface};
pub use record::{
    InvalidRecords, RECORD_HEAD_BYTES, Record, RecordFault, RecordLimits, RecordTooLarge, Records,
    append_record, body_crc, fuzz_records, key_hash, partition_of,
};
pub use session::{NativeConfig, NativeSession, fuzz_session};
