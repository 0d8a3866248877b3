//! What an instance answers, as values and as JSON.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::discovery::Verb;
use super::health::HealthReport;
use super::tolerant::{nanoseconds, or_default};

/// Who answers.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Identity {
    /// Name of the service.
    pub name: String,
    /// Which instance of it.
    pub id: String,
    /// Its version, in Semantic Versioning; what others write is not checked.
    pub version: String,
    /// What it says about itself to programs.
    #[serde(default, deserialize_with = "or_default")]
    pub metadata: BTreeMap<String, String>,
}

/// The answer to PING.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct PingReport {
    /// Who answers.
    #[serde(flatten)]
    pub identity: Identity,
}

/// The answer to INFO.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct InfoReport {
    /// Who answers.
    #[serde(flatten)]
    pub identity: Identity,
    /// What the service says about itself to people; may be empty.
    #[serde(default, deserialize_with = "or_default")]
    pub description: String,
    /// What it serves.
    #[serde(default, deserialize_with = "or_default")]
    pub endpoints: Vec<EndpointInfo>,
}

/// An endpoint in an [`InfoReport`].
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct EndpointInfo {
    /// Its name.
    pub name: String,
    /// The filter it serves.
    pub subject: String,
    /// Its queue group; empty: none.
    #[serde(default, deserialize_with = "or_default")]
    pub queue_group: String,
    /// What it says about itself to programs.
    #[serde(default, deserialize_with = "or_default")]
    pub metadata: BTreeMap<String, String>,
}

/// The answer to STATS.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct StatsReport {
    /// Who answers.
    #[serde(flatten)]
    pub identity: Identity,
    /// When it started, as RFC 3339 writes it; what others write is not checked.
    #[serde(default, deserialize_with = "or_default")]
    pub started: String,
    /// What each endpoint has done.
    #[serde(default, deserialize_with = "or_default")]
    pub endpoints: Vec<EndpointStats>,
}

/// An endpoint in a [`StatsReport`].
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct EndpointStats {
    /// Its name.
    pub name: String,
    /// The filter it serves.
    pub subject: String,
    /// Its queue group; empty: none.
    #[serde(default, deserialize_with = "or_default")]
    pub queue_group: String,
    /// How many requests it has answered, failures included.
    #[serde(default, deserialize_with = "or_default")]
    pub num_requests: u64,
    /// How many of them failed.
    #[serde(default, deserialize_with = "or_default")]
    pub num_errors: u64,
    /// The last failure, as `code:text`; empty: there was none.
    #[serde(default, deserialize_with = "or_default")]
    pub last_error: String,
    /// How long its handler worked, in nanoseconds.
    #[serde(default, deserialize_with = "nanoseconds")]
    pub processing_time: u64,
    /// The same for each request, rounded down; 0: there was none.
    #[serde(default, deserialize_with = "nanoseconds")]
    pub average_processing_time: u64,
    /// Whatever else it says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<Value>,
}

impl EndpointStats {
    /// Its health, if it says it as our endpoints do.
    #[must_use]
    pub fn health(&self) -> Option<HealthReport> {
        self.data.as_ref().and_then(|data| HealthReport::deserialize(data).ok())
    }
}

/// Why an answer is no report.
#[derive(Debug, thiserror::Error)]
pub enum InvalidReport {
    /// It is no JSON, or a field is missing or of another kind.
    #[error("it is no answer to {verb}: {reason}", verb = .verb.token())]
    Fields {
        /// What was asked.
        verb: Verb,
        /// What is wrong.
        reason: serde_json::Error,
    },
    /// It is the answer to something else.
    #[error("it is a {found:?} and no {wanted:?}")]
    Type {
        /// The type it says.
        found: String,
        /// The type of the answers to what was asked.
        wanted: &'static str,
    },
    /// It does not say who answers.
    #[error("it has an empty name or an empty id")]
    Nobody,
}

/// An answer to one of the three questions.
///
/// ```
/// use coilgun_client::service::{PingReport, Report};
///
/// let json = br#"{"type":"io.nats.micro.v1.ping_response",
///     "name":"orders","id":"7","version":"1.2.0","metadata":null,"and":"more"}"#;
/// let report = PingReport::from_json(json).expect("a report");
/// assert_eq!(report.identity().name, "orders");
/// assert!(report.identity().metadata.is_empty());
/// ```
pub trait Report: Serialize + DeserializeOwned {
    /// What it answers.
    const VERB: Verb;

    /// Who answers.
    fn identity(&self) -> &Identity;

    /// It as JSON, with its type.
    fn to_json(&self) -> Vec<u8> {
        let typed = Typed { kind: Self::VERB.response_type(), report: self };
        serde_json::to_vec(&typed).expect("texts, numbers and maps with texts as keys are JSON")
    }

    /// Reads it. Fields that are not known are left out; what an older version does not write is
    /// empty.
    ///
    /// # Errors
    /// If it is no JSON, is of another type, lacks a field it cannot be without, or names nobody.
    fn from_json(json: &[u8]) -> Result<Self, InvalidReport> {
        let fields = |reason| InvalidReport::Fields { verb: Self::VERB, reason };
        let Kind { kind } = serde_json::from_slice(json).map_err(fields)?;
        let wanted = Self::VERB.response_type();
        if kind != wanted {
            return Err(InvalidReport::Type { found: kind, wanted });
        }
        let report: Self = serde_json::from_slice(json).map_err(fields)?;
        if report.identity().name.is_empty() || report.identity().id.is_empty() {
            return Err(InvalidReport::Nobody);
        }
        Ok(report)
    }
}

impl Report for PingReport {
    const VERB: Verb = Verb::Ping;

    fn identity(&self) -> &Identity {
        &self.identity
    }
}

impl Report for InfoReport {
    const VERB: Verb = Verb::Info;

    fn identity(&self) -> &Identity {
        &self.identity
    }
}

impl Report for StatsReport {
    const VERB: Verb = Verb::Stats;

    fn identity(&self) -> &Identity {
        &self.identity
    }
}

#[derive(Serialize)]
struct Typed<'a, R> {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(flatten)]
    report: &'a R,
}

#[derive(Deserialize)]
struct Kind {
    #[serde(rename = "type")]
    kind: String,
}

#[cfg(test)]
mod tests;
