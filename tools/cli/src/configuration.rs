//! The broker's configuration in layers: flags and environment over a file over the defaults.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use coilgun_server::config::{Config, ConfigError};

use crate::arguments::{ListenArgument, ServeArguments, UnixArgument};
use crate::known_keys::{EVERY_KEY, first_unknown};

/// Why a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigurationError {
    /// The file cannot be read.
    #[error("cannot read the configuration {}: {source}", path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The file has a key, a section or a policy that does not exist.
    #[error("{}:{line}: {reason}", path.display())]
    Unknown {
        /// Which file.
        path: PathBuf,
        /// Which line, counted from 1.
        line: usize,
        /// What is wrong.
        reason: String,
        /// What was probably meant.
        help: String,
    },
    /// The file is no TOML, or has a value of the wrong kind.
    #[error("{}:{line}: {reason}, in `{text}`", path.display())]
    Invalid {
        /// Which file.
        path: PathBuf,
        /// Which line, counted from 1.
        line: usize,
        /// What is wrong.
        reason: String,
        /// What stands in the line.
        text: String,
    },
    /// The values do not fit together, wherever they come from.
    #[error(transparent)]
    Contradiction(#[from] ConfigError),
}

impl ConfigurationError {
    /// What to do about it.
    pub(crate) fn help(&self) -> &str {
        match self {
            ConfigurationError::Unreadable { .. } => "--config FILE chooses another file.",
            ConfigurationError::Unknown { help, .. } => help,
            ConfigurationError::Invalid { .. } => EVERY_KEY,
            ConfigurationError::Contradiction(_) => {
                "coilgun serve --help names the flag of each key, and --print-config shows what \
                 flags, environment and file add up to."
            }
        }
    }
}

/// Puts the layers together, and checks the result.
///
/// # Errors
/// Names the file and the line, or the key.
pub(crate) fn load(arguments: &ServeArguments) -> Result<Config, ConfigurationError> {
    let mut config = match &arguments.config {
        Some(path) => read_file(path)?,
        None => Config::default(),
    };
    overlay(&mut config, arguments);
    config.check()?;
    Ok(config)
}

/// The configuration as TOML, every key included: it reads back to the same.
pub(crate) fn to_toml(config: &Config) -> String {
    let mut config = config.clone();
    config.guests = Some(config.guests());
    config.unix = Some(config.unix_path().unwrap_or_default());
    config.elbus.unix = Some(config.elbus_unix_path().unwrap_or_default());
    toml::to_string(&config).expect("numbers, texts and lists of them are TOML")
}

fn read_file(path: &Path) -> Result<Config, ConfigurationError> {
    let text = std::fs::read_to_string(path)
        .map_err(|source| ConfigurationError::Unreadable { path: path.to_owned(), source })?;
    if let Some(unknown) = first_unknown(&text) {
        return Err(ConfigurationError::Unknown {
            path: path.to_owned(),
            line: line_at(&text, unknown.at),
            reason: unknown.reason,
            help: unknown.help,
        });
    }
    toml::from_str(&text).map_err(|error| {
        let at = error.span().map_or(0, |span| span.start.min(text.len()));
        let line_begin = text[..at].rfind('\n').map_or(0, |newline| newline + 1);
        ConfigurationError::Invalid {
            path: path.to_owned(),
            line: line_at(&text, at),
            reason: error.message().replace('\n', ", "),
            text: text[line_begin..].lines().next().unwrap_or("").trim().to_owned(),
        }
    })
}

/// The line in which the byte at `at` stands, counted from 1.
fn line_at(text: &str, at: usize) -> usize {
    text[..at].matches('\n').count() + 1
}

fn overlay_listen(listen: &mut Vec<SocketAddr>, given: &[ListenArgument]) {
    if !given.is_empty() {
        let addresses = given.iter().filter_map(|it| match it {
            ListenArgument::Nowhere => None,
            ListenArgument::On(address) => Some(*address),
        });
        *listen = addresses.collect();
    }
}

fn overlay_unix(unix: &mut Option<PathBuf>, given: Option<&UnixArgument>) {
    match given {
        None => {}
        Some(UnixArgument::Nowhere) => *unix = Some(PathBuf::new()),
        Some(UnixArgument::At(path)) => *unix = Some(path.clone()),
    }
}

/// Puts what flags and environment say over a configuration.
fn overlay(config: &mut Config, arguments: &ServeArguments) {
    overlay_listen(&mut config.listen, &arguments.listen);
    overlay_unix(&mut config.unix, arguments.unix.as_ref());
    overlay_listen(&mut config.elbus.listen, &arguments.elbus_listen);
    overlay_unix(&mut config.elbus.unix, arguments.elbus_unix.as_ref());
    if !arguments.namespaces.is_empty() {
        config.namespaces = arguments.namespaces.clone();
    }
    set(&mut config.data, arguments.data.as_ref());
    set(&mut config.slow_consumer, arguments.slow_consumer.as_ref());
    set(&mut config.insecure, arguments.insecure.as_ref());
    set(&mut config.shards, arguments.shards.shards.as_ref());
    set(&mut config.pin, arguments.shards.pin.as_ref());
    set(&mut config.placement, arguments.shards.placement.as_ref());
    let (limits, given) = (&mut config.limits, &arguments.limits);
    set(&mut limits.connections_max, given.connections_max.as_ref());
    set(&mut limits.subscriptions_per_client_max, given.subscriptions_max.as_ref());
    set(&mut limits.subscriptions_max, given.subscriptions_total_max.as_ref());
    set(&mut limits.filter_bytes_max, given.filter_max.as_ref());
    set(&mut limits.payload_bytes_max, given.payload_max.as_ref());
    set(&mut limits.headers_bytes_max, given.headers_max.as_ref());
    set(&mut limits.messages_per_second_max, given.message_rate_max.as_ref());
    let byte_rate = given.byte_rate_max.map(|bytes| bytes as u64);
    set(&mut limits.bytes_per_second_max, byte_rate.as_ref());
    set(&mut limits.buffer_bytes_max, given.buffer_max.as_ref());
    set(&mut limits.copy_bytes_max, given.copy_max.as_ref());
    set(&mut limits.outbox_bytes_max, given.outbox_max.as_ref());
    let (timing, given) = (&mut config.timing, &arguments.timing);
    set(&mut timing.ping_interval_ms, given.ping_interval_ms.as_ref());
    set(&mut timing.backpressure_ms, given.backpressure_ms.as_ref());
    set(&mut timing.frame_ms, given.frame_ms.as_ref());
    set(&mut timing.drain_ms, given.drain_ms.as_ref());
    set(&mut timing.spin_us, given.spin_us.as_ref());
}

/// Takes a value over, if there is one.
fn set<T: Clone>(value: &mut T, given: Option<&T>) {
    if let Some(given) = given {
        *value = given.clone();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use coilgun_protocol::model::SlowConsumerPolicy;
    use coilgun_server::config::{ListenerConfig, Protocol};

    #[test]
    fn what_is_printed_reads_back() {
        let config = Config { unix: Some(PathBuf::new()), ..Config::default() };
        let listener = ListenerConfig {
            address: "unix:a.sock".to_owned(),
            protocol: Protocol::Elbus,
            slow_consumer: Some(SlowConsumerPolicy::DropOldest),
            backpressure_ms: Some(9),
        };
        let listeners = Config { listeners: vec![listener], ..Config::default() };
        for config in [config, listeners, Config::default()] {
            let text = to_toml(&config);
            let read: Config = toml::from_str(&text).expect("it was just written");
            assert_eq!(read.unix_path(), config.unix_path());
            assert_eq!(read.listeners(), config.listeners());
            assert_eq!(to_toml(&read), text);
        }
    }
}
