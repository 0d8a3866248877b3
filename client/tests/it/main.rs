//! The client against brokers that are made for a test, one that echoes and some that misbehave, and
//! against the real one.

mod fake_broker;
mod handshake;
mod messaging;
mod misbehaviour;
mod requests;
mod restarts;
mod running;
mod serving;
