//! The verbs of `coilgun log`.

use super::dump::dump;
use super::repair::repair;
use super::verify::verify;
use crate::arguments::{LogArguments, LogCommand};
use crate::failure::Failure;

/// Carries out what is to be done with logs.
pub(in crate::commands) fn log(arguments: &LogArguments) -> Result<(), Failure> {
    match &arguments.command {
        LogCommand::Verify(it) => verify(it),
        LogCommand::Dump(it) => dump(it),
        LogCommand::Repair(it) => repair(it),
    }
}
