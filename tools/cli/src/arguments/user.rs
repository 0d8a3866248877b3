//! `coilgun user`

use clap::{Args, Subcommand};

use crate::size::parse_bytes;

const AFTER_HELP: &str = "\
Examples:
  coilgun user hash                          asks for the password twice, and prints its hash
  coilgun user hash < password.txt           takes the first line instead
  coilgun user hash --memory 64MiB > press.hash

The hash stands in the broker's configuration:
  [[user]]
  name = \"press\"
  password_hash = \"$argon2id$...\"            or password_hash_file = \"press.hash\"
  namespaces = [\"default\"]
  publish = { allow = [\"orders.>\"], deny = [\"orders.secret.>\"] }
  subscribe = { allow = [\"orders.>\"] }

More memory and more iterations make it harder to guess passwords from a stolen hash, and cost the
broker as much whenever somebody connects for the first time.";

/// Prepare the users of a broker
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct UserArguments {
    #[command(subcommand)]
    pub(crate) command: UserCommand,
}

/// What to do for a user.
#[derive(Debug, Subcommand)]
pub(crate) enum UserCommand {
    Hash(HashArguments),
}

/// Print the hash of a password
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct HashArguments {
    /// Memory that it takes to check the password
    #[arg(long, value_name = "SIZE", default_value = "19MiB", value_parser = parse_bytes)]
    pub(crate) memory: usize,

    /// How often that memory is gone through
    #[arg(long, value_name = "N", default_value_t = 2)]
    pub(crate) iterations: u32,
}
