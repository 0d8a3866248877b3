//! Why a broker did not start, as people read it: what is wrong, and which flag helps.

use std::borrow::Cow;
use std::error::Error;

use coilgun_server::StartError;
use coilgun_server::net::{ListenAddress, ListenError};
use coilgun_server::topology::TopologyError;

/// What is wrong, with what was behind it, in one line.
pub(crate) fn start_text(error: &StartError) -> String {
    let mut text = match error {
        // What can be done is said apart.
        StartError::Resources(error) => error.to_string(),
        StartError::Config(_)
        | StartError::Topology(_)
        | StartError::DataDirectory(_)
        | StartError::Identity(_)
        | StartError::Disk(_)
        | StartError::Log(_)
        | StartError::Listen(_)
        | StartError::Shard(_) => error.to_string(),
    };
    let mut cause = error.source();
    // Ends with the first cause of all.
    while let Some(error) = cause {
        let said = error.to_string();
        if !text.contains(&said) {
            text.push_str(&format!(": {said}"));
        }
        cause = error.source();
    }
    text
}

/// What to do about it.
pub(crate) fn start_help(error: &StartError) -> Cow<'static, str> {
    Cow::Borrowed(match error {
        StartError::Resources(error) => return Cow::Owned(error.ways_out()),
        StartError::Config(_) => "coilgun serve --help names every flag.",
        StartError::Topology(TopologyError::TooFewProcessors { .. }) => {
            "Leave --pin out, or lower --shards."
        }
        StartError::Topology(TopologyError::Unknown(_)) => "Leave --pin out.",
        StartError::Listen(error) => listen_help(error),
        StartError::DataDirectory(_) | StartError::Identity(_) => {
            "--data DIRECTORY chooses another data directory."
        }
        StartError::Disk(_) => "--data DIRECTORY chooses a directory on another disk.",
        StartError::Log(_) => {
            "Nothing was changed. `coilgun log verify` with the same --data says what is wrong and what to do next."
        }
        StartError::Shard(_) => "",
    })
}

fn listen_help(error: &ListenError) -> &'static str {
    match error {
        ListenError::InUse(ListenAddress::Tcp(_))
        | ListenError::System(ListenAddress::Tcp(_), _) => {
            "--listen ADDRESS chooses another TCP address; port 0 is any free port."
        }
        ListenError::NotLocal(_) => {
            "--listen ADDRESS chooses one that `ip address` shows; 0.0.0.0 and [::] are all of them."
        }
        ListenError::Privileged(_) => {
            "--listen ADDRESS chooses a port from 1024, or CAP_NET_BIND_SERVICE allows this one \
             (AmbientCapabilities= of its systemd unit)."
        }
        ListenError::InUse(ListenAddress::Unix(_))
        | ListenError::System(ListenAddress::Unix(_), _) => {
            "--unix PATH chooses another UNIX socket, and --unix none does without."
        }
        ListenError::NotASocket { .. } | ListenError::NotOurs(_) => {
            "Move it away if nobody needs it, or choose another UNIX socket with --unix PATH."
        }
        ListenError::PathTooLong(_) => {
            "--unix PATH chooses a shorter path, such as one relative to where the broker starts."
        }
        ListenError::NoDirectory(_) => "Make the directory, or choose another with --unix PATH.",
    }
}
