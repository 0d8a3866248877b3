//! A listener that is set up apart from the others.

use std::path::PathBuf;

use coilgun_protocol::model::SlowConsumerPolicy;
use serde::{Deserialize, Serialize};

use super::policy;
use crate::net::ListenAddress;

/// A listener with settings of its own.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListenerConfig {
    /// A TCP address, or `unix:` and a path.
    pub address: String,
    /// What happens to messages for its clients that do not read fast enough; absent: as elsewhere.
    #[serde(default, with = "policy::optional", skip_serializing_if = "Option::is_none")]
    pub slow_consumer: Option<SlowConsumerPolicy>,
    /// How long publishers wait for its clients, in milliseconds; absent: as elsewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backpressure_ms: Option<u64>,
}

impl ListenerConfig {
    /// Its address, if it is one.
    pub(super) fn parsed_address(&self) -> Option<ListenAddress> {
        match self.address.strip_prefix("unix:") {
            Some("") => None,
            Some(path) => Some(ListenAddress::Unix(PathBuf::from(path))),
            None => self.address.parse().ok().map(ListenAddress::Tcp),
        }
    }
}
