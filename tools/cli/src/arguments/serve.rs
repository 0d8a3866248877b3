//! `coilgun serve`

use std::path::PathBuf;

use clap::Args;

use coilgun_protocol::model::SlowConsumerPolicy;
use coilgun_server::shard::PlacementPolicy;

use super::values::{ListenArgument, UnixArgument, parse_placement, parse_policy};
use crate::size::parse_bytes;

const AFTER_HELP: &str = "\
Examples:
  coilgun serve                                      127.0.0.1:7700 and coilgun-data/coilgun.sock
  coilgun serve --listen 127.0.0.1:0 --unix none     a free port, which standard error names
  coilgun serve --data /var/lib/coilgun --payload-max 8MiB --outbox-max 16MiB
  coilgun serve --print-config > coilgun.toml        write the configuration down
  coilgun serve --config coilgun.toml

A flag counts over its environment variable, that over the file, and the file over the defaults.
SIGHUP reads the configuration file again, as far as it names clients of elbus (elbus_client).
SIGTERM or SIGINT says good-bye to the clients, waits for them, and ends with status 0; a second
one ends at once. Sizes are bytes, or have a unit: 64KiB, 1MiB, 2GiB.";

/// Run a broker
#[derive(Clone, Debug, Default, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct ServeArguments {
    /// Configuration as TOML; --print-config shows every key
    #[arg(long, value_name = "FILE", env = "COILGUN_CONFIG")]
    pub(crate) config: Option<PathBuf>,

    /// Print the configuration that would be in force as TOML, and end
    #[arg(long)]
    pub(crate) print_config: bool,

    /// TCP address to listen on, or none; may be given more than once
    #[arg(long, value_name = "ADDRESS", env = "COILGUN_LISTEN", value_delimiter = ',')]
    pub(crate) listen: Vec<ListenArgument>,

    /// Path of the UNIX socket, or none [default: coilgun.sock in the data directory]
    #[arg(
        long,
        value_name = "PATH",
        env = "COILGUN_UNIX",
        value_parser = clap::value_parser!(UnixArgument)
    )]
    pub(crate) unix: Option<UnixArgument>,

    /// TCP address to listen on for clients of elbus and busrt, or none; may be given more than once
    #[arg(long, value_name = "ADDRESS", env = "COILGUN_ELBUS_LISTEN", value_delimiter = ',')]
    pub(crate) elbus_listen: Vec<ListenArgument>,

    /// Path of the UNIX socket for clients of elbus and busrt, or none [default: elbus.sock in the data
    /// directory]
    #[arg(
        long,
        value_name = "PATH",
        env = "COILGUN_ELBUS_UNIX",
        value_parser = clap::value_parser!(UnixArgument)
    )]
    pub(crate) elbus_unix: Option<UnixArgument>,

    /// Directory of the broker's data [default: coilgun-data]
    #[arg(long, value_name = "DIRECTORY", env = "COILGUN_DATA")]
    pub(crate) data: Option<PathBuf>,

    /// Namespace beside `default`; may be given more than once
    #[arg(
        long = "namespace",
        value_name = "NAMESPACE",
        env = "COILGUN_NAMESPACES",
        value_delimiter = ','
    )]
    pub(crate) namespaces: Vec<String>,

    /// What happens to messages for a client that does not read fast enough: disconnect, drop-newest,
    /// drop-oldest, backpressure, backpressure-drop-newest or backpressure-drop-oldest
    #[arg(
        long,
        value_name = "POLICY",
        env = "COILGUN_SLOW_CONSUMER",
        value_parser = parse_policy
    )]
    pub(crate) slow_consumer: Option<SlowConsumerPolicy>,

    /// Listen on addresses that other machines can reach, although anybody may connect
    #[arg(
        long,
        value_name = "BOOLEAN",
        env = "COILGUN_INSECURE",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true",
        hide_possible_values = true
    )]
    pub(crate) insecure: Option<bool>,

    #[command(flatten)]
    pub(crate) shards: ShardArguments,

    #[command(flatten)]
    pub(crate) limits: LimitArguments,

    #[command(flatten)]
    pub(crate) timing: TimingArguments,
}

/// How the broker uses the processors.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Shards")]
pub(crate) struct ShardArguments {
    /// Threads that work; 0: as many as this process may use processors [default: 0]
    #[arg(long, value_name = "N", env = "COILGUN_SHARDS")]
    pub(crate) shards: Option<usize>,

    /// Bind each shard to a processor of its own
    #[arg(
        long,
        value_name = "BOOLEAN",
        env = "COILGUN_PIN",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true",
        hide_possible_values = true
    )]
    pub(crate) pin: Option<bool>,

    /// Which shard a new connection goes to: spread (the one with the fewest) or pack (the first that
    /// is not half busy) [default: spread]
    #[arg(
        long,
        value_name = "PLACEMENT",
        env = "COILGUN_PLACEMENT",
        value_parser = parse_placement
    )]
    pub(crate) placement: Option<PlacementPolicy>,
}

/// What clients may use.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Limits")]
pub(crate) struct LimitArguments {
    /// Connections at a time, on all shards together
    #[arg(long, value_name = "N", env = "COILGUN_CONNECTIONS_MAX")]
    pub(crate) connections_max: Option<usize>,

    /// Subscriptions of one connection
    #[arg(long, value_name = "N", env = "COILGUN_SUBSCRIPTIONS_MAX")]
    pub(crate) subscriptions_max: Option<usize>,

    /// Subscriptions of all connections of one shard together
    #[arg(long, value_name = "N", env = "COILGUN_SUBSCRIPTIONS_TOTAL_MAX")]
    pub(crate) subscriptions_total_max: Option<usize>,

    /// Memory for the filters and queue groups of all subscriptions of one shard
    #[arg(long, value_name = "SIZE", env = "COILGUN_FILTER_MAX", value_parser = parse_bytes)]
    pub(crate) filter_max: Option<usize>,

    /// Size of one payload
    #[arg(long, value_name = "SIZE", env = "COILGUN_PAYLOAD_MAX", value_parser = parse_bytes)]
    pub(crate) payload_max: Option<usize>,

    /// Size of the headers of one message
    #[arg(long, value_name = "SIZE", env = "COILGUN_HEADERS_MAX", value_parser = parse_bytes)]
    pub(crate) headers_max: Option<usize>,

    /// Messages and other commands per second of one connection; beyond, it is read more slowly
    #[arg(long, value_name = "N", env = "COILGUN_MESSAGE_RATE_MAX")]
    pub(crate) message_rate_max: Option<u64>,

    /// Bytes per second of one connection; beyond, it is read more slowly
    #[arg(long, value_name = "SIZE", env = "COILGUN_BYTE_RATE_MAX", value_parser = parse_bytes)]
    pub(crate) byte_rate_max: Option<usize>,

    /// Memory of one shard for output, and the same again for the assembly of large frames
    #[arg(long, value_name = "SIZE", env = "COILGUN_BUFFER_MAX", value_parser = parse_bytes)]
    pub(crate) buffer_max: Option<usize>,

    /// Largest payload that is copied for each receiver instead of sent from where it arrived
    #[arg(long, value_name = "SIZE", env = "COILGUN_COPY_MAX", value_parser = parse_bytes)]
    pub(crate) copy_max: Option<usize>,

    /// What may wait for one client before --slow-consumer says what happens to more
    #[arg(long, value_name = "SIZE", env = "COILGUN_OUTBOX_MAX", value_parser = parse_bytes)]
    pub(crate) outbox_max: Option<usize>,
}

/// How long things may take.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Timing")]
pub(crate) struct TimingArguments {
    /// How long a connection may be silent before it is asked for a sign of life
    #[arg(long, value_name = "MILLISECONDS", env = "COILGUN_PING_INTERVAL_MS")]
    pub(crate) ping_interval_ms: Option<u64>,

    /// How long publishers wait for a client that does not read, if they do
    #[arg(long, value_name = "MILLISECONDS", env = "COILGUN_BACKPRESSURE_MS")]
    pub(crate) backpressure_ms: Option<u64>,

    /// How long a frame may take to arrive, beside a second for every 16 KiB
    #[arg(long, value_name = "MILLISECONDS", env = "COILGUN_FRAME_MS")]
    pub(crate) frame_ms: Option<u64>,

    /// How long a broker that shuts down waits for its clients
    #[arg(long, value_name = "MILLISECONDS", env = "COILGUN_DRAIN_MS")]
    pub(crate) drain_ms: Option<u64>,

    /// How long a shard with nothing to do looks for more before it sleeps, if there was more that soon the
    /// last time [default: 0]
    #[arg(long = "spin", value_name = "MICROSECONDS", env = "COILGUN_SPIN_US")]
    pub(crate) spin_us: Option<u64>,
}
