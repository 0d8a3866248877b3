//! A broker in this process that can be started again at the same place.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};

use coilgun_client::{Address, Client, Options};
use coilgun_protocol::link::LinkConnector;
use coilgun_server::Broker;
use coilgun_server::config::Config;

/// A real broker with one shard, on a port of its own.
pub(crate) struct RealBroker {
    folder: tempfile::TempDir,
    address: SocketAddr,
    broker: Option<Broker>,
}

impl RealBroker {
    pub(crate) fn start() -> RealBroker {
        let folder = tempfile::tempdir().expect("there is a temporary directory");
        let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let mut broker = RealBroker { folder, address, broker: None };
        broker.start_again();
        broker
    }

    /// Starts it where it was before.
    pub(crate) fn start_again(&mut self) {
        let config = Config {
            listen: vec![self.address],
            data: self.folder.path().join("data"),
            shards: 1,
            ..Config::default()
        };
        self.broker = Some(Broker::start(config).expect("the broker starts"));
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

    /// Where its UNIX socket for clients of elbus is.
    pub(crate) fn elbus_socket(&self) -> String {
        let path = self.folder.path().join("data/elbus.sock");
        path.into_os_string().into_string().expect("the path is text")
    }

    /// Makes connections inside this process for clients of elbus.
    pub(crate) fn elbus_connector(&self) -> Arc<dyn LinkConnector> {
        Arc::new(self.broker.as_ref().expect("it runs").elbus_connector())
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

/// A port that nobody has now, and that the system gives to no outgoing connection while its broker
/// is away: it lies below the range of those.
fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let process = std::process::id() as u16;
    // Ends because a machine does not use twenty thousand ports.
    loop {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let port = 10_000 + process.wrapping_mul(64).wrapping_add(number) % 20_000;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}
