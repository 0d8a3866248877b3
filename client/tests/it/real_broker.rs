//! A broker in this process that can be started again at the same place.

use std::net::SocketAddr;

use coilgun_client::{Address, Client, Options};
use coilgun_server::Broker;
use coilgun_server::config::Config;
use coilgun_server::net::ListenAddress;

/// A real broker with one shard, on a port of its own.
pub(crate) struct RealBroker {
    folder: tempfile::TempDir,
    address: SocketAddr,
    namespaces: Vec<String>,
    broker: Option<Broker>,
}

impl RealBroker {
    pub(crate) fn start() -> RealBroker {
        let folder = tempfile::tempdir().expect("there is a temporary directory");
        let any_port = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut broker =
            RealBroker { folder, address: any_port, namespaces: Vec::new(), broker: None };
        broker.start_again();
        broker
    }

    /// Starts it where it was before.
    pub(crate) fn start_again(&mut self) {
        let config = Config {
            listen: vec![self.address],
            data: self.folder.path().join("data"),
            namespaces: self.namespaces.clone(),
            shards: 1,
            ..Config::default()
        };
        let broker = Broker::start(config).expect("the broker starts");
        let tcp = broker.addresses().iter().find_map(|address| match address {
            ListenAddress::Tcp(address) => Some(*address),
            ListenAddress::Unix(_) => None,
        });
        self.address = tcp.expect("it listens on TCP");
        self.broker = Some(broker);
    }

    /// Ends it at once, without a word to its clients.
    pub(crate) fn stop(&mut self) {
        let broker = self.broker.take().expect("it runs");
        broker.shutdown_handle().stop();
        broker.wait().expect("it ends in good order");
    }

    /// Ends it in good order: its clients are told, and waited for.
    pub(crate) fn drain(&mut self) {
        let broker = self.broker.take().expect("it runs");
        broker.shutdown_handle().shutdown();
        broker.wait().expect("it ends in good order");
    }

    pub(crate) fn options(&self) -> Options {
        Options::new(Address::Tcp(self.address.to_string()))
    }

    /// Where its UNIX socket is.
    pub(crate) fn unix(&self) -> Address {
        Address::Unix(self.folder.path().join("data/coilgun.sock"))
    }

    pub(crate) async fn client(&self) -> Client {
        Client::connect(self.options()).await.expect("the broker lets it in")
    }
}

impl Drop for RealBroker {
    fn drop(&mut self) {
        if self.broker.is_some() {
            self.stop();
        }
    }
}
