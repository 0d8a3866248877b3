//! One instance of a service: who it is, what it has done, and what it answers when it is asked.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, SystemTime};

use super::definition::{EndpointSettings, Service};
use super::discovery::{Question, Verb};
use super::error::ServiceError;
use super::health::Health;
use super::identifier::{identifier, rfc_3339};
use super::report::{EndpointInfo, Identity, InfoReport, PingReport, Report, StatsReport};
use super::statistics::Statistics;

/// One instance of a service, without its connection.
///
/// Endpoints are named by their place in [`Service::endpoints`].
///
/// ```
/// use coilgun_client::service::{Endpoint, Instance, Service};
/// use std::time::{Duration, UNIX_EPOCH};
///
/// # fn main() -> Result<(), coilgun_client::service::InvalidService> {
/// let service = Service::builder("orders", "1.2.0").endpoint(Endpoint::new("new")).build()?;
/// let mut instance = Instance::new(service, 7, UNIX_EPOCH);
/// instance.on_request(0);
/// instance.on_answered(0, Duration::from_micros(3), None);
/// assert_eq!(instance.stats().endpoints[0].num_requests, 1);
/// assert!(instance.answer(b"$SRV.PING.orders").is_some());
/// assert!(instance.answer(b"$SRV.PING.invoices").is_none());
/// # Ok(())
/// # }
/// ```
pub struct Instance {
    service: Service,
    id: String,
    started: String,
    endpoints: Vec<EndpointState>,
}

#[derive(Default)]
struct EndpointState {
    statistics: Statistics,
    health: Health,
    check: Option<Box<dyn FnMut() -> Health + Send>>,
}

impl Instance {
    /// An instance that started at this moment. Its identifier follows from `seed`, which is to be
    /// random: two instances with one seed are taken for one.
    #[must_use]
    pub fn new(service: Service, seed: u128, started: SystemTime) -> Instance {
        let endpoints = service.endpoints().iter().map(|_| EndpointState::default()).collect();
        Instance { id: identifier(seed), started: rfc_3339(started), endpoints, service }
    }

    /// What it is an instance of.
    #[must_use]
    pub fn service(&self) -> &Service {
        &self.service
    }

    /// Its identifier: 22 letters and digits.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The subjects on which it is asked, without queue group: three verbs on three levels.
    #[must_use]
    pub fn discovery_subjects(&self) -> Vec<String> {
        let (name, id) = (Some(self.service.name()), Some(self.id.as_str()));
        let levels = [(None, None), (name, None), (name, id)];
        let questions = |verb| levels.map(|(name, id)| Question { verb, name, id }.subject());
        Verb::ALL.into_iter().flat_map(questions).collect()
    }

    /// The JSON that answers a question; nothing, if this subject is none, or is for another
    /// instance.
    pub fn answer(&mut self, subject: &[u8]) -> Option<Vec<u8>> {
        let question = Question::parse(subject)?;
        if !question.is_for(self.service.name(), &self.id) {
            return None;
        }
        Some(match question.verb {
            Verb::Ping => PingReport { identity: self.identity() }.to_json(),
            Verb::Info => self.info().to_json(),
            Verb::Stats => self.stats().to_json(),
        })
    }

    /// What it offers.
    #[must_use]
    pub fn info(&self) -> InfoReport {
        InfoReport {
            identity: self.identity(),
            description: self.service.description().to_owned(),
            endpoints: self.service.endpoints().iter().map(endpoint_info).collect(),
        }
    }

    /// What it has done, and how it is: health checks are called.
    pub fn stats(&mut self) -> StatsReport {
        let identity = self.identity();
        let places = self.service.endpoints().iter().zip(&mut self.endpoints);
        let endpoints = places
            .map(|(endpoint, state)| {
                let health = state.current_health();
                state.statistics.report(endpoint, health)
            })
            .collect();
        StatsReport { identity, started: self.started.clone(), endpoints }
    }

    /// An endpoint took a request in.
    ///
    /// # Panics
    /// If there is no such endpoint.
    pub fn on_request(&mut self, endpoint: usize) {
        self.endpoints[endpoint].statistics.on_request();
    }

    /// An endpoint answered a request after so much work, with this failure if it failed.
    ///
    /// # Panics
    /// If there is no such endpoint, or it has taken in no request that is unanswered.
    pub fn on_answered(&mut self, endpoint: usize, worked: Duration, error: Option<&ServiceError>) {
        self.endpoints[endpoint].statistics.on_answered(worked, error);
    }

    /// How many requests it has taken in and not answered.
    #[must_use]
    pub fn in_flight(&self) -> u64 {
        self.endpoints.iter().map(|state| state.statistics.in_flight()).sum()
    }

    /// Sets the counters of all endpoints to zero. What is being worked on is counted when it is
    /// answered; the moment of the start stays.
    pub fn reset(&mut self) {
        for state in &mut self.endpoints {
            state.statistics.reset();
        }
    }

    /// Says how an endpoint is, until something else is said. A check is forgotten.
    ///
    /// # Panics
    /// If there is no such endpoint.
    pub fn set_health(&mut self, endpoint: usize, health: Health) {
        let state = &mut self.endpoints[endpoint];
        (state.health, state.check) = (health, None);
    }

    /// Asks `check` how an endpoint is whenever somebody wants to know. It is called between
    /// requests and is to return at once; if it panics, the endpoint is failing.
    ///
    /// # Panics
    /// If there is no such endpoint.
    pub fn set_health_check(
        &mut self,
        endpoint: usize,
        check: impl FnMut() -> Health + Send + 'static,
    ) {
        self.endpoints[endpoint].check = Some(Box::new(check));
    }

    fn identity(&self) -> Identity {
        Identity {
            name: self.service.name().to_owned(),
            id: self.id.clone(),
            version: self.service.version().to_owned(),
            metadata: self.service.metadata().clone(),
        }
    }
}

impl EndpointState {
    fn current_health(&mut self) -> Health {
        let Some(check) = &mut self.check else { return self.health.clone() };
        // Whatever the check left half done is its own; nothing of ours is borrowed by it.
        catch_unwind(AssertUnwindSafe(check))
            .unwrap_or_else(|_| Health::Failing("the health check panicked".to_owned()))
    }
}

impl core::fmt::Debug for Instance {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Instance")
            .field("name", &self.service.name())
            .field("id", &self.id)
            .field("in_flight", &self.in_flight())
            .finish_non_exhaustive()
    }
}

fn endpoint_info(endpoint: &EndpointSettings) -> EndpointInfo {
    EndpointInfo {
        name: endpoint.name().to_owned(),
        subject: endpoint.subject().to_owned(),
        queue_group: endpoint.queue_group().unwrap_or_default().to_owned(),
        metadata: endpoint.metadata().clone(),
    }
}

#[cfg(test)]
mod tests;
