//! Which verb does what.

use super::{append, read, show};
use crate::arguments::{StreamArguments, StreamCommand};
use crate::failure::Failure;

/// Does what the arguments say.
pub(in crate::commands) fn stream(arguments: &StreamArguments) -> Result<(), Failure> {
    match &arguments.command {
        StreamCommand::Create(it) => show::create(it),
        StreamCommand::Ls(it) => show::list(it),
        StreamCommand::Info(it) => show::info(it),
        StreamCommand::Rm(it) => show::remove(it),
        StreamCommand::Append(it) => append::append(it),
        StreamCommand::Read(it) => read::read(it),
        StreamCommand::Tail(it) => read::tail(it),
    }
}
