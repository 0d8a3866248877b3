//! Seeds that must pass, faults that must be found, and runs that must be the same.

mod determinism;
mod log;
mod log_rot;
mod mutants;
mod seeds;
mod streams;
