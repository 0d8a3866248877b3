//! `coilgun sub`

use std::time::Duration;

use clap::Args;
use coilgun_protocol::model::SlowConsumerPolicy;

use super::client::ClientArguments;
use super::values::{parse_policy, parse_seconds};

const AFTER_HELP: &str = "\
Examples:
  coilgun sub 'orders.>'                         subject and payload of each message, one per line
  coilgun sub 'orders.*.new' 'alerts.>'          a message that both match is printed once
  coilgun sub jobs --group workers               share the messages with the others of the group
  coilgun sub files.logo --count 1 --raw > logo  the payload alone
  coilgun sub '>' --json | jq .payload           everything about each message
  coilgun sub --name press.7                     what is sent to this name

A line is the subject, a tab, and the payload, in which control characters and bytes that are no
UTF-8 are escaped. With --json, bytes that are no UTF-8 come as base64 under a name that ends with
_base64. Standard error says when the subscription is in force.";

/// Subscribe, and print what arrives
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct SubscribeArguments {
    /// Filters: tokens with dots between them; * is any one token, > all that follow
    #[arg(value_name = "FILTER", required_unless_present = "name")]
    pub(crate) filters: Vec<String>,

    /// Queue group, whose members share the messages
    #[arg(long, value_name = "GROUP")]
    pub(crate) group: Option<String>,

    /// End after so many messages
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) count: Option<u32>,

    /// End when no message has come for so many seconds; with --count, that is a failure
    #[arg(long, value_name = "SECONDS", value_parser = parse_seconds)]
    pub(crate) timeout: Option<Duration>,

    /// What the broker does with messages that this client does not read fast enough, such as
    /// drop-oldest [default: as the broker is configured]
    #[arg(long, value_name = "POLICY", value_parser = parse_policy)]
    pub(crate) slow_consumer: Option<SlowConsumerPolicy>,

    /// Print payloads as they are, each with a line feed behind it
    #[arg(long, conflicts_with = "json")]
    pub(crate) raw: bool,

    /// Let a leading wildcard match subjects that begin with $
    #[arg(long)]
    pub(crate) system: bool,

    /// Let a leading wildcard match inboxes, where others wait for replies
    #[arg(long)]
    pub(crate) inbox: bool,

    #[command(flatten)]
    pub(crate) client: ClientArguments,
}
