//! `coilgun pub`: publishes messages.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::sync::mpsc::{RecvTimeoutError, TryRecvError};
use std::time::Duration;

use coilgun_client::Publication;
use coilgun_client::blocking::Client;
use coilgun_protocol::model::limits::PAYLOAD_BYTES_CEILING;

use super::connect::{connect, with_headers};
use crate::arguments::PublishArguments;
use crate::failure::Failure;
use crate::input;
use crate::output::{Output, Style};

/// How often the broker hears of a client whose standard input is silent.
const SIGN_OF_LIFE: Duration = Duration::from_secs(1);

/// Publishes what the arguments say.
pub(super) fn publish(arguments: &PublishArguments) -> Result<(), Failure> {
    let template = with_headers(destination(arguments)?, &arguments.headers)?;
    let template = match &arguments.reply {
        Some(reply) => template.with_reply(reply),
        None => template,
    };
    let style = if arguments.client.json { Style::Json } else { Style::Line };
    let mut publisher = Publisher { output: Output::new(style), wants_ack: arguments.ack };
    if arguments.lines {
        let mut client = connect(&arguments.client)?;
        let published = publisher.lines(&mut client, &template);
        return finish(client, published);
    }
    let payload = input::payload(payload_argument(arguments), PAYLOAD_BYTES_CEILING)?;
    let mut client = connect(&arguments.client)?;
    let count = arguments.count.unwrap_or(1);
    let published = publisher.times(count, &mut client, &template.with_payload(&payload));
    finish(client, published)
}

/// Where messages go: the first argument, unless a flag says it.
fn destination(arguments: &PublishArguments) -> Result<Publication<'_>, Failure> {
    let by_flag = match (&arguments.to_name, &arguments.broadcast) {
        (Some(name), _) => Publication::to_name(name),
        (None, Some(mask)) => Publication::broadcast(mask),
        (None, None) => {
            let subject = arguments.first.as_deref().unwrap_or_default();
            return Ok(Publication::to(subject.as_bytes()));
        }
    };
    if arguments.second.is_some() {
        return Err(Failure::Usage {
            text: "a subject and --to-name or --broadcast both say where to".to_owned(),
            help: "Leave the subject out: coilgun pub --to-name NAME PAYLOAD".to_owned(),
        });
    }
    Ok(by_flag)
}

/// The payload: the second argument, or the only one if a flag says where to.
fn payload_argument(arguments: &PublishArguments) -> Option<&OsStr> {
    let is_by_flag = arguments.to_name.is_some() || arguments.broadcast.is_some();
    let argument = if is_by_flag { &arguments.first } else { &arguments.second };
    argument.as_ref().map(OsString::as_os_str)
}

/// Waits until the broker carried everything out, and leaves. What was taken before a failure is
/// published all the same; the failure is what is reported.
fn finish(mut client: Client, published: Result<(), Failure>) -> Result<(), Failure> {
    let finished = client.flush().and_then(|()| client.close());
    published.and(finished.map_err(Failure::from))
}

struct Publisher {
    output: Output,
    wants_ack: bool,
}

impl Publisher {
    fn publish(
        &mut self,
        client: &mut Client,
        publication: &Publication<'_>,
    ) -> Result<(), Failure> {
        if !self.wants_ack {
            return Ok(client.publish(publication)?);
        }
        let receivers = client.publish_acked(publication)?;
        self.output.receivers(receivers)
    }

    /// Publishes the same message so many times.
    fn times(
        &mut self,
        count: u64,
        client: &mut Client,
        publication: &Publication<'_>,
    ) -> Result<(), Failure> {
        for _ in 0..count {
            self.publish(client, publication)?;
        }
        self.output.flush()
    }

    /// Publishes each line of standard input, without waiting for more lines than there are.
    fn lines(&mut self, client: &mut Client, template: &Publication<'_>) -> Result<(), Failure> {
        let lines = input::lines(client.server().payload_bytes_max)?;
        // Ends with standard input, or when the connection is lost.
        loop {
            let line = match lines.try_recv() {
                Ok(line) => line?,
                Err(TryRecvError::Disconnected) => return self.output.flush(),
                Err(TryRecvError::Empty) => {
                    client.write_out()?;
                    self.output.flush()?;
                    match lines.recv_timeout(SIGN_OF_LIFE) {
                        Ok(line) => line?,
                        Err(RecvTimeoutError::Disconnected) => return self.output.flush(),
                        Err(RecvTimeoutError::Timeout) => {
                            client.keep_alive()?;
                            continue;
                        }
                    }
                }
            };
            self.publish(client, &template.clone().with_payload(&line))?;
        }
    }
}
