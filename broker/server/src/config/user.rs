//! Users: who they are, where they work, and what they may do.

use std::collections::HashSet;
use std::path::PathBuf;

use coilgun_core::security::{Permissions, Rules};
use coilgun_protocol::model::{NamespaceId, limits};
use serde::{Deserialize, Serialize};

use super::configuration::{Config, ConfigError};
use crate::security::{SecretHash, Users};

/// Who is let in that does not say who it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Guests {
    /// Nobody.
    Nobody,
    /// Whoever is on this machine: over UNIX sockets and loopback addresses.
    Loopback,
    /// Everybody.
    Everybody,
}

impl Guests {
    /// Every kind there is.
    pub const ALL: [Guests; 3] = [Guests::Nobody, Guests::Loopback, Guests::Everybody];

    /// Its name in the configuration.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Guests::Nobody => "nobody",
            Guests::Loopback => "loopback",
            Guests::Everybody => "everybody",
        }
    }
}

/// A user.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UserConfig {
    /// What it is called; at least one byte.
    pub name: String,
    /// The hash of its password, as `coilgun user hash` prints it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password_hash: Option<String>,
    /// A file whose first line is that hash; instead of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password_hash_file: Option<PathBuf>,
    /// Where it may work; the first is where it is if it asks for none.
    #[serde(default = "default_namespaces")]
    pub namespaces: Vec<String>,
    /// Where it may publish; absent: everywhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub publish: Option<RulesConfig>,
    /// What it may subscribe to; absent: everything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subscribe: Option<RulesConfig>,
    /// Where it may send requests; absent: where it may publish.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<RulesConfig>,
}

/// What is allowed and what is denied, as filters. What is denied is denied, whatever allows it.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RulesConfig {
    /// Absent: everything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allow: Option<Vec<String>>,
    /// What is denied of it.
    #[serde(default)]
    pub deny: Vec<String>,
}

fn default_namespaces() -> Vec<String> {
    vec!["default".to_owned()]
}

impl UserConfig {
    /// What is wrong with it, under which key.
    fn wrong(&self, key: &'static str, reason: impl ToString) -> ConfigError {
        ConfigError::User { user: self.name.clone(), key, reason: reason.to_string() }
    }

    fn check(&self, namespaces: &[String]) -> Result<(), ConfigError> {
        if self.name.is_empty() || self.name.len() > limits::CREDENTIAL_BYTES_MAX {
            let reason = format!("it has to be 1 to {} bytes", limits::CREDENTIAL_BYTES_MAX);
            return Err(self.wrong("name", reason));
        }
        match (&self.password_hash, &self.password_hash_file) {
            (Some(hash), None) => {
                SecretHash::parse(hash).map_err(|why| self.wrong("password_hash", why))?;
            }
            (None, Some(_)) => {}
            (Some(_), Some(_)) => {
                return Err(self.wrong("password_hash_file", "there is password_hash as well"));
            }
            (None, None) => {
                let reason = "it is absent; `coilgun user hash` makes one";
                return Err(self.wrong("password_hash", reason));
            }
        }
        self.numbers_of(namespaces)?;
        self.permissions().map(drop)
    }

    fn numbers_of(&self, namespaces: &[String]) -> Result<Vec<NamespaceId>, ConfigError> {
        if self.namespaces.is_empty() {
            return Err(self.wrong("namespaces", "there is none"));
        }
        let number = |name: &String| {
            let at = namespaces.iter().position(|known| known == name);
            let number = at.and_then(|at| u16::try_from(at).ok()).map(NamespaceId);
            number
                .ok_or_else(|| self.wrong("namespaces", format!("there is no namespace {name:?}")))
        };
        self.namespaces.iter().map(number).collect()
    }

    fn permissions(&self) -> Result<Permissions, ConfigError> {
        let rules = |key, config: &Option<RulesConfig>| {
            let Some(config) = config else { return Ok(Rules::default()) };
            let rules = Rules::new(config.allow.as_deref(), &config.deny);
            rules.map_err(|why| self.wrong(key, why))
        };
        let request = self.request.as_ref().or(self.publish.as_ref()).cloned();
        Ok(Permissions {
            publish: rules("publish", &self.publish)?,
            subscribe: rules("subscribe", &self.subscribe)?,
            request: rules("request", &request)?,
            ..Permissions::default()
        })
    }

    fn secret(&self) -> Result<SecretHash, ConfigError> {
        let (key, text) = match (&self.password_hash, &self.password_hash_file) {
            (Some(hash), _) => ("password_hash", hash.clone()),
            (None, Some(path)) => {
                let key = "password_hash_file";
                let unreadable = |why| self.wrong(key, format!("{}: {why}", path.display()));
                let text = std::fs::read_to_string(path).map_err(unreadable)?;
                (key, text.lines().next().unwrap_or("").trim().to_owned())
            }
            (None, None) => ("password_hash", String::new()),
        };
        SecretHash::parse(&text).map_err(|why| self.wrong(key, why))
    }
}

impl Config {
    /// The names of all namespaces, by number; the first is `default`.
    #[must_use]
    pub fn all_namespaces(&self) -> Vec<String> {
        let mut all = default_namespaces();
        all.extend(self.namespaces.iter().filter(|name| *name != "default").cloned());
        all
    }

    /// Who is let in without saying who it is: as configured, and otherwise whoever is on this machine
    /// if there are no users, and nobody if there are. `insecure` lets everybody in.
    #[must_use]
    pub fn guests(&self) -> Guests {
        let default = if self.users.is_empty() { Guests::Loopback } else { Guests::Nobody };
        if self.insecure { Guests::Everybody } else { self.guests.unwrap_or(default) }
    }

    /// The table of users; reads the files that hold hashes.
    ///
    /// # Errors
    /// Names the user and the key that is wrong.
    pub fn load_users(&self) -> Result<Users, ConfigError> {
        let (mut users, namespaces) = (Users::default(), self.all_namespaces());
        for user in &self.users {
            let numbers = user.numbers_of(&namespaces)?;
            users.add(&user.name, user.secret()?, numbers, user.permissions()?);
        }
        Ok(users)
    }

    /// Checks all that can be checked of users without reading a file.
    pub(super) fn check_users(&self) -> Result<(), ConfigError> {
        if self.users.is_empty() && self.guests() == Guests::Nobody {
            return Err(ConfigError::NobodyAdmitted);
        }
        if self.users.len() > limits::USERS_MAX {
            let (value, max) = (self.users.len() as u64, limits::USERS_MAX as u64);
            return Err(ConfigError::Range { key: "the number of users", value, min: 0, max });
        }
        let (namespaces, mut names) = (self.all_namespaces(), HashSet::new());
        for user in &self.users {
            user.check(&namespaces)?;
            if !names.insert(&user.name) {
                return Err(user.wrong("name", "there is another user of this name"));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::security::{HashCost, make_hash};

    fn hash() -> String {
        make_hash(b"hush", HashCost { memory_kib: 8, iterations: 1 }).expect("it is cheap")
    }

    fn said(text: &str) -> Result<(), String> {
        let text = text.replace("HASH", &hash());
        let config: Config = toml::from_str(&text).map_err(|why| why.to_string())?;
        config.check().and_then(|()| config.load_users()).map(drop).map_err(|why| why.to_string())
    }

    #[test]
    fn what_is_wrong_with_a_user_is_named_with_the_user_and_the_key() {
        let good =
            "namespaces = [\"plant\"]\n[[user]]\nname = \"press\"\npassword_hash = \"HASH\"\n";
        assert_eq!(said(good), Ok(()));
        for (more, expected) in [
            ("[[user]]\nname = \"press\"\npassword_hash = \"HASH\"", "name: there is another"),
            ("[[user]]\nname = \"\"\npassword_hash = \"HASH\"", "name: it has to be"),
            ("[[user]]\nname = \"x\"", "password_hash: it is absent"),
            ("[[user]]\nname = \"x\"\npassword_hash = \"hush\"", "password_hash: it is not a hash"),
            (
                "[[user]]\nname = \"x\"\npassword_hash_file = \"/nowhere\"",
                "password_hash_file: /nowhere",
            ),
            ("namespaces = [\"mill\"]", "namespaces: there is no namespace \"mill\""),
            ("namespaces = []", "namespaces: there is none"),
            ("publish = { allow = [\"a..b\"] }", "publish: \"a..b\" is not a filter"),
            ("request = { deny = [\">.a\"] }", "request: \">.a\" is not a filter"),
            ("subscribe = { alow = [] }", "unknown field `alow`"),
        ] {
            let error = said(&format!("{good}{more}\n")).expect_err(more);
            assert!(error.contains(expected), "{more}: {error}");
        }
    }

    #[test]
    fn guests_are_let_in_by_default_where_nobody_else_could_be() {
        let config: Config = toml::from_str("").expect("it is TOML");
        assert_eq!(config.guests(), Guests::Loopback);
        assert_eq!(Config { insecure: true, ..config }.guests(), Guests::Everybody);
        let text = "[[user]]\nname = \"press\"\npassword_hash = \"HASH\"\n";
        let config: Config = toml::from_str(&text.replace("HASH", &hash())).expect("it is TOML");
        assert_eq!(config.guests(), Guests::Nobody);
        assert!(said("guests = \"nobody\"").expect_err("nobody").contains("nobody could connect"));
        assert!(said("listen = [\"0.0.0.0:7700\"]").expect_err("exposed").contains("[[user]]"));
        assert_eq!(said(&format!("listen = [\"0.0.0.0:7700\"]\n{text}")), Ok(()));
        let open = format!("listen = [\"0.0.0.0:7700\"]\nguests = \"everybody\"\n{text}");
        assert!(said(&open).expect_err("guests are let in").contains("insecure = true"));
    }
}
