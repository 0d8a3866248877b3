//! Partitions and journals together on simulated disks, against a model of what a stream promises.
//!
//! What it does: runs a process of one or two journals with several partitions each, held together by what
//! the server holds them together with ([`coilgun_server::streams`]), and clients that produce,
//! repeat themselves, begin anew and follow, and ends all of it at any operation of a disk, as if the
//! process had been killed or the power had failed; starts it again, and holds every answer, everything
//! that followers read and everything that stands on the disks against the model. What it never does: it
//! touches no real disk and reads no clock; the same seed does the same.
//!
//! ```text
//!  seed -> lives: open --> producers, followers, checkpoints, trims, a full disk --> crash at operation n
//!                   |           | answers, reads                                       or poison, or close
//!                   v           v
//!            what came back   model: what was sent, what was said of it, what is certain
//! ```

mod acting;
mod atomic_producer;
mod batch;
mod book;
mod follower;
mod following;
mod lives;
mod model;
mod plain_producer;
mod process;
mod producer;
mod producing;
mod run;
mod simulation;
mod tally;

pub use run::{StreamOptions, StreamRun, run_streams, run_streams_at_every_crash};
pub use tally::StreamTally;
