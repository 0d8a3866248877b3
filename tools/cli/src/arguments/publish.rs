//! `coilgun pub`

use std::ffi::OsString;

use clap::Args;

use super::client::ClientArguments;
use super::values::HeaderArgument;

const USAGE: &str = "\
coilgun pub [OPTIONS] <SUBJECT> [PAYLOAD|-]
       coilgun pub [OPTIONS] <SUBJECT> --lines
       coilgun pub [OPTIONS] --to-name <NAME> [PAYLOAD|-]
       coilgun pub [OPTIONS] --broadcast <MASK> [PAYLOAD|-]";

const AFTER_HELP: &str = "\
Examples:
  coilgun pub orders.new 'one table'
  coilgun pub orders.new --header Trace-Id:7 --ack 'one table'   prints how many received it
  coilgun pub files.logo - < logo.png                            standard input as one message
  tail -f app.log | coilgun pub logs.app --lines                 one message per line
  coilgun pub --to-name press.7 stop                             to one client by its name
  coilgun pub --broadcast 'press.*' stop                         to every client the mask matches

It returns once the broker has carried everything out. Without --ack nothing says whether anybody
received it.";

/// Publish messages
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP, override_usage = USAGE)]
pub(crate) struct PublishArguments {
    /// Where it goes, as tokens with dots between them; not with --to-name or --broadcast
    #[arg(value_name = "SUBJECT", required_unless_present_any = ["to_name", "broadcast"])]
    pub(crate) first: Option<OsString>,

    /// What it carries: a text, or - for all of standard input; nothing if absent
    #[arg(value_name = "PAYLOAD")]
    pub(crate) second: Option<OsString>,

    /// Publish each line of standard input as a message of its own
    #[arg(long, conflicts_with_all = ["second", "count", "to_name", "broadcast"])]
    pub(crate) lines: bool,

    /// Header to send along; may be given more than once
    #[arg(long = "header", value_name = "NAME:VALUE")]
    pub(crate) headers: Vec<HeaderArgument>,

    /// Subject where replies are wanted
    #[arg(long, value_name = "SUBJECT")]
    pub(crate) reply: Option<String>,

    /// Wait for each message until it was put on its way, and print how many receive it
    #[arg(long)]
    pub(crate) ack: bool,

    /// Publish it so many times
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) count: Option<u64>,

    /// Send it to the one client of this name
    #[arg(long, value_name = "NAME", conflicts_with = "broadcast")]
    pub(crate) to_name: Option<String>,

    /// Send it to every client whose name this filter matches
    #[arg(long, value_name = "MASK")]
    pub(crate) broadcast: Option<String>,

    #[command(flatten)]
    pub(crate) client: ClientArguments,
}
