//! `coilgun request`

use std::ffi::OsString;
use std::time::Duration;

use clap::Args;

use super::client::ClientArguments;
use super::values::{HeaderArgument, parse_seconds};

const AFTER_HELP: &str = "\
Examples:
  coilgun request time.now                       print the reply
  coilgun request thumbs.make - < in > out       standard input as the request, the reply as it is
  coilgun request search.all shoes --many        several replies, one per line

If nobody serves the subject, it fails at once. The reply is printed as it is; a line feed follows
it on a terminal and with --many.";

/// Send a request, and print the reply
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct RequestArguments {
    /// Where it goes, as tokens with dots between them
    #[arg(value_name = "SUBJECT")]
    pub(crate) subject: String,

    /// What it carries: a text, or - for all of standard input; nothing if absent
    #[arg(value_name = "PAYLOAD")]
    pub(crate) payload: Option<OsString>,

    /// Header to send along; may be given more than once
    #[arg(long = "header", value_name = "NAME:VALUE")]
    pub(crate) headers: Vec<HeaderArgument>,

    /// How long to wait for a reply, in seconds
    #[arg(long, value_name = "SECONDS", value_parser = parse_seconds, default_value = "5")]
    pub(crate) timeout: Duration,

    /// Print replies up to the one that says that none follows
    #[arg(long)]
    pub(crate) many: bool,

    #[command(flatten)]
    pub(crate) client: ClientArguments,
}
