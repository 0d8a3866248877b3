//! Where each batch of each partition stands in a log.
//!
//! What it does: keeps one row of 24 bytes for each batch of the segments that are not sealed, and for
//! each sealed segment no more than where a partition begins in it; the rows are in its footer (law
//! L20).
//!
//! What it never does: it reads nothing and believes nothing: what it says is looked up, and checked
//! there.
//!
//! ```text
//! partition --> sealed: (segment, first offset), ...        --> footer of that segment --> rows
//!           --> open:   segment, its rows so far, ...       --> rows
//! ```

mod log_index;
mod partition_index;

pub use log_index::{LogIndex, Lookup};
pub use partition_index::{OpenSegmentRows, SealedPart};
