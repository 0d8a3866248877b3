//! `coilgun log`

use std::path::PathBuf;

use clap::{Args, Subcommand};

use coilgun_storage::LOGS_MAX;

const AFTER_HELP: &str = "\
Examples:
  coilgun log verify                       check every byte of every log in coilgun-data
  coilgun log verify --data /var/lib/coilgun --log 0

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

/// Look at the logs of a broker that has ended
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

/// Where the logs are.
#[derive(Debug, Args)]
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

impl LogArguments {
    /// Whether results and errors are wanted as JSON.
    pub(crate) fn is_json(&self) -> bool {
        match &self.command {
            LogCommand::Verify(it) => it.json,
        }
    }
}
