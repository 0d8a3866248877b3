//! Integration tests of the broker's shards: on a simulated kernel with faults, and on the real one.

mod allocations;
mod allocations_elbus;
mod cluster;
mod courier;
mod deadlines;
mod echo_real;
mod echo_simulated;
mod elbus_access;
mod elbus_broker;
mod elbus_doors;
mod elbus_peer;
mod embedded;
mod identity_real;
mod identity_simulated;
mod incomplete_frames;
mod lanes_real;
mod lanes_simulated;
mod links_elbus;
mod links_real;
mod links_shard;
mod links_simulated;
mod main_job;
mod mesh_bounds;
mod mesh_pressure;
mod mesh_races;
mod mesh_simulated;
mod mutants;
mod native_peer;
mod placement_simulated;
mod ring_real;
mod rounds_across;
mod shard_held_up;
mod shard_simulated;
mod shard_soak;
mod slow_consumers;
mod slow_together;
mod stream_answers;
mod stream_peer;
mod streams_real;
mod streams_simulated;
mod unpark;
mod wake_up_model;
mod websocket;

// Where a file of the crate that is compiled a second time here finds its mutants.
use coilgun_server::mutant;
