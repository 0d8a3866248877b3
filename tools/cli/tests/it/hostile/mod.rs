//! Bad input against a broker that runs: peers that send nonsense, too much, too slowly or nothing
//! at all, and go in every way a peer can go.
//!
//! What it does: each test spoils one broker process in one way, and then proves three things: a
//! client that was there before and one that comes now are served, the broker holds no more
//! descriptors than before, and no more memory ([`scene::Scene`]). What it never does: it looks
//! into no broker, and waits for no time to pass where an event says more.

mod base;
mod crowds;
mod elbus;
mod frames;
mod good_clients;
mod handshake;
mod malformed;
mod oversized;
mod peer;
mod refusals;
mod scene;
mod silence;
mod slow_readers;
mod termination;
mod truncated;
