//! What clients of several libraries have in common when a test tells them what to do.
//!
//! What it does: reads orders from standard input and writes what became of them, and what was heard,
//! to standard output. What it never does: it speaks no protocol; each program uses a library as its
//! users do.

pub mod bus;
pub mod order;
pub mod report;
