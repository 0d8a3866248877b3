//! What an operator can set, with its defaults.
//!
//! What it does: holds every setting of a broker, checks what types cannot, and says where to listen
//! and how. Every key has a default, so an empty configuration is a working one: loopback only, data
//! in `./coilgun-data`. Unknown keys are errors. What it never does: it reads no environment and
//! no command line, and no file but those with hashes of passwords, when it is asked for the users.

mod configuration;
mod elbus;
mod elbus_client;
mod listener;
mod log;
mod policy;
mod user;

pub use configuration::{Config, ConfigError, Limits, Timing};
pub use elbus::Elbus;
pub use elbus_client::ElbusClientConfig;
pub use listener::{ListenerConfig, Listening, Protocol};
pub use log::LogConfig;
pub use user::{Guests, RulesConfig, UserConfig};
