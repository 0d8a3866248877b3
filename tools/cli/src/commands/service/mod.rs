//! `coilgun service`: finds services, and shows what they offer and do.
//!
//! What it does: asks a question of discovery, gathers the answers of all instances, and shows them
//! as a table to people, as lines with tabs to programs, or as JSON. What it never does: it trusts no
//! answer; what cannot be read is named and left out, and no answer moves the cursor of a terminal.
//!
//! Invariants:
//! - an instance is shown once, and instances are in the order of name and identifier;
//! - what is kept of answers is bounded, in time and in bytes.

mod gather;
mod show;

pub(super) use show::service;
