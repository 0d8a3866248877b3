//! Values of flags that are more than a number or a text.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use coilgun_client::{AckLevel, Offset, StartAt};
use coilgun_protocol::model::{SlowConsumerPolicy, Subject};
use coilgun_server::shard::PlacementPolicy;

/// A TCP address to listen on, or the wish not to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum ListenArgument {
    /// On no TCP address.
    Nowhere,
    /// On this one.
    On(SocketAddr),
}

impl FromStr for ListenArgument {
    type Err = String;

    fn from_str(text: &str) -> Result<ListenArgument, String> {
        if text == "none" {
            return Ok(ListenArgument::Nowhere);
        }
        text.parse().map(ListenArgument::On).map_err(|_| {
            "an address is IP:PORT, such as 127.0.0.1:7700 or [::1]:7700, or none".to_owned()
        })
    }
}

/// The path of a UNIX socket, or the wish to have none.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum UnixArgument {
    /// No socket.
    Nowhere,
    /// At this path.
    At(PathBuf),
}

impl From<OsString> for UnixArgument {
    fn from(text: OsString) -> UnixArgument {
        if text == "none" { UnixArgument::Nowhere } else { UnixArgument::At(text.into()) }
    }
}

/// Where `busrtd` binds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum BindArgument {
    /// A UNIX socket at this path.
    Unix(PathBuf),
    /// A named pipe at this path.
    Fifo(PathBuf),
    /// A host, by name or address, and a port.
    Tcp(String),
    /// The same for WebSockets.
    WebSocket(String),
}

impl FromStr for BindArgument {
    type Err = String;

    fn from_str(text: &str) -> Result<BindArgument, String> {
        let is_path = |text: &str| {
            text.starts_with('/')
                || [".sock", ".socket", ".ipc"].iter().any(|suffix| text.ends_with(suffix))
        };
        let has_port =
            |text: &str| text.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
        if let Some(host) = text.strip_prefix("ws://") {
            let host = host.strip_suffix('/').unwrap_or(host);
            return has_port(host)
                .then(|| BindArgument::WebSocket(host.to_owned()))
                .ok_or_else(|| "ws:// is followed by HOST:PORT".to_owned());
        }
        match text.strip_prefix("fifo:") {
            Some("") => Err("fifo: is followed by a path".to_owned()),
            Some(path) => Ok(BindArgument::Fifo(path.into())),
            None if is_path(text) => Ok(BindArgument::Unix(text.into())),
            None => has_port(text).then(|| BindArgument::Tcp(text.to_owned())).ok_or_else(|| {
                "the path of a socket begins with / or ends with .sock, .socket or .ipc; other places \
                 are HOST:PORT, ws://HOST:PORT or fifo:PATH"
                    .to_owned()
            }),
        }
    }
}

/// A header as `NAME:VALUE`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct HeaderArgument {
    /// What stands before the first colon.
    pub(crate) name: String,
    /// What stands behind it, without the white space before it.
    pub(crate) value: String,
}

impl FromStr for HeaderArgument {
    type Err = String;

    fn from_str(text: &str) -> Result<HeaderArgument, String> {
        let (name, value) =
            text.split_once(':').ok_or("a header is NAME:VALUE, such as Trace-Id:7")?;
        if name.is_empty() || name.contains(|it: char| it.is_ascii_control() || it == ' ') {
            return Err("the name of a header has no spaces and no control characters".to_owned());
        }
        Ok(HeaderArgument { name: name.to_owned(), value: value.trim_start().to_owned() })
    }
}

/// Reads the name of a policy for clients that do not read fast enough.
pub(super) fn parse_policy(text: &str) -> Result<SlowConsumerPolicy, String> {
    SlowConsumerPolicy::from_name(text).ok_or_else(|| {
        let known = SlowConsumerPolicy::ALL.map(SlowConsumerPolicy::name).join(", ");
        format!("the policies are {known}")
    })
}

/// Reads how connections are shared out among the shards.
pub(super) fn parse_placement(text: &str) -> Result<PlacementPolicy, String> {
    PlacementPolicy::from_name(text).ok_or_else(|| {
        let known = PlacementPolicy::ALL.map(PlacementPolicy::name).join(" and ");
        format!("the placements are {known}")
    })
}

/// Reads a time in seconds, such as `2` or `0.5`; more than 0.
pub(super) fn parse_seconds(text: &str) -> Result<Duration, String> {
    let wrong = || "a time is a number of seconds above 0, such as 2 or 0.5".to_owned();
    let seconds: f64 = text.parse().map_err(|_| wrong())?;
    let time = Duration::try_from_secs_f64(seconds).map_err(|_| wrong())?;
    if time.is_zero() { Err(wrong()) } else { Ok(time) }
}

/// Reads how far an append must have come.
pub(super) fn parse_level(text: &str) -> Result<AckLevel, String> {
    AckLevel::ALL.into_iter().find(|level| level.name() == text).ok_or_else(|| {
        let known = AckLevel::ALL.map(AckLevel::name).join(", ");
        format!("the levels are {known}")
    })
}

/// Reads where a partition is read from: `first`, `end`, an offset, or `-N` for the last N.
pub(super) fn parse_start(text: &str) -> Result<StartAt, String> {
    let wrong =
        || "a place is first, end, an offset such as 100, or -10 for the last ten".to_owned();
    match text {
        "first" => Ok(StartAt::First),
        "end" => Ok(StartAt::End),
        _ => match text.strip_prefix('-') {
            Some(count) => count.parse().map(StartAt::BeforeEnd).map_err(|_| wrong()),
            None => text.parse().map(|at| StartAt::Offset(Offset(at))).map_err(|_| wrong()),
        },
    }
}

/// Reads the name of a service.
pub(super) fn parse_service_name(text: &str) -> Result<String, String> {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if text.is_empty() || !text.bytes().all(is_allowed) {
        return Err("the name of a service is one or more of A-Z, a-z, 0-9, - and _".to_owned());
    }
    Ok(text.to_owned())
}

/// Reads the identifier of an instance of a service: one token of a subject.
pub(super) fn parse_service_id(text: &str) -> Result<String, String> {
    if text.contains('.') || Subject::parse(text.as_bytes()).is_err() {
        return Err("an identifier has no dots, no spaces and no wildcards".to_owned());
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_identifiers_of_services_are_tokens() {
        assert_eq!(parse_service_name("A-b_9"), Ok("A-b_9".to_owned()));
        for text in ["", "a.b", "a b", ">"] {
            assert!(parse_service_name(text).is_err(), "{text}");
        }
        assert_eq!(parse_service_id("x+7"), Ok("x+7".to_owned()));
        for text in ["", "a.b", "a b", "*"] {
            assert!(parse_service_id(text).is_err(), "{text}");
        }
    }

    #[test]
    fn places_to_bind_are_told_apart_as_busrtd_does() {
        for path in ["/run/bus", "bus.sock", "x/y.socket", "a.ipc", "/a:1"] {
            assert_eq!(path.parse(), Ok(BindArgument::Unix(path.into())), "{path}");
        }
        for host in ["127.0.0.1:9924", "localhost:0", "[::1]:80", ":9924"] {
            assert_eq!(host.parse(), Ok(BindArgument::Tcp(host.to_owned())), "{host}");
        }
        for text in ["ws://127.0.0.1:9925", "ws://127.0.0.1:9925/"] {
            assert_eq!(text.parse(), Ok(BindArgument::WebSocket("127.0.0.1:9925".to_owned())));
        }
        assert_eq!("fifo:a.sock".parse(), Ok(BindArgument::Fifo("a.sock".into())));
        for text in ["", "bus", "fifo:", "ws://", "ws://host", "host:port", "1.2.3.4:70000"] {
            assert!(text.parse::<BindArgument>().is_err(), "{text}");
        }
    }

    #[test]
    fn headers_are_split_at_the_first_colon() {
        let header: HeaderArgument = "When: 12:30".parse().expect("a header");
        assert_eq!((header.name.as_str(), header.value.as_str()), ("When", "12:30"));
        for text in ["", "name", ":value", "two words:x", "tab\t:x"] {
            assert!(text.parse::<HeaderArgument>().is_err(), "{text}");
        }
    }

    #[test]
    fn places_in_a_partition_are_read() {
        assert_eq!(parse_start("first"), Ok(StartAt::First));
        assert_eq!(parse_start("end"), Ok(StartAt::End));
        assert_eq!(parse_start("7"), Ok(StartAt::Offset(Offset(7))));
        assert_eq!(parse_start("-7"), Ok(StartAt::BeforeEnd(7)));
        for text in ["", "-", "--7", "+", "last", "1.5"] {
            assert!(parse_start(text).is_err(), "{text}");
        }
        assert_eq!(parse_level("leader"), Ok(AckLevel::Leader));
        assert!(parse_level("disk").is_err_and(|it| it == "the levels are none, leader, durable"));
    }

    #[test]
    fn a_time_is_more_than_nothing() {
        assert_eq!(parse_seconds("0.5"), Ok(Duration::from_millis(500)));
        for text in ["0", "-1", "nan", "inf", "1e99", "soon"] {
            assert!(parse_seconds(text).is_err(), "{text}");
        }
    }
}
