//! Every fuzz entry of the crate in one list, with inputs to begin from.
//!
//! What it does: names the entries that lie beside their decoders, for whatever drives them. What it never
//! does: it makes up no input at random, and touches no file.

mod seeds;
mod targets;

pub use seeds::fuzz_seeds;
pub use targets::FUZZ_TARGETS;
