//! One shard's thread, from its start to its end.
//!
//! ```text
//! shard 0:  disk tested, built --ready--> told to listen --listening--> turns --> ended
//! others:                      built --ready--> turns                         --> ended
//! ```
//!
//! Nobody can connect before shard 0 listens, and it is told to when every other shard is ready.

use std::io;
use std::sync::{Arc, mpsc};

use coilgun_core::router::RouterLimits;
use coilgun_protocol::model::{ShardId, limits};
use coilgun_protocol::native::NativeConfig;
use coilgun_storage::{DataDirectory, Identity, open_or_create_identity};

use crate::config::{Config, Guests, Listening, Protocol};
use crate::env::{Env, LinuxEnv, ShardThread, run, spawn, wall_clock_ms};
use crate::faults::{BrokerFault, StartError};
use crate::link::LinkPort;
use crate::mesh::ThreadPort;
use crate::net::{ListenAddress, ListenError, Listener};
use crate::resources::{SURPLUS_CONNECTIONS, file_bytes};
use crate::security::{Authentication, SharedAccess, Users, Verifying};
use crate::setup::{MemoryPlan, build_network};
use crate::shard::{
    Control, ControlQueue, ControlSender, GuestRule, ListenerProtocol, ListenerSettings, LogFault,
    RateLimits, Shard, ShardCounters, ShardPlace, ShardSettings, SpeakerQueue, StreamSetup,
};

/// What a shard's thread says about its start.
pub(crate) enum Step {
    /// It is built.
    Ready,
    /// It accepts connections there, and keeps streams of these namespaces that are not configured.
    Listening { addresses: Vec<ListenAddress>, hidden_namespaces: Vec<String> },
}

/// All users, and where their passwords are checked.
#[derive(Clone)]
pub(crate) struct Identification {
    pub(crate) users: Arc<Users>,
    pub(crate) verifying: Verifying,
}

/// What the thread of one shard is given.
pub(crate) struct ShardStart {
    pub(crate) config: Arc<Config>,
    /// Holds the lock of the data directory until every shard has ended.
    pub(crate) directory: Arc<DataDirectory>,
    pub(crate) place: ShardPlace,
    pub(crate) port: ThreadPort,
    pub(crate) controls: ControlQueue,
    /// Where clients of this process connect.
    pub(crate) links: LinkPort,
    /// Where passwords are checked, if there are users.
    pub(crate) identification: Option<Identification>,
    /// Ends all shards if this one breaks.
    pub(crate) all: Arc<[ControlSender]>,
    /// Says when to listen, on the shard that does.
    pub(crate) listen_when: Option<mpsc::Receiver<()>>,
    /// What is said in the name of `.broker`, on the shard that says it.
    pub(crate) words: Option<SpeakerQueue>,
    /// What clients of elbus may do.
    pub(crate) access: Arc<SharedAccess>,
    /// Where to say how the start goes.
    pub(crate) started: mpsc::SyncSender<Result<Step, StartError>>,
}

/// Ends all shards when it is dropped, unless this one has ended in good order.
struct EndTogether {
    all: Arc<[ControlSender]>,
    is_fault: bool,
}

impl Drop for EndTogether {
    fn drop(&mut self) {
        if self.is_fault {
            self.all.iter().for_each(|control| control.send(Control::Stop));
        }
    }
}

impl ShardStart {
    /// Starts the thread, bound to a processor or to none.
    ///
    /// # Errors
    /// If there is no thread or no executor to be had.
    pub(crate) fn spawn(
        self,
        processor: Option<usize>,
    ) -> io::Result<ShardThread<Result<ShardCounters, BrokerFault>>> {
        let name = format!("coilgun-shard-{}", self.place.shard().index());
        let file_bytes = file_bytes(self.place.shard_count());
        spawn(&name, processor, file_bytes, move || self.run())
    }

    async fn run(self) -> Result<ShardCounters, BrokerFault> {
        let ShardStart {
            config,
            directory,
            place,
            port,
            controls,
            links,
            all,
            listen_when,
            words,
            access,
            started,
            ..
        } = self;
        let waker = port.waker().clone();
        let authentication = self.identification.map_or_else(Authentication::default, |it| {
            Authentication::by_helper(it.users, it.verifying, waker.clone())
        });
        // A shard that breaks or panics takes the others with it: alone they cannot keep what the
        // broker promised.
        let mut together = EndTogether { all, is_fault: true };
        let say = |step| started.send(step).map_err(|_| BrokerFault::NotStarted);
        let mut shard = match build(&config, &directory, port, controls, place).await {
            Ok(shard) => shard.with_users(authentication).with_elbus_access(access),
            Err(error) => {
                say(Err(error))?;
                return Err(BrokerFault::NotStarted);
            }
        };
        say(Ok(Step::Ready))?;
        let listeners = match listen_when {
            None => {
                know_listeners(&config, &mut shard);
                Vec::new()
            }
            Some(listen_when) => {
                listen_when.recv().map_err(|_| BrokerFault::NotStarted)?;
                // Before anybody can connect, wherever.
                shard.announce_streams();
                let listeners = match listen(&config, &mut shard) {
                    Ok(listeners) => listeners,
                    Err(error) => {
                        say(Err(error.into()))?;
                        return Err(BrokerFault::NotStarted);
                    }
                };
                let addresses = listeners.iter().map(|it| it.address().clone()).collect();
                let hidden_namespaces = shard.hidden_namespaces().to_vec();
                say(Ok(Step::Listening { addresses, hidden_namespaces }))?;
                listeners
            }
        };
        name_listeners(&config, &listeners, &mut shard);
        if let Some(words) = words {
            shard.speak_for(words);
        }
        shard.serve_links(links, &ways_in(&config));
        if let Err(error) = run(&mut shard, &waker, config.timing.spin_us).await {
            let fault = shard.take_log_fault().map(BrokerFault::Log);
            return Err(fault.unwrap_or(BrokerFault::Ring(error)));
        }
        together.is_fault = false;
        // Until here the sockets had to stay open.
        drop(listeners);
        Ok(shard.counters())
    }
}

/// Tells a shard what its listening sockets are called.
fn name_listeners(config: &Config, listeners: &[Listener], shard: &mut Shard<LinuxEnv>) {
    let places: Vec<_> = match listeners {
        [] => config.shard_listeners().map(|it| it.address.to_string()).collect(),
        bound => bound.iter().map(|it| it.address().to_string()).collect(),
    };
    // Behind them come the ways in of this process, of which the first two are no places.
    let bridged = config.bridged_listeners().map(|it| it.address.to_string());
    let inside = std::iter::repeat_n(String::new(), BRIDGED);
    shard.name_listeners(places.into_iter().chain(inside).chain(bridged));
}

/// Builds a shard on which nobody listens yet, with the logs that are its own. The first one gives the
/// data directory its identity.
async fn build(
    config: &Config,
    directory: &DataDirectory,
    port: ThreadPort,
    controls: ControlQueue,
    place: ShardPlace,
) -> Result<Shard<LinuxEnv>, StartError> {
    let mut env = LinuxEnv::in_mesh(&port);
    let (number, count) = (place.shard(), place.shard_count());
    let identity = prepare_disk(directory, &mut env, number).await?;
    let net = build_network(&mut env, &memory_plan(config)).map_err(StartError::Shard)?;
    let shard = Shard::new(env, net, port, shard_settings(config), controls);
    let mut shard = shard.map_err(StartError::Shard)?.placed(place);
    shard.open_logs(stream_setup(config, directory, identity, number, count)?).await?;
    Ok(shard)
}

/// Where the logs are, and which of them belong to this shard.
fn stream_setup(
    config: &Config,
    directory: &DataDirectory,
    identity: Identity,
    shard: ShardId,
    shard_count: usize,
) -> Result<StreamSetup, StartError> {
    let there = coilgun_storage::log_count(directory.path()).map_err(LogFault::from)?;
    let log_count = u16::try_from(there.max(shard_count as u32)).unwrap_or(u16::MAX);
    Ok(StreamSetup {
        data: directory.path().to_owned(),
        identity,
        geometry: config.log.geometry(),
        cache_bytes: config.log.cache_bytes,
        log_count,
        shard,
        shard_count,
        limits: Arc::default(),
    })
}

/// Tests the disk in this executor, and makes sure that the data directory is one of ours: the first
/// shard, which is started before the others, gives it its identity.
async fn prepare_disk(
    directory: &DataDirectory,
    env: &mut LinuxEnv,
    shard: ShardId,
) -> Result<Identity, StartError> {
    coilgun_storage::disk::self_test(directory.path(), shard.index() as u16).await?;
    let log_id = u128::from(env.random()) << 64 | u128::from(env.random());
    let proposed = Identity { log_id, created_unix_ms: wall_clock_ms() };
    Ok(open_or_create_identity(directory, proposed).await?)
}

/// Binds every socket, and then accepts on all of them.
fn listen(config: &Config, shard: &mut Shard<LinuxEnv>) -> Result<Vec<Listener>, ListenError> {
    let bound = bind(config)?;
    for (listener, listening) in &bound {
        let settings = listener_settings(config, listening);
        shard.listen(listener.descriptor(), listener.kind(), settings);
    }
    Ok(bound.into_iter().map(|(listener, _)| listener).collect())
}

/// Tells a shard what holds on the sockets on which another one accepts.
fn know_listeners(config: &Config, shard: &mut Shard<LinuxEnv>) {
    for listening in config.shard_listeners() {
        shard.know_listener(listener_settings(config, &listening));
    }
}

fn listener_settings(config: &Config, listening: &Listening) -> ListenerSettings {
    let is_near = match &listening.address {
        ListenAddress::Tcp(address) => address.ip().is_loopback(),
        ListenAddress::Unix(_) => true,
    };
    let guests = match config.guests() {
        Guests::Nobody => GuestRule::Refused,
        Guests::Loopback if !is_near => GuestRule::Refused,
        // Where there is nobody else, namespaces are no secrets from anybody.
        Guests::Loopback | Guests::Everybody if config.users.is_empty() => GuestRule::Trusted,
        Guests::Loopback | Guests::Everybody => GuestRule::Default,
    };
    ListenerSettings {
        protocol: config.spoken(listening.protocol),
        slow_consumer: listening.slow_consumer,
        guests,
        is_listed: listening.protocol != Protocol::Native,
        flush_delay_us: config.flush_delay_us(listening.protocol),
    }
}

/// The way in, among [`ways_in`], of clients of this process that speak the protocol of elbus.
pub(crate) const ELBUS_IN_PROCESS: usize = 1;

/// The first way in, among [`ways_in`], of clients whom the thread of the WebSockets connects.
pub(crate) const BRIDGED: usize = 2;

/// What holds for clients of this process, which could do to its broker whatever they liked anyway:
/// first for those that speak the native protocol, then for those of elbus; and behind them what holds for
/// those whom the thread of the WebSockets connects, who come from elsewhere.
fn ways_in(config: &Config) -> Vec<ListenerSettings> {
    let settings = |protocol| ListenerSettings {
        protocol: config.spoken(protocol),
        slow_consumer: config.slow_consumer_in_process(protocol),
        guests: GuestRule::Trusted,
        is_listed: false,
        flush_delay_us: 0,
    };
    let mut all = vec![settings(Protocol::Native), settings(Protocol::Elbus)];
    debug_assert_eq!(all.len(), BRIDGED);
    all.extend(config.bridged_listeners().map(|it| listener_settings(config, &it)));
    debug_assert!(matches!(all[ELBUS_IN_PROCESS].protocol, ListenerProtocol::Elbus(_)));
    all
}

fn memory_plan(config: &Config) -> MemoryPlan {
    let frame_overhead = limits::FRAME_BYTES_DEFAULT - limits::PAYLOAD_BYTES_DEFAULT;
    MemoryPlan {
        output_bytes: config.limits.buffer_bytes_max,
        large_bytes: config.limits.buffer_bytes_max,
        frame_bytes_max: (config.limits.payload_bytes_max + frame_overhead)
            .max(limits::BATCH_FRAME_BYTES_MAX),
        sockets_max: config.limits.connections_max + SURPLUS_CONNECTIONS,
        copy_max: config.limits.copy_bytes_max,
        ..MemoryPlan::default()
    }
}

fn shard_settings(config: &Config) -> ShardSettings {
    let narrow = |value: u64| u32::try_from(value).expect("the configuration was checked");
    ShardSettings {
        namespaces: config.all_namespaces(),
        native: NativeConfig {
            payload_bytes_max: narrow(config.limits.payload_bytes_max as u64),
            headers_bytes_max: narrow(config.limits.headers_bytes_max as u64),
            ping_interval_ms: narrow(config.timing.ping_interval_ms),
            streams: true,
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

fn bind(config: &Config) -> Result<Vec<(Listener, Listening)>, ListenError> {
    config.shard_listeners().map(|it| Ok((Listener::bind(&it.address)?, it))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::env::Waker;
    use crate::shard::control_queue;

    #[test]
    fn s36_a_shard_that_breaks_ends_all_of_them() {
        let queue = || control_queue(Waker::new().expect("there are descriptors"));
        for is_fault in [true, false] {
            let (all, queues): (Vec<_>, Vec<_>) = (0..3).map(|_| queue()).unzip();
            drop(EndTogether { all: all.into(), is_fault });
            let said = is_fault.then_some(Control::Stop);
            assert!(queues.iter().all(|queue| queue.take() == said));
        }
    }
}
