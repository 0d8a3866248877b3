//! What one endpoint has done.

use std::time::Duration;

use super::definition::EndpointSettings;
use super::error::ServiceError;
use super::health::{Health, HealthReport};
use super::report::EndpointStats;

/// The counters of one endpoint. They stop at the largest number instead of beginning anew.
#[derive(Clone, Debug, Default)]
pub(super) struct Statistics {
    requests: u64,
    errors: u64,
    last_error: String,
    processing_ns: u64,
    in_flight: u64,
}

impl Statistics {
    /// A request was taken in.
    pub(super) fn on_request(&mut self) {
        self.in_flight = self.in_flight.saturating_add(1);
    }

    /// A request was answered, after so much work.
    pub(super) fn on_answered(&mut self, worked: Duration, error: Option<&ServiceError>) {
        assert!(self.in_flight > 0, "a request is taken in before it is answered");
        self.in_flight -= 1;
        self.requests = self.requests.saturating_add(1);
        let worked_ns = u64::try_from(worked.as_nanos()).unwrap_or(u64::MAX);
        self.processing_ns = self.processing_ns.saturating_add(worked_ns);
        if let Some(error) = error {
            self.errors = self.errors.saturating_add(1);
            self.last_error = error.to_string();
        }
    }

    /// Forgets what was; what is being worked on goes on, and is counted when it is answered.
    pub(super) fn reset(&mut self) {
        *self = Statistics { in_flight: self.in_flight, ..Statistics::default() };
    }

    /// How many requests were taken in and not answered.
    pub(super) fn in_flight(&self) -> u64 {
        self.in_flight
    }

    /// What is told about it.
    pub(super) fn report(&self, endpoint: &EndpointSettings, health: Health) -> EndpointStats {
        let data = HealthReport { health, in_flight: self.in_flight };
        EndpointStats {
            name: endpoint.name().to_owned(),
            subject: endpoint.subject().to_owned(),
            queue_group: endpoint.queue_group().unwrap_or_default().to_owned(),
            num_requests: self.requests,
            num_errors: self.errors,
            last_error: self.last_error.clone(),
            processing_time: self.processing_ns,
            average_processing_time: self.processing_ns.checked_div(self.requests).unwrap_or(0),
            data: Some(serde_json::to_value(data).expect("words and a number are JSON")),
        }
    }
}
