//! What programs say and hear about streams: how one is made and described, batches on their way in,
//! records on their way out.
//!
//! What it does: values, checked where they are made. What it never does: it sends nothing and waits for
//! nothing; both clients do that through the engine.

mod batch;
mod description;
mod producing;
mod reading;
mod record;

pub use batch::{AppendOptions, Appended, Batch, Record};
pub use description::{PartitionInfo, StreamInfo, StreamOptions, StreamSummary};
pub use producing::ProducerOptions;
#[cfg(any(feature = "async", feature = "blocking"))]
pub(crate) use producing::{ProducerState, Retry};
#[cfg(any(feature = "async", feature = "blocking"))]
pub(crate) use reading::offset_of;
pub use reading::{FollowOptions, StartAt};
pub use record::StoredRecord;
pub(crate) use record::stored;
