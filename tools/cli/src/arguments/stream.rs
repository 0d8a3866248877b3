//! `coilgun stream`

use std::ffi::OsString;
use std::time::Duration;

use clap::builder::NonEmptyStringValueParser;
use clap::{Args, Subcommand};
use coilgun_client::{AckLevel, StartAt};

use super::client::ClientArguments;
use super::values::{HeaderArgument, parse_level, parse_seconds, parse_start};

const AFTER_HELP: &str = "\
Examples:
  coilgun stream create orders --partitions 4   make a stream
  coilgun stream append orders 'one table'      append a record; it is on the disk when this returns
  coilgun stream read orders                    print all records
  coilgun stream tail orders                    print records as they come
  coilgun stream ls                             which streams there are
  coilgun stream rm orders                      delete a stream with all its records";

const AFTER_CREATE: &str = "\
Examples:
  coilgun stream create orders                  one partition: all records are in one order
  coilgun stream create orders --partitions 8   records with the same key stay in order";

const AFTER_LS: &str = "\
Examples:
  coilgun stream ls                     name, partitions, and when it was made
  coilgun stream ls --json | jq .name   the names alone";

const AFTER_INFO: &str = "\
Examples:
  coilgun stream info orders          each partition: its records, its shard, and how it is
  coilgun stream info orders --json   all of it as one object";

const AFTER_RM: &str = "\
Examples:
  coilgun stream rm orders   delete the stream and its records; nobody is asked again";

const AFTER_APPEND: &str = "\
Examples:
  coilgun stream append orders 'one table'                   prints partition and offset
  coilgun stream append orders --key customer-7 'one chair'  the key chooses the partition
  tail -f app.log | coilgun stream append logs --lines       one record per line
  coilgun stream append files - < logo.png                   standard input as one record
  printf 'k1\\tone\\nk2\\ttwo\\n' | coilgun stream append s --lines --key-separator '\\t'

What is sent again because the connection broke is stored once. With --level leader it returns
before the record is on the disk: a crash of the broker may lose it then.";

const AFTER_READ: &str = "\
Examples:
  coilgun stream read orders                           everything, one partition after the other
  coilgun stream read orders --partition 2 --from 100  from an offset on
  coilgun stream read orders --from -10                the last ten of each partition
  coilgun stream read files --count 1 --raw > logo     the payload alone
  coilgun stream read orders --json | jq .payload      everything about each record

A line is partition, offset, key and payload with tabs between them, in which control characters and
bytes that are no UTF-8 are escaped. With --json, bytes that are no UTF-8 come as base64 under a name
that ends with _base64.";

const AFTER_TAIL: &str = "\
Examples:
  coilgun stream tail orders               records that come from now on, of all partitions
  coilgun stream tail orders --from -10    the last ten of each partition, and what comes then
  coilgun stream tail orders --from first  everything, and what comes then

Lines are those of `coilgun stream read`. It ends with Ctrl-C, after --count records, or when none
came for --timeout seconds. A broker that goes away is waited for, and nothing is missed. Standard
error says when it reads.";

/// Make streams, append to them, and read them
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct StreamArguments {
    #[command(subcommand)]
    pub(crate) command: StreamCommand,
}

/// What to do with streams.
#[derive(Debug, Subcommand)]
#[command(disable_help_subcommand = true)]
pub(crate) enum StreamCommand {
    /// Make a stream
    #[command(after_help = AFTER_CREATE)]
    Create(CreateArguments),
    /// List the streams of the namespace
    #[command(after_help = AFTER_LS)]
    Ls(ListArguments),
    /// Show a stream and its partitions
    #[command(after_help = AFTER_INFO)]
    Info(NamedArguments),
    /// Delete a stream with all its records
    #[command(after_help = AFTER_RM)]
    Rm(NamedArguments),
    /// Append records to a stream
    #[command(after_help = AFTER_APPEND)]
    Append(AppendArguments),
    /// Print the records that are there
    #[command(after_help = AFTER_READ)]
    Read(ReadArguments),
    /// Print records as they come
    #[command(after_help = AFTER_TAIL)]
    Tail(TailArguments),
}

/// How a stream is made.
#[derive(Debug, Args)]
pub(crate) struct CreateArguments {
    /// Name of the stream: tokens with dots between them, as a subject
    #[arg(value_name = "STREAM")]
    pub(crate) stream: String,

    /// How many partitions it has; it stays so
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) partitions: u32,

    /// Keep all partitions together, on one shard and in one log
    #[arg(long)]
    pub(crate) co_located: bool,

    #[command(flatten)]
    pub(crate) client: ClientArguments,
}

/// No more than where the broker is.
#[derive(Debug, Args)]
pub(crate) struct ListArguments {
    #[command(flatten)]
    pub(crate) client: ClientArguments,
}

/// Which stream.
#[derive(Debug, Args)]
pub(crate) struct NamedArguments {
    /// Name of the stream
    #[arg(value_name = "STREAM")]
    pub(crate) stream: String,

    #[command(flatten)]
    pub(crate) client: ClientArguments,
}

/// What to append, and how.
#[derive(Debug, Args)]
pub(crate) struct AppendArguments {
    /// Name of the stream
    #[arg(value_name = "STREAM")]
    pub(crate) stream: String,

    /// What the record carries: a text, or - for all of standard input; nothing if absent
    #[arg(value_name = "PAYLOAD")]
    pub(crate) payload: Option<OsString>,

    /// Append each line of standard input as a record of its own
    #[arg(long, conflicts_with_all = ["payload", "expected_offset"])]
    pub(crate) lines: bool,

    /// Key of the record, which chooses the partition
    #[arg(long, value_name = "KEY")]
    pub(crate) key: Option<String>,

    /// With --lines: what stands between the key of a record and the rest of its line
    #[arg(long, value_name = "TEXT", requires = "lines", conflicts_with = "key", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) key_separator: Option<String>,

    /// Index of the partition [default: the key chooses; without a key, one after the other]
    #[arg(long, value_name = "INDEX")]
    pub(crate) partition: Option<u32>,

    /// Header of each record; may be given more than once
    #[arg(long = "header", value_name = "NAME:VALUE")]
    pub(crate) headers: Vec<HeaderArgument>,

    /// What to wait for: durable (it is on the disk), leader (it has its offset) or none
    #[arg(long, value_name = "LEVEL", default_value = "durable", value_parser = parse_level)]
    pub(crate) level: AckLevel,

    /// Append only if the record gets this offset
    #[arg(long, value_name = "OFFSET")]
    pub(crate) expected_offset: Option<u64>,

    #[command(flatten)]
    pub(crate) client: ClientArguments,
}

/// Which records to print.
#[derive(Debug, Args)]
pub(crate) struct SelectArguments {
    /// Name of the stream
    #[arg(value_name = "STREAM")]
    pub(crate) stream: String,

    /// Index of a partition; may be given more than once [default: all of them]
    #[arg(long = "partition", value_name = "INDEX")]
    pub(crate) partitions: Vec<u32>,

    /// End after so many records
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) count: Option<u64>,

    /// Print payloads as they are, each with a line feed behind it
    #[arg(long, conflicts_with = "json")]
    pub(crate) raw: bool,

    #[command(flatten)]
    pub(crate) client: ClientArguments,
}

/// What `read` prints.
#[derive(Debug, Args)]
pub(crate) struct ReadArguments {
    #[command(flatten)]
    pub(crate) select: SelectArguments,

    /// Where to begin in each partition: first, an offset, or -N for the last N
    #[arg(long, value_name = "PLACE", default_value = "first", value_parser = parse_start, allow_hyphen_values = true)]
    pub(crate) from: StartAt,
}

/// What `tail` prints.
#[derive(Debug, Args)]
pub(crate) struct TailArguments {
    #[command(flatten)]
    pub(crate) select: SelectArguments,

    /// Where to begin in each partition: end, first, an offset, or -N for the last N
    #[arg(long, value_name = "PLACE", default_value = "end", value_parser = parse_start, allow_hyphen_values = true)]
    pub(crate) from: StartAt,

    /// End when no record has come for so many seconds; with --count, that is a failure
    #[arg(long, value_name = "SECONDS", value_parser = parse_seconds)]
    pub(crate) timeout: Option<Duration>,
}

impl StreamArguments {
    /// Whether results and errors are wanted as JSON.
    pub(crate) fn is_json(&self) -> bool {
        match &self.command {
            StreamCommand::Create(it) => it.client.json,
            StreamCommand::Ls(it) => it.client.json,
            StreamCommand::Info(it) | StreamCommand::Rm(it) => it.client.json,
            StreamCommand::Append(it) => it.client.json,
            StreamCommand::Read(it) => it.select.client.json,
            StreamCommand::Tail(it) => it.select.client.json,
        }
    }
}
