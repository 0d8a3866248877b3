//! How to connect.

use std::time::Duration;

use crate::Address;

/// Frames that wait to be taken out of an event channel, if nothing else is said.
const QUEUE_SIZE: usize = 8192;

/// How to connect, and under which name.
#[derive(Clone, Debug)]
pub struct Config {
    pub(super) address: Address,
    pub(super) name: String,
    pub(super) timeout: Duration,
    pub(super) queue_size: usize,
}

impl Config {
    /// To the socket at `path`, or to `host:port`: a path begins with `/` or ends with `.sock`, `.socket`
    /// or `.ipc`. Without changes an answer may take a second, and 8,192 frames wait to be taken.
    #[must_use]
    pub fn new(path: &str, name: &str) -> Config {
        let ends = [".sock", ".socket", ".ipc"].iter().any(|suffix| path.ends_with(suffix));
        if path.starts_with('/') || ends {
            Config::to(Address::Unix(path.into()), name)
        } else {
            Config::to(Address::Tcp(path.to_owned()), name)
        }
    }

    /// To an address.
    #[must_use]
    pub fn to(address: Address, name: &str) -> Config {
        let (name, timeout) = (name.to_owned(), Duration::from_secs(1));
        Config { address, name, timeout, queue_size: QUEUE_SIZE }
    }

    /// To a broker in this process, through its connector for clients of elbus.
    #[cfg(feature = "in-process")]
    #[must_use]
    pub fn in_process(
        connector: std::sync::Arc<dyn coilgun_protocol::link::LinkConnector>,
        name: &str,
    ) -> Config {
        Config::to(Address::InProcess(crate::InProcess::new(connector)), name)
    }

    /// The same with this limit for a handshake, for an answer, and for what waits to be written. Signs of
    /// life are sent twice as often.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Config {
        self.timeout = timeout;
        self
    }

    /// The same with room for so many frames that nobody has taken yet; at least one.
    #[must_use]
    pub fn queue_size(mut self, frames: usize) -> Config {
        self.queue_size = frames.max(1);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_and_hosts_are_told_apart_as_busrt_does() {
        for path in ["/run/bus", "a.sock", "b/c.socket", "d.ipc"] {
            assert_eq!(Config::new(path, "n").address, Address::Unix(path.into()));
        }
        for host in ["localhost:9924", "10.0.0.1:1"] {
            assert_eq!(Config::new(host, "n").address, Address::Tcp(host.to_owned()));
        }
    }
}
