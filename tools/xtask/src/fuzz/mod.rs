//! A smoke test of the decoders: mutated bytes, the same ones for the same seed.
//!
//! What it does: runs each target over its seeds and over mutations of them, and turns a panic or a
//! hang into a small input on disk and one command that shows it again.
//!
//! What it never does: it uses no clock and no system randomness to choose its inputs, and it does
//! not replace a fuzzer that measures coverage.
//!
//! ```text
//! seeds -> mutate(seed number, target, execution) -> entry(bytes) -> panic? -> minimise -> file
//! ```

mod campaign;
mod guard;
mod minimise;
mod mutate;
mod random;
mod smoke;
mod targets;
mod watchdog;

pub(crate) use smoke::run;
