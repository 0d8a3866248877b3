//! `coilgun busrtd`: a broker with the flags, the fifo and the habits of elbus' and busrt's servers.
//!
//! What it does: turns their flags into a configuration, runs the broker in the foreground or in the
//! background, and says what is written to a fifo in the name of `.broker`. What it never does: it
//! serves no other protocol, and it leaves no file behind when it ends in good order.

mod command;
mod daemon;
mod fifo;
mod line;
mod log;
mod pid_file;
mod settings;

pub(super) use command::busrtd;
