//! From the command line to the exit status.

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

use clap::{Args, CommandFactory, FromArgMatches};

use super::{busrtd, log, publish, reply, request, serve, service, stream, subscribe, user};
use crate::arguments::{Arguments, BusrtdArguments, Command};

/// Carries out a command line, its first word being the program's name.
pub(crate) fn run(words: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments = match parse(words) {
        Ok(arguments) => arguments,
        Err(error) => {
            // Where nobody listens, the status alone has to say it.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    let (as_json, result) = match arguments.command {
        Command::Serve(it) => (false, serve::serve(&it)),
        Command::Pub(it) => (it.client.json, publish::publish(&it)),
        Command::Sub(it) => (it.client.json, subscribe::subscribe(&it)),
        Command::Request(it) => (it.client.json, request::request(&it)),
        Command::Reply(it) => (it.client.json, reply::reply(&it)),
        Command::Service(it) => (it.is_json(), service::service(&it)),
        Command::Stream(it) => (it.is_json(), stream::stream(&it)),
        Command::User(it) => (false, user::user(&it)),
        Command::Log(it) => (it.is_json(), log::log(&it)),
        Command::Busrtd(it) => return busrtd::busrtd(&it),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            failure.report(as_json);
            ExitCode::from(failure.status())
        }
    }
}

/// Reads a command line. The help names environment variables and not what is in them: it is the
/// same for everybody, and shows nobody's values to whoever looks on.
///
/// Under the name of a server of elbus or busrt, the program takes the flags of that server.
fn parse(words: impl IntoIterator<Item = OsString>) -> Result<Arguments, clap::Error> {
    let words: Vec<_> = words.into_iter().collect();
    let name = words.first().and_then(|word| Path::new(word).file_name());
    let server =
        ["busrtd", "elbusd"].into_iter().find(|server| name.is_some_and(|it| it == *server));
    if let Some(name) = server {
        let server = clap::Command::new(name).version(env!("CARGO_PKG_VERSION"));
        let matches = BusrtdArguments::augment_args(server).try_get_matches_from(words)?;
        let command = Command::Busrtd(BusrtdArguments::from_arg_matches(&matches)?);
        return Ok(Arguments { command });
    }
    let hidden = |command: clap::Command| command.mut_args(|it| it.hide_env_values(true));
    // Commands are at most two words long.
    let command = Arguments::command()
        .mut_subcommands(|subcommand| hidden(subcommand).mut_subcommands(hidden));
    Arguments::from_arg_matches(&command.try_get_matches_from(words)?)
}
