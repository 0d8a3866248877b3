//! Commands as lines of text.
//!
//! What it does: writes a command with the bytes its spans refer to, so that transcripts, fuzzers
//! and simulators compare and print what a session wants done. What it never does: it is not on the
//! data path, and no machine reads the lines.

use core::fmt::Write;

use crate::model::{
    Append, AppendConditions, Command, Follow, FollowFrom, PartitionChoice, ProducerId,
    SlowConsumerWish, Span, StreamCommand,
};

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
        Command::Stream(stream) => line.stream(stream),
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

impl<'a> Line<'a> {
    /// What a span covers.
    fn covered(&self, span: Span) -> &'a [u8] {
        let source = if span.is_scratch() { self.scratch } else { self.chunk };
        &source[span.offset()..span.end()]
    }

    fn bytes(&mut self, field: &str, span: Span) {
        let bytes = self.covered(span);
        write!(self.text, " {field}=\"{}\"", bytes.escape_ascii())
            .expect("a string takes any text");
    }

    /// A command about streams.
    fn stream(&mut self, command: &StreamCommand) {
        match command {
            StreamCommand::Create(create) => {
                self.text.push_str("create_stream");
                self.bytes("name", create.name);
                self.number("ticket", create.ticket.0);
                self.number("partition_count", create.partition_count);
                self.number("co_located", create.co_located);
            }
            StreamCommand::Delete(delete) => {
                self.text.push_str("delete_stream");
                self.bytes("name", delete.name);
                self.number("ticket", delete.ticket.0);
            }
            StreamCommand::List(list) => {
                self.text.push_str("list_streams");
                self.number("ticket", list.ticket.0);
            }
            StreamCommand::Describe(describe) => {
                self.text.push_str("describe_stream");
                self.bytes("name", describe.name);
                self.number("ticket", describe.ticket.0);
            }
            StreamCommand::Append(append) => self.append(append),
            StreamCommand::RefuseAppend(refuse) => {
                self.text.push_str("refuse_append");
                self.number("code", refuse.code.name());
                self.number("detail", refuse.detail);
                self.number("ticket", refuse.ticket.0);
                self.partition(refuse.partition);
            }
            StreamCommand::Follow(follow) => self.follow(follow),
            StreamCommand::AddCredit(credit) => {
                self.text.push_str("add_follow_credit");
                self.number("follow", credit.follow.0);
                self.number("records", credit.records);
                self.number("bytes", credit.bytes);
            }
            StreamCommand::Unfollow(unfollow) => {
                self.text.push_str("unfollow");
                self.number("follow", unfollow.follow.0);
                self.number("ticket", unfollow.ticket.0);
            }
        }
    }

    fn append(&mut self, append: &Append) {
        self.text.push_str("append");
        self.bytes("stream", append.stream);
        self.partition(append.partition);
        self.bytes("body", append.body);
        self.number("body_kind", append.body_kind as u16);
        self.number("count", append.count);
        self.number("body_crc", format_args!("{:#010x}", append.body_crc));
        self.number("level", append.level.name());
        self.number("ticket", append.ticket.0);
        let conditions = AppendConditions::decode(self.covered(append.conditions));
        if conditions.producer != ProducerId::NONE {
            self.number("producer", conditions.producer.0);
            self.number("epoch", conditions.epoch.0);
            self.number("sequence", conditions.sequence.0);
        }
        if let Some(expected) = conditions.expected {
            self.number("expected", expected);
        }
    }

    fn follow(&mut self, follow: &Follow) {
        self.text.push_str("follow");
        self.number("follow", follow.follow.0);
        self.bytes("stream", follow.stream);
        self.number("partition", follow.partition);
        match follow.from {
            FollowFrom::At(offset) => self.number("from", offset),
            FollowFrom::End => self.number("from", "end"),
        }
        self.number("credit_records", follow.credit_records);
        self.number("credit_bytes", follow.credit_bytes);
        self.number("stop_at_end", follow.stop_at_end);
        self.number("ticket", follow.ticket.0);
    }

    fn partition(&mut self, partition: PartitionChoice) {
        match partition {
            PartitionChoice::Index(index) => self.number("partition", index),
            PartitionChoice::KeyHash(hash) => {
                self.number("key_hash", format_args!("{hash:#010x}"));
            }
        }
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
