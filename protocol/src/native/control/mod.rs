//! The frames that are sent seldom: one flatbuffers table each.
//!
//! What it does: builds each table from a plain value and reads it back after verifying it. What it
//! never does: it looks into no table before the verifier has passed it, and it decides nothing;
//! names, credentials and filters are checked where they are used.

mod error;
mod follow;
mod go_away;
mod hello;
mod stream_described;
mod stream_listed;
mod stream_requests;
mod subscribe;
mod table;
mod welcome;
mod wish;

pub use error::{ErrorFrame, fuzz_error};
pub use follow::{FollowRequest, fuzz_follow};
pub use go_away::{GoAway, fuzz_go_away};
pub use hello::{Hello, fuzz_hello};
pub(super) use stream_described::encode_described;
pub use stream_described::{StreamDescribedFrame, fuzz_stream_described};
pub(super) use stream_listed::encode_listed;
pub use stream_listed::{StreamListedFrame, fuzz_stream_listed};
pub use stream_requests::{StreamCreate, StreamList, StreamNamed, fuzz_stream_requests};
pub use subscribe::{SubscribeRequest, fuzz_subscribe};
pub use table::TableTooLong;
pub use welcome::{Welcome, fuzz_welcome};
