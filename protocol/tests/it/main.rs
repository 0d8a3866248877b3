//! Tests of the crate from outside: golden bytes, conversations, and the session's promises.
//!
//! `COILGUN_UPDATE_GOLDEN=1 cargo test -p coilgun-protocol --test it golden` writes the files under
//! `tests/golden` and `tests/transcript` anew, to be read in review; without it they are compared.

mod allocations;
mod corpus;
mod delivery;
mod elbus_vectors;
mod files;
mod golden;
mod golden_frames;
mod golden_stream_frames;
mod golden_tables;
mod harness;
mod limits;
mod server_text;
mod straddling;
mod transcript;
mod wire_document;
