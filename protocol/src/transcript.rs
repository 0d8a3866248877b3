//! Commands as lines of text.
//!
//! What it does: writes a command with the bytes its spans refer to, so that transcripts, fuzzers
//! and simulators compare and print what a session wants done. What it never does: it is not on the
//! data path, and no machine reads the lines.

use core::fmt::Write;

use crate::model::{Command, SlowConsumerWish, Span};

/// The command as one line: its name, and its fields in order; absent texts are `""`. The
/// correlation of a message is left out where it is the ticket.
///
/// `chunk` is what the session was given, `text` the scratch text of its list of commands.
///
/// # Panics
/// If a span of the command lies in neither.
#[must_use]
pub fn describe_command(command: &Command, chunk: &[u8], text: &[u8]) -> String {
    let mut line = Line { text: String::new(), chunk, scratch: text };
    match command {
        Command::Open(open) => {
            line.text.push_str("open");
            line.bytes("namespace", open.namespace);
            line.bytes("name", open.name);
            if !open.primary.is_empty() {
                line.bytes("primary", open.primary);
            }
            line.bytes("user", open.user);
            line.bytes("secret", open.secret);
            line.number("flags", open.flags.0);
            line.wish(open.slow_consumer);
        }
        Command::Publish(publish) => {
            line.text.push_str("publish");
            line.bytes("subject", publish.subject);
            line.bytes("reply", publish.reply);
            line.bytes("headers", publish.headers);
            line.bytes("payload", publish.payload);
            line.number("ticket", publish.ticket.0);
            if publish.correlation != publish.ticket {
                line.number("correlation", publish.correlation.0);
            }
            line.number("deadline_ms", publish.deadline_ms);
            line.number("flags", publish.flags.0);
        }
        Command::Subscribe(subscribe) => {
            line.text.push_str("subscribe");
            line.number("subscription", subscribe.subscription.0);
            line.bytes("filter", subscribe.filter);
            line.bytes("group", subscribe.group);
            line.number("ticket", subscribe.ticket.0);
            line.number("credit", subscribe.credit);
            line.number("deliveries_max", subscribe.deliveries_max);
            line.number("visibility", subscribe.visibility.0);
            line.wish(subscribe.slow_consumer);
        }
        Command::Unsubscribe(unsubscribe) => {
            line.text.push_str("unsubscribe");
            line.number("subscription", unsubscribe.subscription.0);
            line.number("ticket", unsubscribe.ticket.0);
            line.number("deliveries_max", unsubscribe.deliveries_max);
        }
        Command::Exclude(exclude) => {
            line.text.push_str(if exclude.begins { "exclude" } else { "unexclude" });
            line.bytes("filter", exclude.filter);
            line.number("ticket", exclude.ticket.0);
        }
        Command::AddCredit(credit) => {
            line.text.push_str("add_credit");
            line.number("subscription", credit.subscription.0);
            line.number("messages", credit.messages);
        }
        Command::Barrier(barrier) => {
            line.text.push_str("barrier");
            line.number("token", barrier.token);
        }
        Command::Close(close) => {
            line.text.push_str("close");
            line.number("code", close.code.name());
        }
    }
    line.text
}

/// A line that grows by ` field=value`.
struct Line<'a> {
    text: String,
    chunk: &'a [u8],
    scratch: &'a [u8],
}

impl Line<'_> {
    fn bytes(&mut self, field: &str, span: Span) {
        let source = if span.is_scratch() { self.scratch } else { self.chunk };
        let bytes = &source[span.offset()..span.end()];
        write!(self.text, " {field}=\"{}\"", bytes.escape_ascii())
            .expect("a string takes any text");
    }

    /// What was wished for; nothing where nothing was.
    fn wish(&mut self, wish: SlowConsumerWish) {
        if let Some(policy) = wish.policy {
            self.number("slow_consumer", policy);
        }
        if let Some(ms) = wish.backpressure_ms {
            self.number("backpressure_ms", ms);
        }
    }

    fn number(&mut self, field: &str, value: impl core::fmt::Display) {
        write!(self.text, " {field}={value}").expect("a string takes any text");
    }
}
