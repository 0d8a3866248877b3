//! What a service is: its name, its version and its endpoints.

use std::collections::BTreeMap;

use coilgun_protocol::model::Filter;

use super::discovery::PREFIX;
use super::validation::{ENDPOINTS_MAX, InvalidService, check_name, check_queue_group};

/// The queue group of an endpoint that names none and may have one.
pub const DEFAULT_QUEUE_GROUP: &str = "q";

/// A service that was checked: a name, a version, and what it serves.
///
/// ```
/// use coilgun_client::service::{Endpoint, EndpointGroup, Service};
///
/// # fn main() -> Result<(), coilgun_client::service::InvalidService> {
/// let service = Service::builder("orders", "1.2.0")
///     .description("Takes orders")
///     .endpoint(Endpoint::new("status"))
///     .group(EndpointGroup::new("orders").endpoint(Endpoint::new("new")))
///     .build()?;
/// assert_eq!(service.endpoints()[1].subject(), "orders.new");
/// assert_eq!(service.endpoints()[1].queue_group(), Some("q"));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Service {
    name: String,
    version: String,
    description: String,
    metadata: BTreeMap<String, String>,
    endpoints: Vec<EndpointSettings>,
}

/// A service that is being put together.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ServiceBuilder {
    service: Service,
    root: EndpointGroup,
}

/// An endpoint that is being put together: something a service answers requests to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Endpoint {
    name: String,
    subject: String,
    queue_group: Sharing,
    metadata: BTreeMap<String, String>,
}

/// Endpoints whose subjects begin alike.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EndpointGroup {
    prefix: String,
    queue_group: Sharing,
    /// Those of the endpoint groups inside it as well, with the prefixes of these before their subjects.
    endpoints: Vec<Endpoint>,
}

/// An endpoint of a [`Service`], as it is served.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EndpointSettings {
    name: String,
    subject: String,
    queue_group: Option<String>,
    metadata: BTreeMap<String, String>,
}

/// How the instances of a service share the requests to an endpoint.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Sharing {
    /// As whatever it stands in says.
    Inherited,
    /// Each request goes to one member of this queue group.
    Queue(String),
    /// Each request goes to every instance.
    Everybody,
}

impl Service {
    /// Begins a service of this name and version. The name is one or more of `A-Z a-z 0-9 - _`, and
    /// is shared by all its instances; the version follows Semantic Versioning 2.
    #[must_use]
    pub fn builder(name: impl Into<String>, version: impl Into<String>) -> ServiceBuilder {
        let service = Service {
            name: name.into(),
            version: version.into(),
            description: String::new(),
            metadata: BTreeMap::new(),
            endpoints: Vec::new(),
        };
        let queue_group = Sharing::Queue(DEFAULT_QUEUE_GROUP.to_owned());
        ServiceBuilder { service, root: EndpointGroup { queue_group, ..EndpointGroup::new("") } }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its version.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// What it says about itself to people; may be empty.
    #[must_use]
    pub fn description(&self) -> &str {
        &self.description
    }

    /// What it says about itself to programs.
    #[must_use]
    pub fn metadata(&self) -> &BTreeMap<String, String> {
        &self.metadata
    }

    /// Its endpoints, in the order in which they were added.
    #[must_use]
    pub fn endpoints(&self) -> &[EndpointSettings] {
        &self.endpoints
    }
}

impl ServiceBuilder {
    /// The same with this description for people.
    #[must_use]
    pub fn description(mut self, text: impl Into<String>) -> ServiceBuilder {
        self.service.description = text.into();
        self
    }

    /// The same with this entry for programs.
    #[must_use]
    pub fn metadata(mut self, key: impl Into<String>, value: impl Into<String>) -> ServiceBuilder {
        self.service.metadata.insert(key.into(), value.into());
        self
    }

    /// The same with this queue group where neither endpoint nor endpoint group names another.
    #[must_use]
    pub fn queue_group(mut self, name: impl Into<String>) -> ServiceBuilder {
        self.root = self.root.queue_group(name);
        self
    }

    /// The same with requests that go to every instance where neither endpoint nor endpoint group
    /// says otherwise.
    #[must_use]
    pub fn without_queue_group(mut self) -> ServiceBuilder {
        self.root = self.root.without_queue_group();
        self
    }

    /// The same with one endpoint more.
    #[must_use]
    pub fn endpoint(mut self, endpoint: Endpoint) -> ServiceBuilder {
        self.root = self.root.endpoint(endpoint);
        self
    }

    /// The same with the endpoints of an endpoint group.
    #[must_use]
    pub fn group(mut self, group: EndpointGroup) -> ServiceBuilder {
        self.root = self.root.group(group);
        self
    }

    /// Checks it.
    ///
    /// # Errors
    /// Says what is wrong with a name, the version, a subject or a queue group.
    pub fn build(self) -> Result<Service, InvalidService> {
        let mut service = self.service;
        check_name(&service.name)?;
        if let Err(reason) = semver::Version::parse(&service.version) {
            let (text, reason) = (service.version, reason.to_string());
            return Err(InvalidService::Version { text, reason });
        }
        let count = self.root.endpoints.len();
        if count > ENDPOINTS_MAX {
            return Err(InvalidService::TooManyEndpoints(count));
        }
        let endpoints = self.root.endpoints.into_iter();
        let settings = endpoints.map(|endpoint| endpoint.inherit(&self.root.queue_group).check());
        service.endpoints = settings.collect::<Result<_, _>>()?;
        Ok(service)
    }
}

impl EndpointGroup {
    /// An endpoint group whose subjects begin with `prefix` and a dot; an empty one adds nothing.
    #[must_use]
    pub fn new(prefix: impl Into<String>) -> EndpointGroup {
        EndpointGroup {
            prefix: prefix.into(),
            queue_group: Sharing::Inherited,
            endpoints: Vec::new(),
        }
    }

    /// The same with this queue group where an endpoint names no other.
    #[must_use]
    pub fn queue_group(mut self, name: impl Into<String>) -> EndpointGroup {
        self.queue_group = Sharing::Queue(name.into());
        self
    }

    /// The same with requests that go to every instance where an endpoint does not say otherwise.
    #[must_use]
    pub fn without_queue_group(mut self) -> EndpointGroup {
        self.queue_group = Sharing::Everybody;
        self
    }

    /// The same with one endpoint more.
    #[must_use]
    pub fn endpoint(mut self, endpoint: Endpoint) -> EndpointGroup {
        self.endpoints.push(endpoint);
        self
    }

    /// The same with the endpoints of another endpoint group, behind the prefixes of both.
    #[must_use]
    pub fn group(mut self, group: EndpointGroup) -> EndpointGroup {
        for mut endpoint in group.endpoints {
            if !group.prefix.is_empty() {
                endpoint.subject = format!("{}.{}", group.prefix, endpoint.subject);
            }
            self.endpoints.push(endpoint.inherit(&group.queue_group));
        }
        self
    }
}

impl Endpoint {
    /// An endpoint of this name, which is its subject as well where it is given no other.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Endpoint {
        let name = name.into();
        let subject = name.clone();
        Endpoint { name, subject, queue_group: Sharing::Inherited, metadata: BTreeMap::new() }
    }

    /// The same with this filter instead of its name, behind the prefixes of its endpoint groups.
    #[must_use]
    pub fn subject(mut self, subject: impl Into<String>) -> Endpoint {
        self.subject = subject.into();
        self
    }

    /// The same with this queue group.
    #[must_use]
    pub fn queue_group(mut self, name: impl Into<String>) -> Endpoint {
        self.queue_group = Sharing::Queue(name.into());
        self
    }

    /// The same with requests that go to every instance.
    #[must_use]
    pub fn without_queue_group(mut self) -> Endpoint {
        self.queue_group = Sharing::Everybody;
        self
    }

    /// The same with this entry for programs.
    #[must_use]
    pub fn metadata(mut self, key: impl Into<String>, value: impl Into<String>) -> Endpoint {
        self.metadata.insert(key.into(), value.into());
        self
    }

    /// The same, shared like what it stands in unless it says how it is shared.
    fn inherit(mut self, around: &Sharing) -> Endpoint {
        if self.queue_group == Sharing::Inherited {
            self.queue_group = around.clone();
        }
        self
    }

    fn check(self) -> Result<EndpointSettings, InvalidService> {
        check_name(&self.name)?;
        let (endpoint, subject) = (self.name.clone(), self.subject.clone());
        // The filter's own error would not say that the endpoint group is to blame.
        if let Some((before, _)) = subject.rsplit_once('.')
            && before.split('.').any(|token| token == ">")
        {
            return Err(InvalidService::Prefix(before.to_owned()));
        }
        let filter = match Filter::parse(self.subject.as_bytes()) {
            Ok(filter) => filter,
            Err(reason) => {
                return Err(InvalidService::Subject { endpoint, subject, reason });
            }
        };
        if filter.text().split(|byte| *byte == b'.').next() == Some(PREFIX.as_bytes()) {
            return Err(InvalidService::DiscoverySubject { endpoint, subject });
        }
        let queue_group = match self.queue_group {
            Sharing::Queue(name) => Some(check_queue_group(name)?),
            Sharing::Everybody | Sharing::Inherited => None,
        };
        Ok(EndpointSettings { name: self.name, subject, queue_group, metadata: self.metadata })
    }
}

impl EndpointSettings {
    /// Its name; two endpoints may share one.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The filter it serves, as native text.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// The queue group whose members share its requests; none: every instance gets each.
    #[must_use]
    pub fn queue_group(&self) -> Option<&str> {
        self.queue_group.as_deref()
    }

    /// What it says about itself to programs.
    #[must_use]
    pub fn metadata(&self) -> &BTreeMap<String, String> {
        &self.metadata
    }
}

#[cfg(test)]
mod tests;
