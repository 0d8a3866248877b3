//! The binary `coilgun`: the broker, and every verb of a client.
//!
//! What it does: reads arguments, environment, files and standard input, calls the broker
//! (`coilgun-server`) or the client (`coilgun-client`), and writes results to standard output and
//! everything else to standard error. What it never does: it speaks no protocol itself and decides
//! nothing about messages.

mod arguments;
mod commands;
mod configuration;
mod failure;
mod input;
mod known_keys;
mod output;
mod process_limits;
mod refusal;
mod signals;
mod size;

fn main() -> std::process::ExitCode {
    commands::run(std::env::args_os())
}
