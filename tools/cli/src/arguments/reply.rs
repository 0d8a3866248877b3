//! `coilgun reply`

use std::ffi::OsString;

use clap::{ArgGroup, Args};

use super::client::ClientArguments;

const AFTER_HELP: &str = "\
Examples:
  coilgun reply status.press ok                  the same reply to every request
  coilgun reply echo --echo                      the request's payload as the reply
  coilgun reply text.upper --exec 'tr a-z A-Z'   a command's output as the reply
  coilgun reply jobs --group workers --echo      share the requests with the others of the group

The command runs in sh, once per request and one after the other: it gets the request's payload on
standard input and its subject in COILGUN_SUBJECT. If it fails, the reply carries the reason in the
header Coilgun-Error. Messages that want no reply are left out.";

/// Answer requests
#[derive(Debug, Args)]
#[command(
    after_help = AFTER_HELP,
    group = ArgGroup::new("answer").required(true).args(["payload", "echo", "exec"])
)]
pub(crate) struct ReplyArguments {
    /// Filter: tokens with dots between them; * is any one token, > all that follow
    #[arg(value_name = "FILTER")]
    pub(crate) filter: String,

    /// The reply to every request: a text, or - for all of standard input, which is read once
    #[arg(value_name = "PAYLOAD")]
    pub(crate) payload: Option<OsString>,

    /// Reply with the request's payload
    #[arg(long)]
    pub(crate) echo: bool,

    /// Reply with what this command prints
    #[arg(long, value_name = "COMMAND")]
    pub(crate) exec: Option<OsString>,

    /// Queue group, whose members share the requests
    #[arg(long, value_name = "GROUP")]
    pub(crate) group: Option<String>,

    /// End after so many replies
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) count: Option<u32>,

    #[command(flatten)]
    pub(crate) client: ClientArguments,
}
