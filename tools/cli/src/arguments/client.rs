//! What every verb of a client understands.

use std::path::PathBuf;

use clap::Args;
use coilgun_client::Address;

/// Where the broker is, and how to talk to people.
#[derive(Debug, Args)]
#[command(next_help_heading = "Connection and output")]
pub(crate) struct ClientArguments {
    /// Where the broker listens: HOST:PORT, coilgun://HOST:PORT, unix:PATH, or a path with a slash
    #[arg(long, value_name = "ADDRESS", env = "COILGUN_SERVER", default_value = "127.0.0.1:7700")]
    pub(crate) server: Address,

    /// Name by which other clients reach this one
    #[arg(long, value_name = "NAME", env = "COILGUN_NAME")]
    pub(crate) name: Option<String>,

    /// Namespace to work in [default: the broker's `default`]
    #[arg(long, value_name = "NAMESPACE", env = "COILGUN_NAMESPACE")]
    pub(crate) namespace: Option<String>,

    /// User to connect as; its password stands in COILGUN_PASSWORD or in --password-file
    #[arg(long, value_name = "USER", env = "COILGUN_USER")]
    pub(crate) user: Option<String>,

    /// File whose first line is the user's password
    #[arg(long, value_name = "FILE", env = "COILGUN_PASSWORD_FILE")]
    pub(crate) password_file: Option<PathBuf>,

    /// Results and errors as JSON, one object per line
    #[arg(long)]
    pub(crate) json: bool,

    /// Nothing on standard error but errors
    #[arg(long, short)]
    pub(crate) quiet: bool,
}
