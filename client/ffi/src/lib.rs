//! The blocking client for C, and for every language that calls C.
//!
//! What it does: carries each call of [`coilgun_client::blocking::Client`] over a stable boundary of
//! numbers, pointers and lengths, which `include/coilgun.h` describes. What it never does: it lets no
//! panic and no error cross the boundary except as a number, keeps no pointer that it was given
//! beyond the call, starts no thread and calls nobody back.
//!
//! ```text
//!   C             |  boundary                                         |  Rust
//!   coilgun_x() --|--> guard --> caller --> handle --> work ----------|--> blocking::Client
//!                 |    panics    pointers   one call at a time        |
//!   code       <--|--- failure remembered for this thread <-----------|--- ClientError
//! ```
//!
//! Invariants:
//! - every exported function runs inside of [`guard`], and every exported name begins with `coilgun_`;
//! - a pointer is looked at through [`caller::Caller`] only, which refuses NULL and what is misaligned;
//! - what a handle holds is reached through [`handle::Handle`] only, which refuses a second call while
//!   one is under way, and every call after one that panicked;
//! - a number of [`Code`] means the same for ever, and a struct that C fills in says its size.

#![expect(
    clippy::missing_safety_doc,
    reason = "what a caller promises is the same for every function, and stands in the header's preamble"
)]

mod bytes;
mod caller;
mod client;
mod code;
mod failure;
mod guard;
mod handle;
mod last_error;
mod message;
mod message_headers;
mod options;
mod publication;
mod publishing;
mod subscribing;
mod version;

pub use bytes::{Bytes, HeaderParts};
pub use client::{
    ClientHandle, coilgun_client_free, coilgun_close, coilgun_connect, coilgun_drain,
    coilgun_flush, coilgun_is_connected, coilgun_is_going_away, coilgun_keep_alive,
    coilgun_next_message, coilgun_payload_bytes_max, coilgun_queued_count, coilgun_write_out,
};
pub use code::Code;
pub use last_error::{
    coilgun_last_error_broker_code, coilgun_last_error_code, coilgun_last_error_help,
    coilgun_last_error_is_fatal, coilgun_last_error_is_retryable, coilgun_last_error_message,
    coilgun_last_error_name,
};
pub use message::{
    MessageHandle, coilgun_message_correlation, coilgun_message_deadline_ms, coilgun_message_free,
    coilgun_message_has_more, coilgun_message_is_request, coilgun_message_missed,
    coilgun_message_payload, coilgun_message_reply, coilgun_message_sender,
    coilgun_message_subject, coilgun_message_subscription,
};
pub use message_headers::{
    coilgun_message_header, coilgun_message_header_at, coilgun_message_header_count,
};
pub use options::{
    OptionsHandle, coilgun_options_free, coilgun_options_new, coilgun_options_set_connect_timeout,
    coilgun_options_set_credentials, coilgun_options_set_name, coilgun_options_set_namespace,
    coilgun_options_set_no_echo, coilgun_options_set_once_per_message, coilgun_options_set_queue,
    coilgun_options_set_reconnect, coilgun_options_set_slow_consumer, coilgun_options_set_timeout,
};
pub use publication::{PublicationParts, TargetKind};
pub use publishing::{coilgun_publish, coilgun_publish_acked, coilgun_reply, coilgun_request};
pub use subscribing::{
    SubscribeParts, coilgun_add_credit, coilgun_subscribe, coilgun_unsubscribe,
    coilgun_unsubscribe_after,
};
pub use version::{ABI_VERSION, coilgun_abi_version, coilgun_version};
