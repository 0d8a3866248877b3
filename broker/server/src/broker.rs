//! A whole broker inside a process: started, addressed, drained, waited for.
//!
//! The limits of the process are compared first, then the data directory is opened and the disk
//! tested, then every shard is built; the sockets are bound last. Whoever starts a broker learns of
//! every failure before it listens. Nothing here touches signals or limits of the host, nor, unless
//! asked, the affinity of a thread (law S36).

use std::io;
use std::sync::{Arc, mpsc};

use coilgun_protocol::model::ShardId;
use coilgun_storage::DataDirectory;

use crate::config::{Config, Protocol};
use crate::env::ShardThread;
use crate::faults::{BrokerFault, StartError};
use crate::link::{Connector, Door, Doors, LinkOrigin, LinkPort, Placing};
use crate::mesh::fabric;
use crate::net::ListenAddress;
use crate::resources::check_resources;
use crate::security::{AccessHandle, HelperThread, SharedAccess};
use crate::shard::{
    Control, ControlSender, LoadTable, ShardCounters, ShardPlace, Speaker, control_queue,
    speaker_queue,
};
use crate::starting::{ELBUS_IN_PROCESS, Identification, ShardStart, Step};
use crate::topology::Topology;
use crate::websocket::{self, Bridge};

/// A broker that runs. Whoever drops it without waiting for it ends it, as [`Broker::stop`] does, and
/// goes on when its threads have ended: what it held is free then.
#[derive(Debug)]
pub struct Broker {
    /// Those of the native protocol.
    addresses: Vec<ListenAddress>,
    listeners: Vec<(ListenAddress, Protocol)>,
    /// Namespaces that have streams and are not configured.
    hidden_namespaces: Vec<String>,
    controls: Arc<[ControlSender]>,
    doors: Doors,
    placing: Placing,
    speaker: Speaker,
    access: Arc<SharedAccess>,
    /// Accepts WebSockets, if there are to be any.
    bridge: Option<Bridge>,
    /// Checks passwords, if there are users.
    helper: Option<HelperThread>,
    /// By their numbers.
    shards: Vec<ShardThread<Result<ShardCounters, BrokerFault>>>,
}

/// Ends a broker from anywhere. Cheap to clone.
#[derive(Clone, Debug)]
pub struct ShutdownHandle(Arc<[ControlSender]>);

impl Broker {
    /// Starts a broker, and returns when it listens.
    ///
    /// # Errors
    /// Says what is in the way, and what to do about it.
    pub fn start(config: Config) -> Result<Broker, StartError> {
        config.check()?;
        let topology = Topology::of(&config)?;
        check_resources(&config)?;
        Broker::start_on(&topology, config)
    }

    /// Starts a broker whose configuration was checked on these shards.
    fn start_on(topology: &Topology, config: Config) -> Result<Broker, StartError> {
        let directory = Arc::new(DataDirectory::open(&config.data)?);
        let ports = fabric(topology.processors.len()).map_err(StartError::Shard)?;
        let (controls, queues): (Vec<_>, Vec<_>) =
            ports.iter().map(|port| control_queue(port.waker().clone())).unzip();
        let controls: Arc<[ControlSender]> = controls.into();
        let doors: Doors =
            ports.iter().map(|port| Arc::new(Door::new(port.waker().clone()))).collect();
        let (helper, identification) = start_helper(&config, &controls)?;
        let of_users = identification.as_ref().map(|it| it.users.identities()).unwrap_or_default();
        let access = Arc::new(SharedAccess::new(config.elbus_access()?, of_users));
        let (config, loads) = (Arc::new(config), LoadTable::new(ports.len()));
        let placing = Placing {
            loads: loads.clone(),
            policy: config.placement,
            connections_max: config.limits.connections_max,
        };
        let (speaker, words) = speaker_queue(ports[0].waker().clone());
        let mut words = Some(words);
        let shards = Vec::new();
        let (addresses, listeners) = (Vec::new(), Vec::new());
        let (bridge, bridged) = (None, Arc::clone(&config));
        let mut broker = Broker {
            addresses,
            listeners,
            hidden_namespaces: Vec::new(),
            controls,
            doors,
            placing,
            speaker,
            access,
            bridge,
            helper,
            shards,
        };
        let (go, listen_when) = mpsc::sync_channel(1);
        let (mut listen_when, mut starts) = (Some(listen_when), Vec::new());
        for (number, (port, controls)) in ports.into_iter().zip(queues).enumerate() {
            let (started, outcome) = mpsc::sync_channel(2);
            let shard = ShardId::new(number);
            let start = ShardStart {
                place: ShardPlace::new(shard, config.placement, loads.clone()),
                config: Arc::clone(&config),
                directory: Arc::clone(&directory),
                all: Arc::clone(&broker.controls),
                links: LinkPort::new(&broker.doors, shard),
                port,
                controls,
                identification: identification.clone(),
                listen_when: listen_when.take(),
                words: words.take(),
                access: Arc::clone(&broker.access),
                started,
            };
            starts.push((start, outcome));
        }
        drop((directory, identification));
        match broker.start_shards(topology, starts, &go) {
            Ok(addresses) => match broker.listens(addresses, &bridged) {
                Ok(()) => Ok(broker),
                Err(error) => Err(broker.abandon(Some(error))),
            },
            Err(error) => {
                drop(go);
                Err(broker.abandon(error))
            }
        }
    }

    /// Starts the first shard, which tests the disk, then the others, and then lets the first one
    /// listen. Nothing as an error: a shard ended without a word.
    fn start_shards(
        &mut self,
        topology: &Topology,
        starts: Vec<(ShardStart, Outcome)>,
        go: &mpsc::SyncSender<()>,
    ) -> Result<Vec<ListenAddress>, Option<StartError>> {
        let mut outcomes = Vec::new();
        for ((start, outcome), processor) in starts.into_iter().zip(&topology.processors) {
            let thread = start.spawn(*processor).map_err(|it| Some(StartError::Shard(it)))?;
            self.shards.push(thread);
            if outcomes.is_empty() {
                next_step(&outcome)?;
            }
            outcomes.push(outcome);
        }
        for outcome in outcomes.iter().skip(1) {
            next_step(outcome)?;
        }
        // The first shard waits for this; if it is gone, its outcome says so.
        let _ = go.send(());
        match next_step(&outcomes[0])? {
            Step::Listening { addresses, hidden_namespaces } => {
                self.hidden_namespaces = hidden_namespaces;
                Ok(addresses)
            }
            Step::Ready => Ok(Vec::new()),
        }
    }

    /// The shards listen on these addresses: has WebSockets accepted as well, where that is wanted.
    fn listens(&mut self, on: Vec<ListenAddress>, config: &Config) -> Result<(), StartError> {
        let protocols = config.shard_listeners().map(|it| it.protocol);
        self.listeners = on.into_iter().zip(protocols).collect();
        let all = self.shutdown_handle();
        let bridge = websocket::start(config, &self.connector(), move || all.stop())?;
        self.bridge = bridge.map(|(bridge, places)| {
            self.listeners.extend(places);
            bridge
        });
        let native = self.listeners.iter().filter(|it| it.1 == Protocol::Native);
        self.addresses = native.map(|it| it.0.clone()).collect();
        Ok(())
    }

    /// Ends the shards that were started, and returns why they were.
    fn abandon(self, error: Option<StartError>) -> StartError {
        self.shutdown_handle().stop();
        let fault = self.wait().err();
        error.unwrap_or_else(|| {
            let fault = fault.map_or_else(String::new, |it| it.to_string());
            StartError::Shard(io::Error::other(fault))
        })
    }

    /// Everywhere it listens and what is spoken there, with the ports the kernel chose.
    #[must_use]
    pub fn listeners(&self) -> &[(ListenAddress, Protocol)] {
        &self.listeners
    }

    /// Namespaces that have streams and are not configured any more: those are kept, and nobody reaches
    /// them.
    #[must_use]
    pub fn hidden_namespaces(&self) -> &[String] {
        &self.hidden_namespaces
    }

    /// Where it listens for clients of the native protocol, with the ports the kernel chose.
    #[must_use]
    pub fn addresses(&self) -> &[ListenAddress] {
        &self.addresses
    }

    /// Makes connections for clients of this process, from any thread. It keeps nothing of the broker
    /// once that has ended: it refuses then.
    #[must_use]
    pub fn connector(&self) -> Connector {
        Connector::new(&self.doors, self.placing.clone())
    }

    /// The same for clients that speak the protocol of elbus.
    #[must_use]
    pub fn elbus_connector(&self) -> Connector {
        self.connector().from_there(LinkOrigin { entry: ELBUS_IN_PROCESS, address: None })
    }

    /// Says things in the name of `.broker`, from any thread.
    #[must_use]
    pub fn speaker(&self) -> Speaker {
        self.speaker.clone()
    }

    /// Changes what clients of elbus may do, from any thread.
    #[must_use]
    pub fn elbus_access(&self) -> AccessHandle {
        AccessHandle::new(Arc::clone(&self.access), Arc::clone(&self.controls))
    }

    /// What ends the broker, for a signal handler or another thread.
    #[must_use]
    pub fn shutdown_handle(&self) -> ShutdownHandle {
        ShutdownHandle(Arc::clone(&self.controls))
    }

    /// Says good-bye to the clients, waits for them for a while, and returns when all has ended.
    ///
    /// # Errors
    /// If it ended because something broke.
    pub fn shutdown(self) -> Result<ShardCounters, BrokerFault> {
        self.shutdown_handle().shutdown();
        self.wait()
    }

    /// Ends without waiting for any client, and returns when all has ended.
    ///
    /// # Errors
    /// If it ended because something broke.
    pub fn stop(self) -> Result<ShardCounters, BrokerFault> {
        self.shutdown_handle().stop();
        self.wait()
    }

    /// Waits until the broker has ended, and returns what its shards counted together.
    ///
    /// # Errors
    /// If it ended because something broke.
    pub fn wait(self) -> Result<ShardCounters, BrokerFault> {
        self.wait_for_each().map(|counters| counters.into_iter().sum())
    }

    /// Waits until the broker has ended, and returns what each shard counted, by their numbers.
    ///
    /// # Errors
    /// If it ended because something broke; one shard that breaks ends the others.
    pub fn wait_for_each(mut self) -> Result<Vec<ShardCounters>, BrokerFault> {
        let join = |shard: ShardThread<Result<_, _>>| {
            shard.join().map_err(|error| BrokerFault::Thread(error.to_string()))?
        };
        // All of them are waited for, also behind one that broke.
        let ended: Vec<_> = std::mem::take(&mut self.shards).into_iter().map(join).collect();
        // The shards have ended every connection.
        if self.bridge.take().is_some_and(|bridge| !bridge.join()) {
            return Err(BrokerFault::Thread("the thread of the WebSockets".to_owned()));
        }
        // The last shard has let go of its queue.
        if self.helper.take().is_some_and(|helper| !helper.join()) {
            return Err(BrokerFault::Thread("the thread that checks passwords".to_owned()));
        }
        ended.into_iter().collect()
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        if self.shards.is_empty() {
            return;
        }
        self.shutdown_handle().stop();
        for shard in self.shards.drain(..) {
            if let Err(error) = shard.join().map_err(BrokerFault::Ring).and_then(|ended| ended) {
                eprintln!("coilgun: a broker that nobody waited for ended badly: {error}");
            }
        }
        if self.bridge.take().is_some_and(|bridge| !bridge.join()) {
            eprintln!("coilgun: the thread of the WebSockets ended badly");
        }
        if self.helper.take().is_some_and(|helper| !helper.join()) {
            eprintln!("coilgun: the thread that checks passwords ended badly");
        }
    }
}

/// Starts the thread that checks passwords, if there are users. If it breaks it ends the shards.
fn start_helper(
    config: &Config,
    controls: &Arc<[ControlSender]>,
) -> Result<(Option<HelperThread>, Option<Identification>), StartError> {
    let users = Arc::new(config.load_users()?);
    if users.is_empty() {
        return Ok((None, None));
    }
    let all = ShutdownHandle(Arc::clone(controls));
    let started = HelperThread::start(Arc::clone(&users), move || all.stop());
    let (helper, verifying) = started.map_err(StartError::Shard)?;
    Ok((Some(helper), Some(Identification { users, verifying })))
}

/// Where a shard says how its start goes.
type Outcome = mpsc::Receiver<Result<Step, StartError>>;

fn next_step(outcome: &Outcome) -> Result<Step, Option<StartError>> {
    outcome.recv().map_err(|_| None)?.map_err(Some)
}

impl ShutdownHandle {
    /// Says good-bye to the clients, waits for them for a while, and ends.
    pub fn shutdown(&self) {
        self.say(Control::Drain);
    }

    /// Ends without waiting for anybody.
    pub fn stop(&self) {
        self.say(Control::Stop);
    }

    fn say(&self, control: Control) {
        self.0.iter().for_each(|shard| shard.send(control));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(folder: &tempfile::TempDir) -> Config {
        let mut config = Config { data: folder.path().join("data"), ..Config::default() };
        config.listen = vec!["127.0.0.1:0".parse().expect("an address")];
        config.limits.connections_max = 16;
        config
    }

    fn topology(shards: usize) -> Topology {
        Topology { processors: vec![None; shards] }
    }

    #[test]
    fn s3_all_shards_start_and_end_together() {
        let folder = tempfile::tempdir().expect("a folder");
        for drains in [true, false] {
            let broker = Broker::start_on(&topology(3), config(&folder)).expect("it starts");
            assert_eq!(broker.addresses().len(), 2, "TCP and UNIX");
            assert_eq!(broker.listeners().len(), 3, "and one for elbus");
            let handle = broker.shutdown_handle();
            if drains {
                handle.shutdown()
            } else {
                handle.stop()
            };
            let counters = broker.wait_for_each().expect("it ends in good order");
            assert_eq!(counters.len(), 3);
            assert!(counters.iter().all(|it| it.turns > 0), "{counters:?}");
        }
    }

    #[test]
    fn a_shard_that_cannot_start_stops_the_others() {
        let folder = tempfile::tempdir().expect("a folder");
        let nowhere = Topology { processors: vec![None, None, Some(100_000)] };
        let error = Broker::start_on(&nowhere, config(&folder)).expect_err("no such processor");
        assert!(matches!(error, StartError::Shard(_)), "{error}");
        let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let mut config = config(&folder);
        config.listen = vec![taken.local_addr().expect("it is bound")];
        let error = Broker::start_on(&topology(2), config.clone()).expect_err("it is in use");
        assert!(matches!(error, StartError::Listen(_)), "{error}");
        drop(taken);
        let broker = Broker::start_on(&topology(2), config).expect("nothing is left of the others");
        broker.shutdown_handle().stop();
        broker.wait().expect("it ends in good order");
    }
}
