//! The broker's side of one elbus connection.
//!
//! What it does: greeting, name, frames into commands, events into frames. What it never does: it
//! decides nothing about names, subscriptions or receivers; the shard does.
//!
//! ```text
//!  Greeting --EB 01 00--> Naming --name--> Registering --Opened--> Open
//!      |                    |                   |                   |
//!      +------ a code ------+------ a code -----+---- nothing ------+----> Over
//! ```
//!
//! Answers come in the order of the commands (law S20), so what an answer belongs to travels in its
//! ticket, and nothing is kept for it but the topics that may be refused.

mod answers;
mod config;
mod deliveries;
mod fuzz;
mod machine;
mod question;
#[cfg(test)]
mod tests;
mod topics;

pub use config::ElbusConfig;
pub use fuzz::fuzz_session;
pub use machine::ElbusSession;
