//! Every fuzz entry of the crate in one list, with inputs to begin from.
//!
//! What it does: names the entries that lie beside their decoders, for whatever drives them. What
//! it never does: it makes up no input at random; who drives does.

mod corpus;
mod seeds;
mod session;
mod stream_seeds;
mod targets;

pub use corpus::{read_corpus, write_corpus};
pub use seeds::fuzz_seeds;
pub(crate) use session::check_session;
pub use targets::FUZZ_TARGETS;
