//! A whole broker inside a process: started, addressed, drained, waited for.
//!
//! The limits of the process are compared first, then the data directory is opened and the disk
//! tested; the sockets are bound last. Whoever starts a broker learns of every failure before it
//! listens. Nothing here touches signals, limits or the affinity of the host (law S36).

use std::io;
use std::sync::mpsc;

use coilgun_core::router::RouterLimits;
use coilgun_protocol::model::{SlowConsumer, limits};
use coilgun_protocol::native::NativeConfig;
use coilgun_storage::{
    DataDirectory, DataDirectoryError, Identity, IdentityError, open_or_create_identity,
};

use crate::config::{Config, ConfigError};
use crate::env::{Env, LinuxEnv, ShardThread, Waker, run, spawn, wall_clock_ms};
use crate::mesh::{ThreadPort, fabric};
use crate::net::{ListenAddress, ListenError, Listener};
use crate::resources::{ResourceError, SURPLUS_CONNECTIONS, check_resources};
use crate::setup::{MemoryPlan, build_network};
use crate::shard::{
    Control, ControlQueue, ControlSender, ListenerProtocol, ListenerSettings, RateLimits, Shard,
    ShardCounters, ShardSettings, control_queue,
};

/// A broker that runs.
#[derive(Debug)]
pub struct Broker {
    addresses: Vec<ListenAddress>,
    control: ControlSender,
    shard: ShardThread<Result<ShardCounters, BrokerFault>>,
}

/// Ends a broker from anywhere. Cheap to clone.
#[derive(Clone, Debug)]
pub struct ShutdownHandle(ControlSender);

/// Why a broker did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The configuration contradicts itself.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A limit of the process is too small.
    #[error("{0}. {ways_out}", ways_out = .0.ways_out())]
    Resources(#[from] ResourceError),
    /// The data directory cannot be used.
    #[error(transparent)]
    DataDirectory(#[from] DataDirectoryError),
    /// The data directory holds an identity that cannot be read.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// The disk does not give back what it was given.
    #[error(transparent)]
    Disk(#[from] coilgun_storage::disk::SelfTestError),
    /// It is not possible to listen where it should.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// The kernel refuses memory, a ring or a thread.
    #[error(
        "the shard cannot start: {0}; io_uring has to be allowed (kernel.io_uring_disabled = 0), \
         the kernel has to be 6.1 or newer, and the limit of locked memory (ulimit -l) should be \
         8 MiB or more"
    )]
    Shard(#[source] io::Error),
}

/// Why a broker ended although nobody wanted it to.
#[derive(Debug, thiserror::Error)]
pub enum BrokerFault {
    /// The network ring broke.
    #[error("the network ring is broken: {0}")]
    Ring(#[source] io::Error),
    /// The shard's thread could not be waited for.
    #[error("the shard ended badly: {0}")]
    Thread(String),
    /// The shard could not be set up; the same was reported when the broker was started.
    #[error("the shard did not start")]
    NotStarted,
}

impl Broker {
    /// Starts a broker, and returns when it listens.
    ///
    /// # Errors
    /// Says what is in the way, and what to do about it.
    pub fn start(config: Config) -> Result<Broker, StartError> {
        config.check()?;
        check_resources(&config)?;
        let directory = DataDirectory::open(&config.data)?;
        let mut ports = fabric(1).map_err(StartError::Shard)?;
        let port = ports.pop().expect("there is one for each shard");
        let (control, controls) = control_queue(port.waker().clone());
        let (started, outcome) = mpsc::sync_channel(1);
        let start = ShardStart { config, directory, port, controls };
        let shard = spawn("coilgun-shard-0", move || async move { start.run(&started).await })
            .map_err(StartError::Shard)?;
        let broker = Broker { addresses: Vec::new(), control, shard };
        match outcome.recv() {
            Ok(Ok(addresses)) => Ok(Broker { addresses, ..broker }),
            Ok(Err(error)) => {
                // The thread has nothing more to say than what it just said.
                let _ = broker.wait();
                Err(error)
            }
            Err(_) => {
                let fault = broker.wait().err().map_or_else(String::new, |it| it.to_string());
                Err(StartError::Shard(io::Error::other(fault)))
            }
        }
    }

    /// Where it listens, with the ports the kernel chose.
    #[must_use]
    pub fn addresses(&self) -> &[ListenAddress] {
        &self.addresses
    }

    /// What ends the broker, for a signal handler or another thread.
    #[must_use]
    pub fn shutdown_handle(&self) -> ShutdownHandle {
        ShutdownHandle(self.control.clone())
    }

    /// Waits until the broker has ended, and returns what it counted.
    ///
    /// # Errors
    /// If it ended because something broke.
    pub fn wait(self) -> Result<ShardCounters, BrokerFault> {
        self.shard.join().map_err(|error| BrokerFault::Thread(error.to_string()))?
    }
}

impl ShutdownHandle {
    /// Says good-bye to the clients, waits for them for a while, and ends.
    pub fn shutdown(&self) {
        self.0.send(Control::Drain);
    }

    /// Ends without waiting for anybody.
    pub fn stop(&self) {
        self.0.send(Control::Stop);
    }
}

/// What goes to the shard's thread.
struct ShardStart {
    config: Config,
    /// Holds the lock of the data directory until the shard has ended.
    directory: DataDirectory,
    port: ThreadPort,
    controls: ControlQueue,
}

/// What a shard's thread says about its start.
type Started = Result<Vec<ListenAddress>, StartError>;

impl ShardStart {
    async fn run(self, started: &mpsc::SyncSender<Started>) -> Result<ShardCounters, BrokerFault> {
        let ShardStart { config, directory, port, controls } = self;
        let waker = port.waker().clone();
        let built = build(&config, &directory, port, controls).await;
        let (mut shard, listeners) = match built {
            Ok(built) => built,
            Err(error) => {
                started.send(Err(error)).map_err(|_| BrokerFault::NotStarted)?;
                return Err(BrokerFault::NotStarted);
            }
        };
        let addresses = listeners.iter().map(|listener| listener.address().clone()).collect();
        started.send(Ok(addresses)).map_err(|_| BrokerFault::NotStarted)?;
        run(&mut shard, &waker, config.timing.spin_us).await.map_err(BrokerFault::Ring)?;
        Ok(shard.counters())
    }
}

/// Tests the disk, builds the shard, and binds the sockets, which stay open as long as the
/// listeners live.
async fn build(
    config: &Config,
    directory: &DataDirectory,
    port: ThreadPort,
    controls: ControlQueue,
) -> Result<(Shard<LinuxEnv>, Vec<Listener>), StartError> {
    prepare_disk(directory, port.waker()).await?;
    let mut env = LinuxEnv::in_mesh(&port);
    let net = build_network(&mut env, &memory_plan(config)).map_err(StartError::Shard)?;
    let settings = shard_settings(config);
    let mut shard = Shard::new(env, net, port, settings, controls).map_err(StartError::Shard)?;
    let listeners = bind(config)?;
    for (listener, slow_consumer) in &listeners {
        let settings =
            ListenerSettings { protocol: ListenerProtocol::Native, slow_consumer: *slow_consumer };
        shard.listen(listener.descriptor(), listener.kind(), settings);
    }
    Ok((shard, listeners.into_iter().map(|(listener, _)| listener).collect()))
}

/// Tests the disk, and makes sure that the data directory is one of ours.
async fn prepare_disk(directory: &DataDirectory, waker: &Waker) -> Result<(), StartError> {
    let mut env = LinuxEnv::new(waker.clone());
    coilgun_storage::disk::self_test(directory.path(), 0).await?;
    let log_id = u128::from(env.random()) << 64 | u128::from(env.random());
    open_or_create_identity(directory, Identity { log_id, created_unix_ms: wall_clock_ms() })
        .await?;
    Ok(())
}

fn memory_plan(config: &Config) -> MemoryPlan {
    let frame_overhead = limits::FRAME_BYTES_DEFAULT - limits::PAYLOAD_BYTES_DEFAULT;
    MemoryPlan {
        output_bytes: config.limits.buffer_bytes_max,
        large_bytes: config.limits.buffer_bytes_max,
        frame_bytes_max: config.limits.payload_bytes_max + frame_overhead,
        sockets_max: config.limits.connections_max + SURPLUS_CONNECTIONS,
        copy_max: config.limits.copy_bytes_max,
        ..MemoryPlan::default()
    }
}

fn shard_settings(config: &Config) -> ShardSettings {
    let narrow = |value: u64| u32::try_from(value).expect("the configuration was checked");
    let mut namespaces = vec!["default".to_owned()];
    namespaces.extend(config.namespaces.iter().filter(|name| *name != "default").cloned());
    ShardSettings {
        namespaces,
        native: NativeConfig {
            payload_bytes_max: narrow(config.limits.payload_bytes_max as u64),
            headers_bytes_max: narrow(config.limits.headers_bytes_max as u64),
            ping_interval_ms: narrow(config.timing.ping_interval_ms),
            ..NativeConfig::default()
        },
        router: RouterLimits {
            subscriptions_per_client: config.limits.subscriptions_per_client_max,
            subscriptions_per_shard: config.limits.subscriptions_max,
            filter_bytes_per_shard: config.limits.filter_bytes_max,
            ..RouterLimits::default()
        },
        connections_max: config.limits.connections_max,
        outbox_high_bytes: config.outbox_bytes(),
        frame_ms: config.timing.frame_ms,
        rate: RateLimits {
            messages_per_second: config.limits.messages_per_second_max,
            bytes_per_second: config.limits.bytes_per_second_max,
        },
        drain_ms: config.timing.drain_ms,
    }
}

fn bind(config: &Config) -> Result<Vec<(Listener, SlowConsumer)>, ListenError> {
    let listeners = config.listeners().into_iter();
    listeners.map(|(address, policy)| Ok((Listener::bind(&address)?, policy))).collect()
}
