//! Deliberate faults that prove that the tests of the log can fail.
//!
//! What it does: names faults of the disk and the log that a named test must find. What it never does:
//! without the feature `mutants`, which only this crate's own tests ask for, no fault can be switched on
//! and the questions cost nothing.

coilgun_protocol::mutants! {
    /// A write is complete and not durable.
    UnsyncedWrite,
    /// A commit group is said to be durable when it is handed to the disk.
    EarlyDurable,
    /// What was read at a start is not synced before it is handed out.
    NoResync,
    /// The directory is not synced when a manifest has taken its name.
    UnsyncedManifest,
    /// What an entry holds is not checked.
    TrustedBody,
    /// A commit group counts wherever it stands, and whoever wrote it.
    OldContent,
    /// A checkpoint is written to its slot before all of it is durable.
    EarlyCheckpoint,
    /// Only the later checkpoint keeps segments from being given back.
    EarlyRelease,
    /// A commit group begins in the last block of the one before it.
    RewrittenBlock,
    /// What cannot be read is the end of the log, whatever follows.
    NoHole,
    /// An idle journal writes no watermark.
    NoWatermark,
}
