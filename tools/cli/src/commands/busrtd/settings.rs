//! The flags of `busrtd` as a configuration.

use std::io;
use std::net::{SocketAddr, TcpListener, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::time::Duration;

use coilgun_server::config::{Config, Elbus, Limits, ListenerConfig, Protocol, Timing};
use coilgun_server::topology::usable_processor_count;

use crate::arguments::{BindArgument, BusrtdArguments, FRAME_BYTES};
use crate::failure::Failure;

/// The configuration that these flags ask for, with the data in this directory.
///
/// # Errors
/// If a host has no address, or the numbers do not fit together.
pub(super) fn config(arguments: &BusrtdArguments, data: &Path) -> Result<Config, Failure> {
    let ours = &arguments.ours;
    let processors = usable_processor_count();
    let shards = shards(arguments.workers, processors);
    let outbox_bytes_max = (arguments.queue_size as usize * FRAME_BYTES).max(OUTBOX_BYTES_MIN);
    let mut config = Config {
        listen: Vec::new(),
        unix: Some(PathBuf::new()),
        elbus: Elbus {
            unix: Some(PathBuf::new()),
            slow_consumer: ours.overflow,
            handshake_ms: ms(arguments.timeout),
            ping_interval_ms: ms(arguments.timeout) / 2,
            idle_ms: ours.idle_timeout.map_or(0, ms),
            force_register: arguments.force_register,
            flush_delay_us: arguments.buf_ttl,
            ..Elbus::default()
        },
        listeners: listeners(&arguments.bind)?,
        data: data.to_owned(),
        // Whoever names an address of the network wants to be reached there, as with their servers.
        insecure: true,
        shards,
        limits: Limits {
            payload_bytes_max: ours.payload_max,
            outbox_bytes_max,
            ..Limits::default()
        },
        timing: Timing {
            frame_ms: ms(arguments.timeout),
            spin_us: ours.spin.unwrap_or(if shards < processors { SPIN_US } else { 0 }),
            ..Timing::default()
        },
        ..Config::default()
    };
    let buffers = 8 * config.outbox_bytes();
    config.limits.buffer_bytes_max = config.limits.buffer_bytes_max.max(buffers);
    config.check().map_err(crate::configuration::ConfigurationError::from)?;
    Ok(config)
}

/// How long a shard looks for more where nothing else is said: clients of a bus that wait for an answer ask
/// again that soon, and to be asleep by then costs more than to look.
const SPIN_US: u64 = 20;

/// The least that the configuration lets wait for a client.
const OUTBOX_BYTES_MIN: usize = 64 * 1024;

fn ms(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// As many shards as were asked for and have a processor each; else half the processors, because the
/// clients of a bus run on the same machine.
fn shards(workers: Option<u16>, processors: usize) -> usize {
    workers.map_or(processors / 2, usize::from).clamp(1, processors)
}

fn listeners(bind: &[BindArgument]) -> Result<Vec<ListenerConfig>, Failure> {
    let mut listeners = Vec::new();
    for place in bind {
        let (protocol, address) = match place {
            BindArgument::Fifo(_) => continue,
            BindArgument::Unix(path) => (Protocol::Elbus, format!("unix:{}", path.display())),
            BindArgument::Tcp(host) => (Protocol::Elbus, resolve(host)?.to_string()),
            BindArgument::WebSocket(host) => (Protocol::ElbusWebsocket, resolve(host)?.to_string()),
        };
        let (slow_consumer, backpressure_ms) = (None, None);
        listeners.push(ListenerConfig { address, protocol, slow_consumer, backpressure_ms });
    }
    if listeners.is_empty() {
        return Err(Failure::Usage {
            text: "there is nowhere for clients to connect to".to_owned(),
            help: "Beside a fifo, bind a UNIX socket or HOST:PORT with another -B.".to_owned(),
        });
    }
    Ok(listeners)
}

/// The first address of a host and port at which it is possible to listen.
fn resolve(host: &str) -> Result<SocketAddr, Failure> {
    let addresses = host.to_socket_addrs().map_err(|source| unknown(host, &source))?;
    let mut first = None;
    for address in addresses {
        // It is closed again, so that the broker can bind it.
        if TcpListener::bind(address).is_ok() {
            return Ok(address);
        }
        first.get_or_insert(address);
    }
    // What is in its way, the broker says.
    first.ok_or_else(|| unknown(host, &io::Error::from(io::ErrorKind::NotFound)))
}

fn unknown(host: &str, source: &io::Error) -> Failure {
    Failure::Usage {
        text: format!("{host} has no address: {source}"),
        help: "Bind an address of this machine, such as 127.0.0.1:9924.".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use clap::{Args, FromArgMatches};
    use coilgun_protocol::model::SlowConsumerPolicy;

    use super::*;

    fn of(words: &str) -> Result<Config, Failure> {
        let command = BusrtdArguments::augment_args(clap::Command::new("busrtd"));
        let matches = command.no_binary_name(true).get_matches_from(words.split_whitespace());
        let arguments = BusrtdArguments::from_arg_matches(&matches).expect("they are flags");
        config(&arguments, Path::new("data"))
    }

    #[test]
    fn without_flags_it_is_as_patient_as_busrtd_and_serves_nothing_else() {
        let config = of("-B /run/bus").expect("it is complete");
        let places: Vec<_> = config
            .listeners()
            .into_iter()
            .map(|it| (it.address.to_string(), it.protocol))
            .collect();
        assert_eq!(places, [("/run/bus".to_owned(), Protocol::Elbus)]);
        assert_eq!((config.elbus.handshake_ms, config.timing.frame_ms), (5000, 5000));
        assert_eq!((config.elbus.ping_interval_ms, config.elbus.idle_ms), (2500, 0));
        assert_eq!(config.limits.outbox_bytes_max, 4 << 20);
        assert!(!config.elbus.force_register);
    }

    #[test]
    fn every_flag_has_its_place() {
        let config = of(
            "-B a.sock -B 127.0.0.1:0 -B fifo:x --force-register -t 0.5 --buf-ttl 10 --queue-size 4 \
             --spin 7 --overflow disconnect --idle-timeout 6.25 --payload-max 2MiB -w 1 --buf-size 7",
        );
        let config = config.expect("it is complete");
        assert_eq!(config.listeners().len(), 2);
        assert!(config.elbus.force_register);
        assert_eq!((config.elbus.handshake_ms, config.elbus.ping_interval_ms), (500, 250));
        assert_eq!((config.elbus.flush_delay_us, config.elbus.idle_ms), (10, 6250));
        assert_eq!(config.elbus.slow_consumer, Some(SlowConsumerPolicy::Disconnect));
        assert_eq!(config.limits.payload_bytes_max, 2 << 20);
        assert!(config.outbox_bytes() > 2 << 20, "one message may always wait");
        assert_eq!((config.shards, config.timing.spin_us), (1, 7));
        let large = of("-B a.sock --queue-size 1000000").expect("buffers grow with it");
        assert_eq!(large.limits.outbox_bytes_max, 512_000_000);
    }

    #[test]
    fn shards_are_as_many_as_asked_for_and_no_more_than_processors() {
        assert_eq!([1, 2, 3, 8].map(|processors| shards(None, processors)), [1, 1, 1, 4]);
        assert_eq!([1, 4, 64].map(|workers| shards(Some(workers), 8)), [1, 4, 8]);
    }

    #[test]
    fn a_fifo_alone_is_no_place_to_connect_to() {
        assert!(matches!(of("-B fifo:x"), Err(Failure::Usage { .. })));
        assert!(matches!(of("-B no.such.host.invalid:1"), Err(Failure::Usage { .. })));
        assert!(matches!(of("-B a.sock -B a.sock"), Err(Failure::Configuration(_))));
    }
}
