//! `coilgun reply`: answers requests.

use std::ffi::OsString;
use std::time::Duration;

use coilgun_client::blocking::Client;
use coilgun_client::{ClientError, Message, Publication, SubscribeOptions};
use coilgun_protocol::model::limits::PAYLOAD_BYTES_CEILING;

use super::child::{self, ERROR_HEADER};
use super::connect::connect;
use crate::arguments::ReplyArguments;
use crate::failure::Failure;
use crate::input;
use crate::output::note;

/// What the replies are made from.
enum Answer<'a> {
    /// Always the same.
    Fixed(Vec<u8>),
    /// The request.
    Echo,
    /// What a command prints.
    Command(&'a OsString),
}

/// Answers requests until there were enough of them.
pub(super) fn reply(arguments: &ReplyArguments) -> Result<(), Failure> {
    let answer = match (&arguments.exec, arguments.echo) {
        (Some(command), _) => Answer::Command(command),
        (None, true) => Answer::Echo,
        (None, false) => {
            let payload = input::payload(arguments.payload.as_deref(), PAYLOAD_BYTES_CEILING)?;
            Answer::Fixed(payload)
        }
    };
    let mut client = connect(&arguments.client)?;
    let mut how =
        SubscribeOptions::default().with_queue_group(arguments.group.clone().unwrap_or_default());
    // Credit keeps requests away that would come after the last reply.
    how.credit = arguments.count;
    let subscription = client.subscribe(&arguments.filter, &how)?;
    client.flush()?;
    if !arguments.client.quiet {
        note(&format!("answering requests to {}", arguments.filter));
    }
    let mut left = arguments.count;
    while left != Some(0) {
        let Some(message) = client.next_message(Duration::MAX)? else { continue };
        if send_reply(&mut client, &answer, &message)? {
            left = left.map(|left| left - 1);
        } else if left.is_some() {
            client.add_credit(subscription, 1)?;
        }
    }
    client.flush()?;
    Ok(client.close()?)
}

/// Answers a message, and says whether it wanted an answer.
fn send_reply(
    client: &mut Client,
    answer: &Answer<'_>,
    message: &Message,
) -> Result<bool, Failure> {
    let Some(reply) = Publication::reply_to(message) else { return Ok(false) };
    match answer {
        Answer::Fixed(payload) => client.publish(&reply.with_payload(payload))?,
        Answer::Echo => client.publish(&reply.with_payload(message.payload()))?,
        Answer::Command(command) => {
            let outcome = child::run(command, message, client)?;
            let reply = match &outcome.error {
                Some(error) => {
                    note(&format!("{}: {error}", message.subject_text()));
                    let reply = reply.with_header(ERROR_HEADER, error.as_bytes());
                    reply.map_err(ClientError::from)?
                }
                None => reply,
            };
            client.publish(&reply.with_payload(&outcome.printed))?;
        }
    }
    Ok(true)
}
