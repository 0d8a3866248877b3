//! What the clients cost a program.
//!
//! What it does: publishes and asks through every client and through a socket without one
//! ([`publishing`], [`round_trip`]), and does the same to a broker inside this process, over TCP and
//! over memory ([`embedded`]); all of them take turns, round after round ([`run`]), and what they
//! measured is written down ([`report`]). What it never does: it hides no round, and compares nothing
//! that was not measured in the same round.

pub mod embedded;
pub mod publishing;
pub mod raw;
pub mod report;
pub mod round_trip;
pub mod run;
pub mod sample;
