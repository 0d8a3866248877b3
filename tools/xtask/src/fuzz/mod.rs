//! Finds inputs on which a decoder panics or hangs.
//!
//! What it does: `fuzz-smoke` runs each target over its seeds, over the corpus that is kept, and over
//! mutations of both, and turns a panic or a hang into a small input on disk and one command that
//! shows it again. `fuzz` grows the corpus: it builds the decoders with counters, and keeps what
//! reaches a new place in them.
//!
//! What it never does: no clock and no system randomness choose an input, and the mass of executions
//! is not slowed down by counters.
//!
//! ```text
//! seeds, corpus -> mutate(seed number, target, execution) -> entry(bytes) -> panic? -> minimise -> file
//!          ^                                                     |
//!          +------- reduce <------- reaches something new? <-----+   only with counters
//! ```

mod campaign;
mod corpus;
mod coverage;
mod grow;
mod growing;
mod guard;
mod instrumented;
mod minimise;
mod mutate;
mod random;
mod smoke;
mod targets;
mod watchdog;

pub(crate) use growing::run as grow;
pub(crate) use instrumented::{is_wrapper, run_wrapper};
pub(crate) use smoke::run;
