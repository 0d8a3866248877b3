//! The load: connections, the lanes over them, and when messages leave.
//!
//! What it does: sends numbered messages over nonblocking sockets from one thread, checks what
//! arrives, and takes the time ([`driver::Driver`] over [`load::Load`]). What it never does: it
//! starts no server and writes no report.

pub mod connection;
pub mod driver;
pub mod echo_load;
pub mod elbus_load;
pub mod lane;
pub mod load;
pub mod message;
pub mod native_load;
pub mod placed;
pub mod poller;
pub mod stalled_reader;
pub mod window;
