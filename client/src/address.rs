//! Where a broker listens.

use core::fmt;
use core::str::FromStr;
use std::path::PathBuf;

/// The port of the native protocol where an address names none.
const PORT_DEFAULT: u16 = 7700;

/// Where a broker listens.
///
/// ```
/// use coilgun_client::Address;
///
/// let same: [Address; 3] = ["10.0.0.7", "10.0.0.7:7700", "coilgun://10.0.0.7:7700"]
///     .map(|text| text.parse().expect("an address"));
/// assert!(same.iter().all(|address| address.to_string() == "10.0.0.7:7700"));
/// let socket: Address = "unix:coilgun.sock".parse().expect("an address");
/// assert_eq!(socket, Address::Unix("coilgun.sock".into()));
/// ```
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Address {
    /// A host and a port, as `host:port`; the host may be a name, and an IPv6 address has brackets.
    Tcp(String),
    /// The path of a UNIX socket.
    Unix(PathBuf),
    /// A broker in this process.
    #[cfg(feature = "in-process")]
    InProcess(InProcess),
}

/// A broker in this process, as something that makes connections to it.
#[cfg(feature = "in-process")]
#[derive(Clone, Debug)]
pub struct InProcess(std::sync::Arc<dyn coilgun_protocol::link::LinkConnector>);

#[cfg(feature = "in-process")]
impl InProcess {
    /// The broker behind this connector.
    #[must_use]
    pub fn new(connector: std::sync::Arc<dyn coilgun_protocol::link::LinkConnector>) -> InProcess {
        InProcess(connector)
    }

    /// What makes the connections.
    #[must_use]
    pub fn connector(&self) -> &dyn coilgun_protocol::link::LinkConnector {
        &*self.0
    }
}

#[cfg(feature = "in-process")]
impl PartialEq for InProcess {
    /// Whether both are the same connector.
    fn eq(&self, other: &InProcess) -> bool {
        std::sync::Arc::ptr_eq(&self.0, &other.0)
    }
}

#[cfg(feature = "in-process")]
impl Eq for InProcess {}

#[cfg(feature = "in-process")]
impl core::hash::Hash for InProcess {
    fn hash<H: core::hash::Hasher>(&self, state: &mut H) {
        std::sync::Arc::as_ptr(&self.0).cast::<()>().hash(state);
    }
}

/// Why a text is no address.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum InvalidAddress {
    /// There is no host, or no path.
    #[error("the address {0:?} names no host and no path")]
    Empty(String),
    /// What stands behind the last colon is no port.
    #[error("the address {0:?} has no valid port; a port is a number from 1 to 65535")]
    Port(String),
    /// It begins with a scheme that is not Coilgun's.
    #[error("the address {0:?} has a scheme that is neither coilgun: nor unix:")]
    Scheme(String),
}

impl FromStr for Address {
    type Err = InvalidAddress;

    /// Reads `host`, `host:port`, `coilgun://host:port`, `unix:PATH`, or a path with a slash in it.
    fn from_str(text: &str) -> Result<Address, InvalidAddress> {
        if let Some(path) = text.strip_prefix("unix:") {
            return unix(text, path.strip_prefix("//").unwrap_or(path));
        }
        if let Some(authority) = text.strip_prefix("coilgun://") {
            return tcp(text, authority.strip_suffix('/').unwrap_or(authority));
        }
        if text.contains("://") {
            return Err(InvalidAddress::Scheme(text.to_owned()));
        }
        if text.contains('/') { unix(text, text) } else { tcp(text, text) }
    }
}

fn unix(text: &str, path: &str) -> Result<Address, InvalidAddress> {
    if path.is_empty() {
        return Err(InvalidAddress::Empty(text.to_owned()));
    }
    Ok(Address::Unix(PathBuf::from(path)))
}

fn tcp(text: &str, authority: &str) -> Result<Address, InvalidAddress> {
    let (host, port) = match authority.rsplit_once(':') {
        // Colons inside of brackets belong to an IPv6 address.
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        Some(_) | None => (authority, None),
    };
    if host.is_empty() || host == "[]" {
        return Err(InvalidAddress::Empty(text.to_owned()));
    }
    let port = match port.map(str::parse::<u16>) {
        None => PORT_DEFAULT,
        Some(Ok(port)) if port > 0 => port,
        Some(Ok(_) | Err(_)) => return Err(InvalidAddress::Port(text.to_owned())),
    };
    Ok(Address::Tcp(format!("{host}:{port}")))
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::Tcp(authority) => f.write_str(authority),
            Address::Unix(path) => write!(f, "unix:{}", path.display()),
            #[cfg(feature = "in-process")]
            Address::InProcess(_) => f.write_str("the broker in this process"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_an_address() {
        let cases = [
            ("127.0.0.1:7700", "127.0.0.1:7700"),
            ("localhost", "localhost:7700"),
            ("coilgun://broker.example:1", "broker.example:1"),
            ("coilgun://broker.example/", "broker.example:7700"),
            ("[::1]", "[::1]:7700"),
            ("[::1]:9", "[::1]:9"),
            ("unix:relative.sock", "unix:relative.sock"),
            ("unix:///run/coilgun.sock", "unix:/run/coilgun.sock"),
            ("/run/coilgun.sock", "unix:/run/coilgun.sock"),
            ("./coilgun.sock", "unix:./coilgun.sock"),
        ];
        for (text, expected) in cases {
            let address: Address = text.parse().expect(text);
            assert_eq!(address.to_string(), expected, "{text}");
            assert_eq!(address.to_string().parse(), Ok(address), "{text} reads back");
        }
    }

    #[test]
    fn what_is_no_address() {
        for text in ["", "unix:", ":7700", "coilgun://"] {
            let error = InvalidAddress::Empty(text.to_owned());
            assert_eq!(text.parse::<Address>(), Err(error), "{text}");
        }
        for text in ["host:", "host:0", "host:65536"] {
            let error = InvalidAddress::Port(text.to_owned());
            assert_eq!(text.parse::<Address>(), Err(error), "{text}");
        }
        let foreign = "nats://host:4222";
        let error = InvalidAddress::Scheme(foreign.to_owned());
        assert_eq!(foreign.parse::<Address>(), Err(error));
    }
}
