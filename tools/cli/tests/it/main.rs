//! The binary as people run it: its help, its arguments, its configuration, and brokers and clients
//! that talk to each other as processes.
//!
//! `COILGUN_UPDATE_GOLDEN=1 cargo test -p coilgun --test it golden` writes `tests/golden` anew, to be
//! read in review; without it the files are compared.

mod arguments;
mod bad_disks;
mod board;
mod busrtd;
mod configuration;
mod crash_rounds;
mod elbus_peer;
mod errors;
mod golden_help;
mod hostile;
mod load;
mod logs;
mod power_cuts;
mod process;
mod publish_subscribe;
mod queue_group;
mod request_reply;
mod serve;
mod service;
mod startup;
mod stream;
#[path = "../../../../broker/server/tests/it/stream_peer.rs"]
mod stream_peer;
mod tour;
mod users;
