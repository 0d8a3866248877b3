//! How a command fails: with a status, a text, and what to do about it.

use std::borrow::Cow;
use std::io::Write;
use std::path::{Path, PathBuf};

use coilgun_client::ClientError;
use coilgun_server::{BrokerFault, StartError};
use serde::Serialize;

use crate::configuration::ConfigurationError;
use crate::refusal::{start_help, start_text};

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// What was asked for does not fit together.
    #[error("{text}")]
    Usage {
        /// What is wrong.
        text: String,
        /// What to do about it.
        help: String,
    },
    /// The configuration is wrong.
    #[error(transparent)]
    Configuration(#[from] ConfigurationError),
    /// The client failed.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The broker did not start.
    #[error("the broker cannot start: {}", start_text(.0))]
    Start(#[from] StartError),
    /// The broker ended on its own.
    #[error("the broker ended: {0}")]
    Broker(#[from] BrokerFault),
    /// Standard input or output, or something else the system refuses.
    #[error("cannot {doing}: {source}")]
    System {
        /// What was tried.
        doing: &'static str,
        /// What the system says.
        source: std::io::Error,
    },
    /// Something about a file that the system refuses.
    #[error("cannot {doing} {}: {source}", path.display())]
    Path {
        /// What was tried.
        doing: &'static str,
        /// With which file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// Standard input holds more than one message may carry.
    #[error("{what} has more than {bytes_max} bytes, the most a message may carry")]
    TooLarge {
        /// What was read.
        what: String,
        /// The limit.
        bytes_max: usize,
    },
    /// Fewer messages came than were wanted.
    #[error("{came} of {wanted} messages came, and then none for {seconds} s")]
    TooFew {
        /// How many came.
        came: u32,
        /// How many were wanted.
        wanted: u32,
        /// How long none came.
        seconds: f64,
    },
    /// Fewer records came than were wanted.
    #[error("{came} of {wanted} records came, and then none for {seconds} s")]
    TooFewRecords {
        /// How many came.
        came: u64,
        /// How many were wanted.
        wanted: u64,
        /// How long none came.
        seconds: f64,
    },
    /// The responder said that it failed.
    #[error("the responder failed: {0}")]
    Responder(String),
    /// No service answers that was looked for.
    #[error("{whom} answers")]
    NoService {
        /// Who does not answer.
        whom: String,
    },
    /// A log could not be looked at.
    #[error("{text}")]
    NotChecked {
        /// Why not.
        text: String,
        /// What to do about it.
        help: String,
    },
    /// A log was looked at, and something about it is wrong. What, was printed.
    #[error("{text}")]
    Unsound {
        /// How much.
        text: String,
        /// What to do about it.
        help: String,
    },
    /// Nobody reads standard output any more. There is nothing to say about it.
    #[error("nobody reads standard output")]
    OutputClosed,
}

/// An error as JSON.
#[derive(Serialize)]
struct Record<'a> {
    error: Details<'a>,
}

#[derive(Serialize)]
struct Details<'a> {
    name: &'a str,
    text: String,
    help: &'a str,
    retryable: bool,
}

impl Failure {
    /// What `doing` failed with; a closed pipe behind standard output is a failure of its own.
    pub(crate) fn output(source: std::io::Error) -> Failure {
        if source.kind() == std::io::ErrorKind::BrokenPipe {
            return Failure::OutputClosed;
        }
        Failure::System { doing: "write to standard output", source }
    }

    /// What `doing` with a file failed with.
    pub(crate) fn path(doing: &'static str, path: &Path, source: std::io::Error) -> Failure {
        Failure::Path { doing, path: path.to_owned(), source }
    }

    /// The exit status: 2 for what the caller has to change before trying again, and where a log could not be
    /// looked at; 1 otherwise.
    pub(crate) fn status(&self) -> u8 {
        match self {
            Failure::Usage { .. }
            | Failure::Configuration(_)
            | Failure::NotChecked { .. }
            | Failure::Start(StartError::Config(_) | StartError::Topology(_)) => 2,
            Failure::Client(_)
            | Failure::Start(_)
            | Failure::Broker(_)
            | Failure::System { .. }
            | Failure::Path { .. }
            | Failure::TooLarge { .. }
            | Failure::TooFew { .. }
            | Failure::TooFewRecords { .. }
            | Failure::Responder(_)
            | Failure::NoService { .. }
            | Failure::Unsound { .. }
            | Failure::OutputClosed => 1,
        }
    }

    /// Says on standard error what went wrong. If nobody listens there either, nobody is told.
    pub(crate) fn report(&self, as_json: bool) {
        if matches!(self, Failure::OutputClosed) {
            return;
        }
        let text = if as_json { self.json_line() } else { self.text_lines() };
        let _ = std::io::stderr().write_all(text.as_bytes());
    }

    fn text_lines(&self) -> String {
        let mut text = format!("coilgun: {self}\n");
        if !self.help().is_empty() {
            text.push_str(&format!("  help: {}\n", self.help()));
        }
        text
    }

    fn json_line(&self) -> String {
        let error = Details {
            name: self.name(),
            text: self.to_string(),
            help: &self.help(),
            retryable: self.is_retryable(),
        };
        let mut line =
            serde_json::to_string(&Record { error }).expect("texts and a boolean are JSON");
        line.push('\n');
        line
    }

    fn name(&self) -> &str {
        match self {
            Failure::Client(error) => error.name(),
            Failure::Usage { .. } => "usage",
            Failure::Configuration(_)
            | Failure::Start(StartError::Config(_) | StartError::Topology(_)) => "configuration",
            Failure::Start(_) => "cannot_start",
            Failure::Broker(_) => "broker_fault",
            Failure::System { .. } | Failure::Path { .. } => "system",
            Failure::TooLarge { .. } => "payload_too_large",
            Failure::TooFew { .. } | Failure::TooFewRecords { .. } => "timed_out",
            Failure::Responder(_) => "responder_failed",
            Failure::NoService { .. } => "no_service",
            Failure::NotChecked { .. } => "not_checked",
            Failure::Unsound { .. } => "unsound",
            Failure::OutputClosed => "output_closed",
        }
    }

    fn help(&self) -> Cow<'_, str> {
        let help = match self {
            Failure::Start(error) => return start_help(error),
            Failure::Client(error) => error.help(),
            Failure::Usage { help, .. }
            | Failure::NotChecked { help, .. }
            | Failure::Unsound { help, .. } => help,
            Failure::Configuration(error) => error.help(),
            Failure::Broker(_) => {
                "Start it again; if it happens again, the kernel's log may say more."
            }
            Failure::TooLarge { .. } => {
                "Split it, or raise limits.payload_bytes_max (--payload-max) in the broker."
            }
            Failure::TooFewRecords { .. } => {
                "Wait longer (--timeout), or check that somebody appends."
            }
            Failure::TooFew { .. } => "Wait longer (--timeout), or check that somebody publishes.",
            Failure::NoService { .. } => {
                "Start one, check name and namespace, or wait longer (--timeout)."
            }
            Failure::System { .. }
            | Failure::Path { .. }
            | Failure::Responder(_)
            | Failure::OutputClosed => "",
        };
        Cow::Borrowed(help)
    }

    fn is_retryable(&self) -> bool {
        match self {
            Failure::Client(error) => error.is_retryable(),
            Failure::TooFew { .. }
            | Failure::TooFewRecords { .. }
            | Failure::NoService { .. }
            | Failure::Broker(_) => true,
            Failure::Usage { .. }
            | Failure::Configuration(_)
            | Failure::Start(_)
            | Failure::System { .. }
            | Failure::Path { .. }
            | Failure::TooLarge { .. }
            | Failure::Responder(_)
            | Failure::NotChecked { .. }
            | Failure::Unsound { .. }
            | Failure::OutputClosed => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_two_lines_or_one_object() {
        let failure = Failure::Usage { text: "no \"x\"".to_owned(), help: "Say y.".to_owned() };
        assert_eq!(failure.text_lines(), "coilgun: no \"x\"\n  help: Say y.\n");
        assert_eq!(
            failure.json_line(),
            "{\"error\":{\"name\":\"usage\",\"text\":\"no \\\"x\\\"\",\"help\":\"Say y.\",\
             \"retryable\":false}}\n"
        );
        assert_eq!(failure.status(), 2);
    }
}
