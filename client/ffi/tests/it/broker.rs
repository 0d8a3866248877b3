//! A broker inside the test's process.

use coilgun_server::Broker;
use coilgun_server::config::{Config, Limits};

/// A broker on a free port.
pub(crate) struct Running {
    broker: Broker,
    _data: tempfile::TempDir,
}

impl Running {
    pub(crate) fn start() -> Running {
        let data = tempfile::tempdir().expect("there is a temporary directory");
        let config = Config {
            listen: vec!["127.0.0.1:0".parse().expect("an address")],
            data: data.path().to_owned(),
            shards: 1,
            // The usual limit of descriptors is enough for these.
            limits: Limits { connections_max: 64, ..Limits::default() },
            ..Config::default()
        };
        Running { broker: Broker::start(config).expect("the broker starts"), _data: data }
    }

    /// Where it listens, as a client names it.
    pub(crate) fn address(&self) -> String {
        self.broker.addresses()[0].to_string()
    }

    pub(crate) fn stop(self) {
        self.broker.shutdown_handle().stop();
        self.broker.wait().expect("the broker ends in good order");
    }
}
