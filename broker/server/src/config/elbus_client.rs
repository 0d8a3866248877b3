//! Clients of elbus that may not do everything.

use std::net::IpAddr;

use coilgun_core::security::{Permissions, Rules};
use coilgun_protocol::elbus::{Grammar, NAME, TOPIC};
use coilgun_protocol::model::limits;
use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::configuration::{Config, ConfigError};
use super::user::RulesConfig;
use crate::security::{ElbusAccess, ElbusClient};

/// Where everybody hears of the broker's end, whatever else they may hear.
const WARNINGS: &str = ".broker/warn";

/// A client of elbus, by its name: from where it may come, and what it may do. Masks are written as elbus
/// writes them.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ElbusClientConfig {
    /// The name it registers; its secondaries are meant as well.
    pub name: String,
    /// Networks from which it may connect, as `10.0.0.0/8` or an address; absent: from everywhere. UNIX
    /// sockets are no network.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hosts: Option<Vec<String>>,
    /// To whom it may send messages, as masks of names; absent: to everybody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peers: Option<RulesConfig>,
    /// Where it may publish, as masks of topics; absent: everywhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub publish: Option<RulesConfig>,
    /// What it may subscribe to, as masks of topics; absent: everything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subscribe: Option<RulesConfig>,
    /// To which masks of names it may broadcast; absent: to all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub broadcast: Option<RulesConfig>,
}

impl ElbusClientConfig {
    /// A client that may do everything from everywhere.
    #[must_use]
    pub fn named(name: impl Into<String>) -> ElbusClientConfig {
        ElbusClientConfig { name: name.into(), ..ElbusClientConfig::default() }
    }

    fn wrong(&self, key: &'static str, reason: impl ToString) -> ConfigError {
        let client = self.name.clone();
        ConfigError::ElbusClient { client, key, reason: reason.to_string() }
    }

    /// Its native name, and what it may do.
    pub(crate) fn access(&self) -> Result<(Box<[u8]>, ElbusClient), ConfigError> {
        let is_name =
            !self.name.is_empty() && !self.name.starts_with('.') && !self.name.contains('\0');
        let mut name = Vec::new();
        NAME.subject(self.name.as_bytes(), &mut name);
        if !is_name || name.len() > limits::CLIENT_NAME_BYTES_MAX || self.name.contains("%%") {
            return Err(self.wrong("name", "no primary client is called so"));
        }
        let network = |text: &String| {
            let network = text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
            network.map_err(|_| self.wrong("hosts", format!("{text:?} is no network")))
        };
        let hosts = self.hosts.as_ref().map(|hosts| hosts.iter().map(network).collect());
        let publish = self.rules("publish", self.publish.as_ref(), TOPIC, None)?;
        let permissions = Permissions {
            request: publish.clone(),
            publish,
            subscribe: self.rules("subscribe", self.subscribe.as_ref(), TOPIC, Some(WARNINGS))?,
            names: Some(self.rules("peers", self.peers.as_ref(), NAME, None)?),
            broadcast: Some(self.rules("broadcast", self.broadcast.as_ref(), NAME, None)?),
        };
        Ok((name.into(), ElbusClient { hosts: hosts.transpose()?, permissions }))
    }

    /// Rules of masks; `always` is allowed whatever they say.
    fn rules(
        &self,
        key: &'static str,
        config: Option<&RulesConfig>,
        grammar: Grammar,
        always: Option<&str>,
    ) -> Result<Rules, ConfigError> {
        let Some(config) = config else { return Ok(Rules::default()) };
        let native = |mask: &str| {
            let mut filter = Vec::new();
            grammar.filter(mask.as_bytes(), &mut filter);
            String::from_utf8(filter).map_err(|_| self.wrong(key, format!("{mask:?} is no mask")))
        };
        let all = |masks: &[String]| masks.iter().map(|mask| native(mask)).collect();
        let mut allow: Option<Vec<String>> = config.allow.as_deref().map(all).transpose()?;
        if let (Some(allow), Some(always)) = (&mut allow, always) {
            allow.push(native(always)?);
        }
        let deny: Vec<String> = all(&config.deny)?;
        Rules::new(allow.as_deref(), &deny).map_err(|why| self.wrong(key, why))
    }
}

impl Config {
    /// What clients of elbus may do; nothing, if nobody is named: then they may do everything.
    ///
    /// # Errors
    /// Names the client and the key that is wrong.
    pub fn elbus_access(&self) -> Result<Option<ElbusAccess>, ConfigError> {
        if self.elbus_clients.is_empty() {
            return Ok(None);
        }
        ElbusAccess::of(&self.elbus_clients).map(Some)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(change: impl FnOnce(&mut ElbusClientConfig)) -> &'static str {
        let mut client = ElbusClientConfig::named("a.b");
        client.access().expect("it may do everything");
        change(&mut client);
        let config = Config { elbus_clients: vec![client], ..Config::default() };
        match config.check() {
            Err(ConfigError::ElbusClient { key, .. }) => key,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_is_wrong_with_a_client_is_named() {
        for name in ["", ".broker", "a%%1", &"n".repeat(600)] {
            assert_eq!(wrong(|client| client.name = name.to_owned()), "name", "{name}");
        }
        for host in ["", "10.0.0.0/33", "host"] {
            assert_eq!(wrong(|client| client.hosts = Some(vec![host.to_owned()])), "hosts");
        }
        let many = RulesConfig {
            allow: Some(vec!["x".to_owned(); limits::PERMISSION_FILTERS_MAX + 1]),
            deny: Vec::new(),
        };
        assert_eq!(wrong(|client| client.publish = Some(many.clone())), "publish");
        assert_eq!(wrong(|client| client.peers = Some(many)), "peers");
        let twice = vec![ElbusClientConfig::named("a"), ElbusClientConfig::named("a")];
        let config = Config { elbus_clients: twice, ..Config::default() };
        assert!(matches!(config.check(), Err(ConfigError::ElbusClient { key: "name", .. })));
    }
}
