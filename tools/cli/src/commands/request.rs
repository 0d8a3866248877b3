//! `coilgun request`: sends a request, and prints the reply.

use coilgun_client::{Message, Publication};
use coilgun_protocol::model::limits::PAYLOAD_BYTES_CEILING;

use super::child::ERROR_HEADER;
use super::connect::{connect, with_headers};
use crate::arguments::RequestArguments;
use crate::failure::Failure;
use crate::input;
use crate::output::{Output, Style};

/// Sends the request, and prints what comes back.
pub(super) fn request(arguments: &RequestArguments) -> Result<(), Failure> {
    let payload = input::payload(arguments.payload.as_deref(), PAYLOAD_BYTES_CEILING)?;
    let request = Publication::to(&arguments.subject).with_payload(&payload);
    let request = with_headers(request, &arguments.headers)?;
    let style = match (arguments.client.json, arguments.many) {
        (true, _) => Style::Json,
        (false, true) => Style::Raw,
        (false, false) => Style::Exact,
    };
    let mut output = Output::new(style);
    let mut client = connect(&arguments.client)?;
    if arguments.many {
        let mut replies = client.request_many(&request, arguments.timeout)?;
        while let Some(reply) = replies.next_reply()? {
            print(&mut output, &reply)?;
        }
    } else {
        let reply = client.request(&request, arguments.timeout)?;
        print(&mut output, &reply)?;
    }
    Ok(client.close()?)
}

/// Prints a reply, and fails if the responder says that it did.
fn print(output: &mut Output, reply: &Message) -> Result<(), Failure> {
    output.message(reply)?;
    output.flush()?;
    match reply.header(ERROR_HEADER) {
        Some(reason) => Err(Failure::Responder(String::from_utf8_lossy(reason).into_owned())),
        None => Ok(()),
    }
}
