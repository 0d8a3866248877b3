//! Why a bench ends without figures.

use std::io;
use std::path::PathBuf;

use coilgun_client::ClientError;
use coilgun_protocol::native::{DecodeError, EncodeError};
use coilgun_server::net::{ListenAddress, ListenError};

use crate::traffic::message::{Faults, MessageError};

/// Why a bench ends without figures.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// The system refuses something.
    #[error("{doing}: {error}")]
    System {
        /// What was being done.
        doing: &'static str,
        /// What the system said.
        #[source]
        error: io::Error,
    },
    /// A connection cannot be made.
    #[error("cannot connect to {address}: {error}")]
    Connect {
        /// Whereto.
        address: ListenAddress,
        /// What the system said.
        #[source]
        error: io::Error,
    },
    /// A program cannot be started.
    #[error("cannot start {program}: {error}")]
    Start {
        /// The program.
        program: PathBuf,
        /// What the system said.
        #[source]
        error: io::Error,
    },
    /// A server ended, or did not get ready in time.
    #[error("{name} {what}; it said:\n{output}")]
    Server {
        /// Which server.
        name: &'static str,
        /// What is wrong with it.
        what: String,
        /// The end of what it wrote.
        output: String,
    },
    /// The broker does not say what it counted.
    #[error("the broker does not say what it counted: {0}")]
    Counters(String),
    /// The echo server cannot listen.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// The server closed a connection while messages were under way.
    #[error("the {0} closed a connection of the load")]
    Closed(&'static str),
    /// The broker's bytes break its protocol.
    #[error("the broker's bytes make no sense: {0}")]
    Decode(#[from] DecodeError),
    /// A frame of the load is not possible.
    #[error("a frame of the load cannot be sent: {0}")]
    Encode(#[from] EncodeError),
    /// A client could not do what it was told to.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The broker refused something, or said something unexpected.
    #[error("the broker said: {0}")]
    Refused(String),
    /// What arrived is not what was sent.
    #[error(transparent)]
    Message(#[from] MessageError),
    /// Messages were lost, doubled or overtaken.
    #[error("{0}; nothing measured in such a run counts")]
    Faults(Faults),
    /// More is to be sent than the server takes, by far.
    #[error("the server does not take {per_second} messages/s: {bytes} bytes wait to be sent")]
    Overloaded {
        /// The rate that was asked for.
        per_second: u64,
        /// Bytes that wait on one connection.
        bytes: usize,
    },
    /// Something went wrong in a scenario.
    #[error("{scenario}: {error}")]
    Scenario {
        /// Its name.
        scenario: String,
        /// What went wrong.
        #[source]
        error: Box<BenchError>,
    },
    /// The broker did not stay as it was.
    #[error("the soak failed in {0} points, named above")]
    Soak(usize),
    /// An argument makes no sense.
    #[error("{0}")]
    Argument(String),
    /// The report cannot be written.
    #[error("cannot write {path}: {error}")]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        error: io::Error,
    },
    /// Somebody asked for the end.
    #[error("interrupted")]
    Interrupted,
}

impl BenchError {
    /// Turns what the system said while `doing` something into an error.
    pub fn system(doing: &'static str) -> impl FnOnce(io::Error) -> BenchError {
        move |error| BenchError::System { doing, error }
    }
}
