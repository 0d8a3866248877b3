//! What makes a service none, and the rules that names follow.

use coilgun_protocol::model::InvalidFilter;
use coilgun_protocol::model::limits::QUEUE_GROUP_BYTES_MAX;

/// Most endpoints of one service. Each is a subscription, and all of them fit into one answer.
pub(super) const ENDPOINTS_MAX: usize = 1_000;

/// Why a service is none.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum InvalidService {
    /// The name of the service or of an endpoint.
    #[error("the name {0:?} is not one or more of A-Z, a-z, 0-9, - and _")]
    Name(String),
    /// The version.
    #[error("the version {text:?} is not one of Semantic Versioning 2, such as 1.2.0: {reason}")]
    Version {
        /// What was given.
        text: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The subject of an endpoint, with the prefixes of its endpoint groups before it.
    #[error("the endpoint {endpoint} cannot serve {subject:?}: {reason}")]
    Subject {
        /// Name of the endpoint.
        endpoint: String,
        /// What it was to serve.
        subject: String,
        /// What is wrong with it.
        reason: InvalidFilter,
    },
    /// The subject of an endpoint is one of discovery.
    #[error("the endpoint {endpoint} cannot serve {subject:?}: $SRV is for discovery")]
    DiscoverySubject {
        /// Name of the endpoint.
        endpoint: String,
        /// What it was to serve.
        subject: String,
    },
    /// The prefix of an endpoint group has a wildcard that takes all that follows.
    #[error("the endpoint group {0:?} has the wildcard >, behind which nothing can stand")]
    Prefix(String),
    /// A queue group.
    #[error("the queue group {0:?} is empty, has white space, or is longer than 256 bytes")]
    QueueGroup(String),
    /// Too many endpoints.
    #[error("a service has at most {ENDPOINTS_MAX} endpoints, and this one has {0}")]
    TooManyEndpoints(usize),
}

/// Checks the name of a service or of an endpoint.
pub(super) fn check_name(name: &str) -> Result<(), InvalidService> {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if name.is_empty() || !name.bytes().all(is_allowed) {
        return Err(InvalidService::Name(name.to_owned()));
    }
    Ok(())
}

/// Checks the name of a queue group.
pub(super) fn check_queue_group(name: String) -> Result<String, InvalidService> {
    let has_space = name.bytes().any(|byte| byte.is_ascii_whitespace());
    if name.is_empty() || has_space || name.len() > QUEUE_GROUP_BYTES_MAX {
        return Err(InvalidService::QueueGroup(name));
    }
    Ok(name)
}
