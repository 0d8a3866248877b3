//! `coilgun log`: looks at the logs of a broker that has ended.
//!
//! What it does: takes the lock of the data directory, reads the logs in it through `coilgun-storage`, and
//! says what it found to people and to programs.
//!
//! What it never does: it touches no log while a broker owns it, and knows nothing of the bytes itself.

mod dump;
mod dump_entry;
mod dump_line;
mod place;
mod progress;
mod repair;
mod show;
mod verify;

pub(super) use show::log;
