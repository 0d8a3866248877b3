//! Runs the schema compiler of flatbuffers, built from source.
//!
//! What it does: passes its arguments on to `flatc` and its exit status back. What it never does:
//! it uses no `flatc` that happens to be installed, because another version writes other code.
//!
//! Building it takes cmake and a C++ compiler.

use std::process::{Command, ExitCode};

fn main() -> ExitCode {
    let compiler = flatc_fork::flatc();
    match Command::new(compiler).args(std::env::args_os().skip(1)).status() {
        Ok(status) => {
            // A compiler that was killed by a signal has no code of its own.
            let code = status.code().and_then(|code| u8::try_from(code).ok());
            ExitCode::from(code.unwrap_or(1))
        }
        Err(error) => {
            eprintln!("flatc: {} does not start: {error}", compiler.display());
            ExitCode::FAILURE
        }
    }
}
