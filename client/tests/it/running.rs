//! A broker of this process.

use coilgun_client::blocking::Client;
use coilgun_client::{Address, Options};
use coilgun_server::Broker;
use coilgun_server::config::{Config, Limits};

/// A broker that runs, on a free port unless it is told one.
pub(crate) struct Running {
    broker: Broker,
    _data: tempfile::TempDir,
}

impl Running {
    pub(crate) fn start() -> Running {
        Running::at("127.0.0.1:0")
    }

    /// One that listens at an address which another one had before.
    pub(crate) fn at(address: &str) -> Running {
        let data = tempfile::tempdir().expect("there is a temporary directory");
        let config = Config {
            listen: vec![address.parse().expect("an address")],
            data: data.path().to_owned(),
            shards: 1,
            // The usual limit of descriptors is enough for these.
            limits: Limits { connections_max: 64, ..Limits::default() },
            ..Config::default()
        };
        Running { broker: Broker::start(config).expect("the broker starts"), _data: data }
    }

    pub(crate) fn address(&self) -> Address {
        self.broker.addresses()[0].to_string().parse().expect("it is an address")
    }

    pub(crate) fn client(&self) -> Client {
        Client::connect(Options::new(self.address())).expect("the broker lets it in")
    }

    pub(crate) fn stop(self) {
        self.broker.shutdown_handle().stop();
        self.broker.wait().expect("the broker ends in good order");
    }
}
