//! Deliberate faults that prove that the tests of the log can fail.
//!
//! What it does: names faults of the disk and the log that a named test must find. What it never does:
//! without the feature `mutants`, which only this crate's own tests ask for, no fault can be switched on
//! and the questions cost nothing.

coilgun_protocol::mutants! {
    /// A write is complete and not durable.
    UnsyncedWrite,
}
