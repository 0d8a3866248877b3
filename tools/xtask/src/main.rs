//! Coilgun's developer tasks, run as `cargo xtask <task>`.
//!
//! What it does: runs every check a change must pass ([`mod@test`]), holds the house rules ([`tidy`]),
//! regenerates what is generated ([`golden`]) and throws mutated bytes at the decoders ([`mod@fuzz`]).
//!
//! What it never does: it is no part of the broker, nothing depends on it, and outside `target/` it
//! changes no file, except where `golden` and `fuzz` are asked to.

mod command_line;
mod failure;
mod fuzz;
mod golden;
mod process;
mod repository;
mod test;
mod tidy;

use std::process::ExitCode;

use clap::Parser;

use crate::command_line::{CommandLine, Task};
use crate::failure::Failure;

fn main() -> ExitCode {
    let result =
        if fuzz::is_wrapper() { fuzz::run_wrapper() } else { run(&CommandLine::parse().task) };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("\nxtask: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn run(task: &Task) -> Result<(), Failure> {
    let root = repository::root();
    match task {
        Task::Test(options) => test::run(&root, *options),
        Task::Tidy => tidy::run(&root),
        Task::Golden(options) => golden::run(&root, *options),
        Task::Fuzz(options) => fuzz::grow(&root, options),
        Task::FuzzSmoke(options) => fuzz::run(&root, options),
    }
}
