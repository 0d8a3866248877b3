//! How a log is opened after whatever happened to it.
//!
//! What it does: gathers what is there, decides by tables what to do with it, reads the log to its end
//! with every byte checked, and closes it off with a new segment of a new epoch before anything is
//! served.
//!
//! What it never does: it appends nothing to an old segment; it removes and repairs nothing that it
//! does not understand; it hides no hole. What can no longer be proven is said.
//!
//! Invariants:
//! - what is refused is left as it was, byte for byte;
//! - what was handed to the visitor is durable before the journal is handed out (law L7);
//! - a crash during recovery leaves a log that recovers to the same.

mod closing;
mod decide;
mod found;
mod gather;
mod indexing;
mod inspection;
mod open;
mod rehearsal;
pub mod repair;
mod scan;
mod survey;
mod verify;
mod verify_entries;
mod verify_footers;
mod verify_report;
mod window;

pub use decide::{
    Decision, Found, FoundFiles, FoundManifest, FoundSlot, Refusal, Start, Unproven, decide,
    decide_unproven,
};
pub use found::{FoundLog, FoundSegment, Hole, SegmentEnd};
pub use inspection::{Inspected, Part, inspect};
pub use open::{OpenError, Options, Replay, Report, open};
pub use rehearsal::rehearse;
pub use scan::{ScanError, Visitor, scan};
pub use verify::verify;
pub use verify_report::{Counts, Problem, Progress, Verified};
