//! A command that answers one request.

use std::ffi::{OsStr, OsString};
use std::io::{self, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::thread;
use std::time::Duration;

use coilgun_client::Message;
use coilgun_client::blocking::Client;

use crate::failure::Failure;

/// The header in which a responder says that it failed, and why.
pub(super) const ERROR_HEADER: &str = "Coilgun-Error";

/// How often the broker hears of a client whose command takes long.
const SIGN_OF_LIFE: Duration = Duration::from_secs(1);

/// What became of a command.
#[derive(Debug)]
pub(super) struct Outcome {
    /// What it printed, as far as a message can carry it.
    pub(super) printed: Vec<u8>,
    /// Why it failed, if it did.
    pub(super) error: Option<String>,
}

/// Runs a command for a request, and keeps the connection alive meanwhile.
///
/// # Errors
/// If the connection is lost; that the command fails is an outcome.
pub(super) fn run(
    command: &OsString,
    request: &Message,
    client: &mut Client,
) -> Result<Outcome, Failure> {
    let bytes_max = client.server().payload_bytes_max;
    let (sender, receiver) = sync_channel(1);
    thread::scope(|scope| {
        scope.spawn(move || {
            // Nobody waits for the outcome any more once the connection is lost.
            let _ = sender.send(answer(command, request, bytes_max));
        });
        // Ends with the command, or when the connection is lost.
        loop {
            match receiver.recv_timeout(SIGN_OF_LIFE) {
                Ok(outcome) => return Ok(outcome),
                Err(RecvTimeoutError::Timeout) => client.keep_alive()?,
                Err(RecvTimeoutError::Disconnected) => {
                    let error = Some("the thread that ran the command is gone".to_owned());
                    return Ok(Outcome { printed: Vec::new(), error });
                }
            }
        }
    })
}

/// Runs the command from its start to its end.
fn answer(command: &OsStr, request: &Message, bytes_max: usize) -> Outcome {
    let spawned = Command::new("sh")
        .arg("-c")
        .arg(command)
        .env("COILGUN_SUBJECT", OsStr::from_bytes(request.subject()))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn();
    let talked = spawned.and_then(|mut child| {
        let printed = talk(&mut child, request.payload(), bytes_max);
        // It is waited for in any case, so that nothing is left behind.
        let status = child.wait()?;
        Ok((printed?, status))
    });
    match talked {
        Err(error) => Outcome {
            printed: Vec::new(),
            error: Some(format!("the command cannot be run: {error}")),
        },
        Ok((mut printed, _)) if printed.len() > bytes_max => {
            printed.clear();
            let error = Some(format!("the command printed more than {bytes_max} bytes"));
            Outcome { printed, error }
        }
        Ok((printed, status)) if status.success() => Outcome { printed, error: None },
        Ok((printed, status)) => {
            Outcome { printed, error: Some(format!("the command failed: {status}")) }
        }
    }
}

/// Writes the payload and reads the output at the same time, one byte more than `bytes_max` at most:
/// a command that goes on printing is killed.
fn talk(child: &mut Child, payload: &[u8], bytes_max: usize) -> io::Result<Vec<u8>> {
    let mut stdin = child.stdin.take().expect("its standard input is a pipe");
    let stdout = child.stdout.take().expect("its standard output is a pipe");
    thread::scope(|scope| {
        let written = scope.spawn(move || match stdin.write_all(payload) {
            // A command need not read its input.
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error),
            Ok(()) | Err(_) => Ok(()),
        });
        let mut printed = Vec::new();
        let read = stdout.take(bytes_max as u64 + 1).read_to_end(&mut printed);
        if printed.len() > bytes_max || read.is_err() {
            child.kill()?;
        }
        let written = written.join().map_err(|_| io::Error::other("writing to it panicked"))?;
        read.and(written)?;
        Ok(printed)
    })
}
