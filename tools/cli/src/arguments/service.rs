//! `coilgun service`

use std::time::Duration;

use clap::{Args, Subcommand};

use super::client::ClientArguments;
use super::values::{parse_seconds, parse_service_id, parse_service_name};

const AFTER_HELP: &str = "\
Examples:
  coilgun service ls                    which services are there
  coilgun service info orders           what the service orders offers
  coilgun service stats orders --json   what its endpoints have done, one object per instance
  coilgun service ping                  how long each instance takes to answer

Services answer requests to $SRV.PING, $SRV.INFO and $SRV.STATS. Those of NATS clients do so as
well, and are found like ours.";

const AFTER_LS: &str = "\
Examples:
  coilgun service ls          every instance of every service
  coilgun service ls orders   every instance of the service orders";

const AFTER_INFO: &str = "\
Examples:
  coilgun service info orders                          the endpoints of every instance of orders
  coilgun service info orders 2rNq81BXSk5mJHVaNP0wQz   those of one instance
  coilgun service info orders --json                   with everything else that it says";

const AFTER_STATS: &str = "\
Examples:
  coilgun service stats orders               what each endpoint of each instance has done
  coilgun service stats --json | jq .name    the same for programs

Health is what an endpoint says about itself; services of others may say none.";

const AFTER_PING: &str = "\
Examples:
  coilgun service ping                    how long each instance takes to answer
  coilgun service ping orders --wait 1    wait until none has answered for a second";

/// Find services, and see what they offer and do
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct ServiceArguments {
    #[command(subcommand)]
    pub(crate) command: ServiceCommand,
}

/// What to ask services for.
#[derive(Debug, Subcommand)]
#[command(disable_help_subcommand = true)]
pub(crate) enum ServiceCommand {
    /// List services, one line per instance
    #[command(after_help = AFTER_LS)]
    Ls(QueryArguments),
    /// Show the endpoints of services
    #[command(after_help = AFTER_INFO)]
    Info(QueryArguments),
    /// Show what the endpoints of services have done, and how they are
    #[command(after_help = AFTER_STATS)]
    Stats(QueryArguments),
    /// Measure how long each instance takes to answer
    #[command(after_help = AFTER_PING)]
    Ping(QueryArguments),
}

/// Whom to ask, and how long to wait for answers.
#[derive(Debug, Args)]
pub(crate) struct QueryArguments {
    /// Name of the service; all of them if absent
    #[arg(value_name = "SERVICE", value_parser = parse_service_name)]
    pub(crate) service: Option<String>,

    /// Which instance of it; all of them if absent
    #[arg(value_name = "ID", value_parser = parse_service_id)]
    pub(crate) id: Option<String>,

    /// After the first answer, stop when none came for so long, in seconds
    #[arg(long, value_name = "SECONDS", value_parser = parse_seconds, default_value = "0.25")]
    pub(crate) wait: Duration,

    /// How long to wait altogether, in seconds
    #[arg(long, value_name = "SECONDS", value_parser = parse_seconds, default_value = "2")]
    pub(crate) timeout: Duration,

    #[command(flatten)]
    pub(crate) client: ClientArguments,
}

impl ServiceArguments {
    /// Whether results and errors are wanted as JSON.
    pub(crate) fn is_json(&self) -> bool {
        match &self.command {
            ServiceCommand::Ls(query)
            | ServiceCommand::Info(query)
            | ServiceCommand::Stats(query)
            | ServiceCommand::Ping(query) => query.client.json,
        }
    }
}
