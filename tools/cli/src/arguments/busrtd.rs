//! `coilgun busrtd`, and the binary under the names `busrtd` and `elbusd`

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use coilgun_protocol::model::{SlowConsumerPolicy, limits};

use super::values::{BindArgument, parse_policy, parse_seconds};
use crate::size::parse_bytes;

const AFTER_HELP: &str = "\
Examples:
  busrtd -B /run/bus.sock                              one UNIX socket
  busrtd -B bus.sock -B 127.0.0.1:9924 -B fifo:bus.fifo
  busrtd -B /run/bus.sock -D -P /run/busrtd.pid        in the background

The binary does the same under the names busrtd and elbusd as with the command busrtd. Lines written
to a fifo are messages: TARGET MESSAGE; TARGET with * or ? in it reaches all clients whose name it
matches; =TOPIC MESSAGE publishes; TARGET .MESSAGE is a notification, and TARGET :METHOD KEY=VALUE
calls a method and waits for no answer.

SIGTERM or SIGINT announces the end to the clients and ends with status 0; a second one ends at once.";

/// Run a broker for clients of elbus and busrt, with the flags of their servers
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct BusrtdArguments {
    /// Path of a UNIX socket (it begins with / or ends with .sock, .socket or .ipc), HOST:PORT, ws://HOST:PORT
    /// for WebSockets, or fifo:PATH; may be given more than once
    #[arg(short = 'B', long = "bind", value_name = "PATH", required = true)]
    pub(crate) bind: Vec<BindArgument>,

    /// File that holds the number of the process as long as it serves
    #[arg(short = 'P', long, value_name = "PID_FILE")]
    pub(crate) pid_file: Option<PathBuf>,

    /// Log more, to standard error
    #[arg(long)]
    pub(crate) verbose: bool,

    /// Run in the background; returns when clients can connect
    #[arg(short = 'D')]
    pub(crate) daemonize: bool,

    /// Log to the system's log, which is what a broker in the background does unless DISABLE_SYSLOG is 1
    #[arg(long)]
    pub(crate) log_syslog: bool,

    /// A client whose name somebody has takes it from them, and they are cut off
    #[arg(long)]
    pub(crate) force_register: bool,

    /// Shards, each a thread that works; not more than there are processors [default: half as many as
    /// there are processors]
    #[arg(short = 'w', value_name = "WORKERS", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) workers: Option<u16>,

    /// How long a handshake and a frame may take, in seconds; clients get a sign of life twice as often
    #[arg(short = 't', value_name = "TIMEOUT", default_value = "5", value_parser = parse_timeout)]
    pub(crate) timeout: Duration,

    /// Accepted, and means nothing: clients share the memory they are read into
    #[arg(long, value_name = "BUF_SIZE", default_value_t = 16384)]
    pub(crate) buf_size: usize,

    /// How long frames that are not in a hurry may wait for more to go out with them, in microseconds
    #[arg(
        long,
        value_name = "BUF_TTL",
        default_value_t = 0,
        value_parser = clap::value_parser!(u64).range(..=limits::FLUSH_DELAY_US_MAX)
    )]
    pub(crate) buf_ttl: u64,

    /// What may wait for one client, in frames, each of which counts as 512 bytes; at least one message
    /// of the largest size may always wait
    #[arg(
        long,
        value_name = "QUEUE_SIZE",
        default_value_t = 8192,
        value_parser = clap::value_parser!(u32).range(1..=QUEUE_FRAMES_MAX)
    )]
    pub(crate) queue_size: u32,

    #[command(flatten)]
    pub(crate) ours: OwnArguments,
}

/// What their servers do not have.
#[derive(Debug, Args)]
#[command(next_help_heading = "Beside the flags of busrtd")]
pub(crate) struct OwnArguments {
    /// What happens to messages for a client that does not read fast enough: disconnect, as busrtd does, or
    /// one of the policies of coilgun serve [default: backpressure, and then disconnect]
    #[arg(long, value_name = "POLICY", value_parser = parse_policy)]
    pub(crate) overflow: Option<SlowConsumerPolicy>,

    /// How long a client may be silent before it is cut off, in seconds [default: for ever]
    #[arg(long, value_name = "SECONDS", value_parser = parse_seconds)]
    pub(crate) idle_timeout: Option<Duration>,

    /// How long a shard with nothing to do looks for more before it sleeps, in microseconds, if there was more
    /// that soon the last time [default: 20, or 0 if no processor is left free]
    #[arg(long, value_name = "MICROSECONDS", value_parser = clap::value_parser!(u64).range(..=1_000_000))]
    pub(crate) spin: Option<u64>,

    /// Size of one payload
    #[arg(long, value_name = "SIZE", default_value = "1MiB", value_parser = parse_bytes)]
    pub(crate) payload_max: usize,

    /// Directory of the broker's data [default: one of its own, which is removed at the end]
    #[arg(long, value_name = "DIRECTORY")]
    pub(crate) data: Option<PathBuf>,
}

/// Most frames that may wait for one client: as many bytes as the configuration allows.
const QUEUE_FRAMES_MAX: i64 = (1 << 30) / FRAME_BYTES as i64;

/// Bytes that a frame counts in the queue of a client.
pub(crate) const FRAME_BYTES: usize = 512;

/// Reads a timeout, of which half has to be a time between signs of life.
fn parse_timeout(text: &str) -> Result<Duration, String> {
    let time = parse_seconds(text)?;
    let is_fine = (Duration::from_millis(100)..=Duration::from_hours(1)).contains(&time);
    if is_fine { Ok(time) } else { Err("a timeout is from 0.1 to 3600 seconds".to_owned()) }
}
