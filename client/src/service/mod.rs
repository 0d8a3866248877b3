//! Services: what a program offers under a name and a version, and how others find it.
//!
//! What it does: defines a service and checks it ([`Service`]), counts what one instance of it does
//! and answers questions about it ([`Instance`]), and reads what other instances answer
//! ([`PingReport`], [`InfoReport`], [`StatsReport`]). What it never does: it has no socket, no clock
//! and no random number; it takes times and seeds, and gives JSON. `ServiceRunner`, beside it, runs a service on a client.
//!
//! ```text
//!  question   $SRV.<VERB>                  every instance answers
//!             $SRV.<VERB>.<name>           every instance of the service
//!             $SRV.<VERB>.<name>.<id>      this one
//!  VERB       PING: who is there    INFO: what it offers    STATS: what it has done
//!
//!  request --> endpoint's filter, in its queue group --> handler --> reply, or reply with
//!                                                                    Nats-Service-Error
//! ```
//!
//! Subjects, headers and JSON are those of the services of NATS, as its architecture decision
//! record 32 writes them, so that the tools of either side find the services of the other.
//!
//! Invariants:
//! - a [`Service`] that exists is valid: names, version, filters and queue groups were checked;
//! - an answer has every field that the record names; `data` alone may be absent;
//! - a report is read whatever unknown fields it has, and whichever optional ones are absent or null;
//! - each request that was taken in is answered once and counted once.

mod definition;
mod discovery;
mod error;
mod health;
mod identifier;
mod instance;
mod report;
mod statistics;
mod tolerant;
mod validation;

pub use definition::{
    DEFAULT_QUEUE_GROUP, Endpoint, EndpointGroup, EndpointSettings, Service, ServiceBuilder,
};
pub use discovery::{Question, Verb};
pub use error::ServiceError;
pub use health::{Health, HealthReport};
pub use instance::Instance;
pub use report::{
    EndpointInfo, EndpointStats, Identity, InfoReport, InvalidReport, PingReport, Report,
    StatsReport,
};
pub use validation::InvalidService;
