//! The house rules, kept by checks.
//!
//! What it does: reads the files of the repository and what Cargo knows about its packages, and
//! returns every place that breaks a rule. The test of this crate runs the same checks.
//!
//! What it never does: it changes nothing, builds nothing, and asks no network.

mod adr;
mod banned;
mod book;
mod check;
mod crate_edges;
mod dependencies;
mod file_length;
mod finding;
mod function_length;
mod law_tests;
mod links;
mod module_heads;
mod named_crates;
mod packages;
mod ratchet;
mod rust_tokens;

pub(crate) use check::run;
