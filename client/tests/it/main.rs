//! The clients against brokers: real ones, one that is made for tests and echoes, and some that misbehave.

mod asynchronous;
mod elbus;
mod elbus_faults;
mod elbus_rpc;
mod examples;
mod fake_broker;
mod golden_service;
mod handshake;
mod in_process;
mod messaging;
mod misbehaviour;
mod real_broker;
mod reconnecting;
mod requests;
mod restarts;
mod running;
mod runtime;
mod services;
mod serving;
mod streams;
