//! Coilgun beside the server of busrt, for clients of that protocol.
//!
//! What it does: starts both servers with the same flags, each on a UNIX socket of its own ([`server`]),
//! has the benchmark of busrt's own command line run against them ([`benchmark`]), drives a fan-out over
//! bare sockets at half of what busrtd can do ([`fan_out`]), alternating round after round ([`run`]), and
//! writes down what was found ([`report`]). What it never does: it changes nothing of their programs, and
//! counts no stage that was not completed.

pub mod arguments;
pub mod benchmark;
pub mod fan_out;
pub mod report;
pub mod run;
pub mod server;
