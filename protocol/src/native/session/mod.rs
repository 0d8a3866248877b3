//! The broker's side of a native connection.
//!
//! What it does: turns the client's bytes into commands and events into the broker's bytes, answers
//! the handshake, and asks a silent client for a sign of life. What it never does: it carries out no
//! command, and it closes nothing: it asks for the end with `Command::Close` or a `SessionError`.
//!
//! ```text
//!  AwaitPreface --preface--> AwaitHello --HELLO--> Opening --Opened--> Open
//!       |                        |                    |                 |
//!       | error, timeout         +--------------------+-----------------+  GOODBYE, error, timeout
//!       v                                             v
//!     Ended <-------------Closing event------------ Leaving
//! ```
//!
//! - Leaving: what the client sends is thrown away, what it is owed is still written.
//! - Ended: nothing more is written. Without a shared preface no frame is ever written, not even
//!   an ERROR, because the other side could not read it.
//!
//! The one who drives the session raises `Event::Closing` after it got a `SessionError` or carried
//! out a `Command::Close`, and again for its own reasons; the session then writes the last frame.
//!
//! Budget of one message of 64 bytes on one core: 20 ns from PUBLISH to its command, without a copy;
//! 25 ns from its event to DELIVER, with one copy; no allocation in either.

mod config;
mod encode;
mod fuzz;
mod idle;
mod machine;
mod parse;
mod state;
mod streams;

pub use config::NativeConfig;
pub use fuzz::fuzz_session;
pub use machine::NativeSession;
