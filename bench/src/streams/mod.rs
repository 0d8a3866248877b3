//! What streams cost: appends and their acks, reading from the beginning, and a bare synced write beside
//! them.
//!
//! What it does: drives one broker of one shard over TCP with frames made by hand, and writes to a file of
//! its own with the same system call for every round. What it never does: it checks no record's bytes, as
//! the tests of the broker do.

pub mod appending;
pub mod idle;
pub mod published;
pub mod raw_disk;
pub mod reading;
pub mod report;
pub mod run;
pub mod sample;
