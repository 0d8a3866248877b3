//! `coilgun sub`: prints what arrives.

use std::time::Duration;

use coilgun_client::blocking::Client;
use coilgun_client::{Message, SubscribeOptions};
use coilgun_protocol::model::{ErrorCode, Visibility};

use super::connect::options;
use crate::arguments::SubscribeArguments;
use crate::failure::Failure;
use crate::output::{Output, Style, note};

/// Prints messages until there were enough, none came for long enough, or nobody reads them.
pub(super) fn subscribe(arguments: &SubscribeArguments) -> Result<(), Failure> {
    let mut options = options(&arguments.client)?;
    options.once_per_message = true;
    options.slow_consumer.policy = arguments.slow_consumer;
    let mut client = Client::connect(options)?;
    let how = subscribe_options(arguments);
    for filter in &arguments.filters {
        client.subscribe(filter, &how)?;
    }
    client.flush()?;
    if !arguments.client.quiet {
        note(&announcement(arguments));
    }
    let style = match (arguments.client.json, arguments.raw) {
        (true, _) => Style::Json,
        (false, true) => Style::Raw,
        (false, false) => Style::Line,
    };
    match print(arguments, &mut client, Output::new(style)) {
        // Who reads has had enough, as in `coilgun sub '>' | head -1`.
        Err(Failure::OutputClosed) => Ok(()),
        Err(failure) => Err(failure),
        Ok(()) => Ok(client.close()?),
    }
}

fn subscribe_options(arguments: &SubscribeArguments) -> SubscribeOptions {
    let wanted = [(arguments.system, Visibility::SYSTEM), (arguments.inbox, Visibility::INBOX)];
    let visibility = wanted
        .iter()
        .filter(|(is_wanted, _)| *is_wanted)
        .fold(Visibility::PLAIN, |all, (_, one)| all.with(*one));
    // With one way in, the broker counts as well: a queue group then gives what is beyond the count
    // to another member instead of to one that is about to leave.
    let has_one_way_in = arguments.filters.len() == 1 && arguments.client.name.is_none();
    let deliveries_max = if has_one_way_in { arguments.count.unwrap_or(0) } else { 0 };
    SubscribeOptions::default()
        .with_queue_group(arguments.group.clone().unwrap_or_default())
        .with_deliveries_max(deliveries_max)
        .with_visibility(visibility)
}

/// What standard error says once the subscriptions are in force.
fn announcement(arguments: &SubscribeArguments) -> String {
    let mut what = arguments.filters.clone();
    what.extend(arguments.client.name.as_ref().map(|name| format!("the name {name}")));
    format!("subscribed to {}", what.join(", "))
}

fn print(
    arguments: &SubscribeArguments,
    client: &mut Client,
    mut output: Output,
) -> Result<(), Failure> {
    let wanted = arguments.count.unwrap_or(u32::MAX);
    let patience = arguments.timeout.unwrap_or(Duration::MAX);
    let mut came = 0;
    while came < wanted {
        if client.queued_count() == 0 {
            output.flush()?;
        }
        let Some(message) = client.next_message(patience)? else {
            output.flush()?;
            return silence(arguments, came, patience);
        };
        tell_of_missed(arguments, &message);
        tell_of_notices(arguments, client);
        output.message(&message)?;
        if arguments.count.is_some() {
            came += 1;
        }
    }
    output.flush()
}

/// What it means that nothing came for as long as was asked for.
fn silence(arguments: &SubscribeArguments, came: u32, waited: Duration) -> Result<(), Failure> {
    match arguments.count {
        None => Ok(()),
        Some(wanted) => Err(Failure::TooFew { came, wanted, seconds: waited.as_secs_f64() }),
    }
}

fn tell_of_notices(arguments: &SubscribeArguments, client: &mut Client) {
    // Ends because notices only arrive while the client waits.
    while let Some(notice) = client.take_notice() {
        let text = ErrorCode::from_number(notice.code).map_or("the broker says", ErrorCode::text);
        if !arguments.client.quiet {
            note(&format!("{text} ({})", notice.count));
        }
    }
}

fn tell_of_missed(arguments: &SubscribeArguments, message: &Message) {
    if message.missed() > 0 && !arguments.client.quiet {
        note(&format!("{} messages were missed before this one", message.missed()));
    }
}
