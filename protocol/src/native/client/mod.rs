//! The client's side of a native connection, without any IO.
//!
//! What it does: writes the frames a client sends ([`ClientFrame`], [`encode_frame`],
//! [`publish_prefix`], [`append_prefix`]), and reads what the broker sends ([`ServerReader`]) into values that borrow
//! from the bytes ([`ServerFrame`]). What it never does: it holds no bytes, opens no connection, and
//! remembers no subscription; the client crate does.

mod encode;
mod fuzz;
mod reader;
mod stream_frames;

pub use encode::{ClientFrame, EncodeError, PublishFrame, encode_frame, publish_prefix};
pub use fuzz::fuzz_client;
pub use reader::{Incoming, ServerFrame, ServerReader};
pub use stream_frames::{StreamFrame, StreamRequest, append_prefix};
