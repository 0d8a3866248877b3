//! Integration tests of the broker's shards: on a simulated kernel with faults, and on the real one.

mod allocations;
mod echo_real;
mod echo_simulated;
mod incomplete_frames;
mod main_job;
mod mutants;
mod native_peer;
mod ring_real;
mod shard_held_up;
mod shard_simulated;
mod shard_soak;
mod slow_consumers;
