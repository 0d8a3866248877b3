//! The client against brokers that are made for a test: one that echoes, and some that misbehave.

mod fake_broker;
mod golden_service;
mod handshake;
mod messaging;
mod misbehaviour;
mod requests;
