//! The commands.

use clap::{Parser, Subcommand};

use super::busrtd::BusrtdArguments;
use super::log::LogArguments;
use super::publish::PublishArguments;
use super::reply::ReplyArguments;
use super::request::RequestArguments;
use super::serve::ServeArguments;
use super::service::ServiceArguments;
use super::stream::StreamArguments;
use super::subscribe::SubscribeArguments;
use super::user::UserArguments;

const AFTER_HELP: &str = "\
Examples, in three terminals:
  coilgun serve                        start a broker on 127.0.0.1:7700
  coilgun sub 'orders.>'               print what is published below orders
  coilgun pub orders.new 'one table'   publish a message

Subjects are tokens with dots between them. In a filter, * stands for one token, and > for all
that follow.

Exit status: 0 done; 1 it failed, and standard error says why; 2 wrong arguments or configuration.";

/// The broker and the client of Coilgun in one binary.
#[derive(Debug, Parser)]
#[command(
    name = "coilgun",
    version,
    about = "A message broker, and every verb of its client, in one binary",
    after_help = AFTER_HELP,
    disable_help_subcommand = true
)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Serve(ServeArguments),
    Pub(PublishArguments),
    Sub(SubscribeArguments),
    Request(RequestArguments),
    Reply(ReplyArguments),
    Service(ServiceArguments),
    Stream(StreamArguments),
    User(UserArguments),
    Log(LogArguments),
    #[command(visible_alias = "elbusd")]
    Busrtd(BusrtdArguments),
}
