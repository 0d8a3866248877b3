//! The frames that are sent seldom: one flatbuffers table each.
//!
//! What it does: builds each table from a plain value and reads it back after verifying it. What it
//! never does: it looks into no table before the verifier has passed it, and it decides nothing;
//! names, credentials and filters are checked where they are used.

mod error;
mod go_away;
mod hello;
mod subscribe;
mod table;
mod welcome;
mod wish;

pub use error::{ErrorFrame, fuzz_error};
pub use go_away::{GoAway, fuzz_go_away};
pub use hello::{Hello, fuzz_hello};
pub use subscribe::{SubscribeRequest, fuzz_subscribe};
pub use table::TableTooLong;
pub use welcome::{Welcome, fuzz_welcome};
