//! `coilgun log`

use std::path::PathBuf;

use clap::{Args, Subcommand};

use coilgun_storage::LOGS_MAX;
use coilgun_storage::disk::BLOCK_BYTES;
use coilgun_storage::format::{LogPosition, SegmentSequence};

const AFTER_HELP: &str = "\
Examples:
  coilgun log verify                       check every byte of every log in coilgun-data
  coilgun log verify --data /var/lib/coilgun --log 0
  coilgun log dump --log 0 | less          show what stands in one of them
  coilgun log repair --log 0               show what can be done with one that a broker refuses

The broker that owns the data directory must have ended: these commands take its lock.";

const AFTER_VERIFY: &str = "\
Examples:
  coilgun log verify                       every log in coilgun-data
  coilgun log verify --log 0 --log 3       two of them
  coilgun log verify --json | jq .logs[].problems

Every commit group, footer, checkpoint and file name of a log is checked, and nothing is changed.
One thing cannot be told: if nothing behind the very last commit group says that it was durable,
damage to it looks like a write that was interrupted.

Exit status: 0 every log is sound; 1 something is wrong with one, and standard output says what,
and what to do next; 2 a log could not be checked, for example because a broker runs.";

const AFTER_DUMP: &str = "\
Examples:
  coilgun log dump --log 0                       everything that stands in log 0
  coilgun log dump --log 0 --partition 3         only what is about partition 3
  coilgun log dump --log 0 --from 4:8192 --records | head
  coilgun log dump --log 0 --json | jq 'select(.kind == \"group\")'

Manifest, slots of the superblock, files and commit groups with their entries stand in the order of
the log, each on a line; what is no whole commit group is named with its place and what is wrong
with it. A log without a manifest is shown by what its files say of themselves. Nothing is changed.

Exit status: 0 it was shown; 2 it could not be read, for example because a broker runs.";

const AFTER_REPAIR: &str = "\
Examples:
  coilgun log repair --log 0               show what would be done, and what is lost
  coilgun log repair --log 0 --yes         do it

Only what a broker refuses to start with is repaired: a manifest that is damaged, missing or too old,
a file of a segment that is missing or too short, a superblock without a checkpoint. Everything else
a broker repairs by itself. Nothing is removed or written over: what is replaced is kept beside the
log under a name that begins with quarantine. What is lost is marked, never skipped; partitions whose
end cannot be proven any more can only be read. Make a copy of the data directory first.

Exit status: 0 nothing is to be done, or it was done, or shown with --dry-run; 1 something is to be
done, or nothing can be; 2 the log could not be looked at, for example because a broker runs.";

/// Check, show and repair the logs of a broker that has ended
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct LogArguments {
    #[command(subcommand)]
    pub(crate) command: LogCommand,
}

/// What to do with logs.
#[derive(Debug, Subcommand)]
#[command(disable_help_subcommand = true)]
pub(crate) enum LogCommand {
    Verify(VerifyArguments),
    Dump(DumpArguments),
    Repair(RepairArguments),
}

/// Check logs from their first segment to their end, and change nothing
#[derive(Debug, Args)]
#[command(after_help = AFTER_VERIFY)]
pub(crate) struct VerifyArguments {
    #[command(flatten)]
    pub(crate) data: DataArgument,

    /// Which log; may be given more than once; all of them if absent
    #[arg(long = "log", value_name = "N", value_delimiter = ',', value_parser = parse_log)]
    pub(crate) logs: Vec<u32>,

    /// One JSON object with everything that was found
    #[arg(long)]
    pub(crate) json: bool,
}

/// Make a log usable that a broker refuses, and say what is lost
#[derive(Debug, Args)]
#[command(after_help = AFTER_REPAIR)]
pub(crate) struct RepairArguments {
    #[command(flatten)]
    pub(crate) data: DataArgument,

    /// Which log
    #[arg(long, value_name = "N", value_parser = parse_log)]
    pub(crate) log: u32,

    /// Show what would be done, and change nothing
    #[arg(long, conflicts_with = "yes")]
    pub(crate) dry_run: bool,

    /// Do it
    #[arg(long)]
    pub(crate) yes: bool,
}

/// Show what stands in a log, and change nothing
#[derive(Clone, Debug, Args)]
#[command(after_help = AFTER_DUMP)]
pub(crate) struct DumpArguments {
    #[command(flatten)]
    pub(crate) data: DataArgument,

    /// Which log
    #[arg(long, value_name = "N", value_parser = parse_log)]
    pub(crate) log: u32,

    /// From this place on: a segment, or a segment and the byte of a block, such as 4:8192
    #[arg(long, value_name = "POSITION", value_parser = parse_position)]
    pub(crate) from: Option<LogPosition>,

    /// This segment only
    #[arg(long, value_name = "N", conflicts_with = "from")]
    pub(crate) segment: Option<u64>,

    /// Only entries about this partition, and the commit groups that hold some
    #[arg(long, value_name = "ID")]
    pub(crate) partition: Option<u64>,

    /// The records of each batch, too
    #[arg(long)]
    pub(crate) records: bool,

    /// One JSON object per line
    #[arg(long)]
    pub(crate) json: bool,
}

/// Where the logs are.
#[derive(Clone, Debug, Args)]
pub(crate) struct DataArgument {
    /// Directory of the broker's data
    #[arg(
        long = "data",
        value_name = "DIRECTORY",
        env = "COILGUN_DATA",
        default_value = "coilgun-data"
    )]
    pub(crate) directory: PathBuf,
}

/// Reads the number of a log.
fn parse_log(text: &str) -> Result<u32, String> {
    let number = text.parse().ok().filter(|number| *number < LOGS_MAX);
    number.ok_or_else(|| format!("logs are numbered from 0 to {}", LOGS_MAX - 1))
}

/// Reads a place in a log.
fn parse_position(text: &str) -> Result<LogPosition, String> {
    let (segment, byte) = text.split_once(':').unwrap_or((text, "0"));
    let read = segment.parse().ok().zip(byte.parse::<u32>().ok());
    let (segment, byte) = read.ok_or("a place is a segment and a byte, such as 4:8192")?;
    if !(byte as usize).is_multiple_of(BLOCK_BYTES) {
        return Err(format!("commit groups begin at multiples of {BLOCK_BYTES} bytes"));
    }
    Ok(LogPosition { segment: SegmentSequence(segment), byte })
}

impl LogArguments {
    /// Whether results and errors are wanted as JSON.
    pub(crate) fn is_json(&self) -> bool {
        match &self.command {
            LogCommand::Verify(it) => it.json,
            LogCommand::Dump(it) => it.json,
            LogCommand::Repair(_) => false,
        }
    }
}
