//! Commands that wait for room in somebody's outbox.
//!
//! They keep their place: what was parsed behind the command that found no room is carried out after
//! it, and nothing more is parsed meanwhile (law S18). Their bytes leave the receive block, so that
//! a connection that waits pins none (law S6).

use coilgun_protocol::buffer::{BlockRange, Chunk, Pool};
use coilgun_protocol::model::{Command, Publish, PublishFlags, Span, Timestamp};
use coilgun_protocol::session::SessionError;

/// Commands with the bytes they refer to.
#[derive(Debug)]
pub(super) struct Held {
    commands: Vec<Command>,
    next: usize,
    /// When they were read and began to wait.
    since: Timestamp,
    /// Nothing for commands that came from no chunk.
    bytes: Option<BlockRange>,
    /// How many bytes of the original chunk lie before `bytes`.
    cut: usize,
    text: Vec<u8>,
    /// The bytes behind the commands broke the protocol.
    pub(super) error: Option<SessionError>,
}

impl Held {
    /// Holds `commands`, which were read `now` and whose spans refer to `chunk` and `text`, or to `text` only if there is no
    /// chunk.
    ///
    /// Returns also how many bytes had to be copied. If `pool` has no block for them, the chunk
    /// stays where it is.
    pub(super) fn new(
        now: Timestamp,
        commands: &[Command],
        chunk: Option<&BlockRange>,
        text: &[u8],
        pool: &Pool,
    ) -> (Held, usize) {
        let mut held = Held {
            commands: commands.to_vec(),
            next: 0,
            since: now,
            bytes: chunk.cloned(),
            cut: 0,
            text: text.to_vec(),
            error: None,
        };
        let Some(chunk) = chunk else { return (held, 0) };
        let begin = commands.iter().filter_map(first_byte).min().unwrap_or(chunk.len());
        let end = commands.iter().filter_map(last_byte).max().unwrap_or(begin);
        let len = end.saturating_sub(begin);
        if len > pool.block_bytes() {
            return (held, 0);
        }
        let Some(block) = pool.take() else { return (held, 0) };
        // SAFETY: the block was just taken, nothing else refers to it.
        unsafe { block.unwritten(0, len) }.copy_from_slice(&chunk.bytes()[begin..end]);
        held.bytes = Some(BlockRange::new(block, 0, len));
        held.cut = begin;
        (held, len)
    }

    /// The command to carry out next, with its spans moved to where its bytes are now. A request has
    /// only the time left that it has not waited.
    pub(super) fn next(&self, now: Timestamp) -> Option<Command> {
        let mut command = rebased(*self.commands.get(self.next)?, self.cut);
        if let Command::Publish(publish) = &mut command
            && has_deadline(publish)
        {
            let waited_ms = u32::try_from(now.ms_since(self.since)).unwrap_or(u32::MAX);
            publish.deadline_ms = publish.deadline_ms.saturating_sub(waited_ms).max(1);
        }
        Some(command)
    }

    /// The next command, if it is a request whose time is over. It must not be carried out.
    pub(super) fn expired(&self, now: Timestamp) -> Option<&Publish> {
        self.timed().filter(|publish| self.since.plus_ms(publish.deadline_ms.into()) <= now)
    }

    /// When the time of the next command is over, if it is a request that says so.
    pub(super) fn expires_at(&self) -> Option<Timestamp> {
        self.timed().map(|publish| self.since.plus_ms(publish.deadline_ms.into()))
    }

    /// The next command, if it is a request that says how long it may take.
    fn timed(&self) -> Option<&Publish> {
        match self.commands.get(self.next)? {
            Command::Publish(publish) if has_deadline(publish) => Some(publish),
            Command::Publish(_)
            | Command::Open(_)
            | Command::Subscribe(_)
            | Command::Unsubscribe(_)
            | Command::Exclude(_)
            | Command::AddCredit(_)
            | Command::Barrier(_)
            | Command::Stream(_)
            | Command::Close(_) => None,
        }
    }

    /// The next command was carried out.
    pub(super) fn advance(&mut self) {
        self.next += 1;
    }

    /// What the spans refer to.
    pub(super) fn chunk(&self) -> Chunk<'_> {
        self.bytes.as_ref().map(BlockRange::chunk).unwrap_or_default()
    }

    /// Translated texts.
    pub(super) fn text(&self) -> &[u8] {
        &self.text
    }
}

/// Whether a message is a request whose requester says how long it waits.
fn has_deadline(publish: &Publish) -> bool {
    publish.deadline_ms > 0 && publish.flags.contains(PublishFlags::REQUEST)
}

/// The spans of a command.
fn spans(command: &Command) -> [Span; 5] {
    match command {
        Command::Open(open) => [open.namespace, open.name, open.primary, open.user, open.secret],
        Command::Publish(publish) => {
            [publish.subject, publish.reply, publish.headers, publish.payload, Span::EMPTY]
        }
        Command::Subscribe(subscribe) => {
            [subscribe.filter, subscribe.group, Span::EMPTY, Span::EMPTY, Span::EMPTY]
        }
        Command::Exclude(exclude) => {
            [exclude.filter, Span::EMPTY, Span::EMPTY, Span::EMPTY, Span::EMPTY]
        }
        Command::Stream(stream) => {
            let [first, second, third] = stream.spans();
            [first, second, third, Span::EMPTY, Span::EMPTY]
        }
        Command::Unsubscribe(_)
        | Command::AddCredit(_)
        | Command::Barrier(_)
        | Command::Close(_) => [Span::EMPTY; 5],
    }
}

fn in_chunk(command: &Command) -> impl Iterator<Item = Span> {
    spans(command).into_iter().filter(|span| !span.is_scratch() && !span.is_empty())
}

fn first_byte(command: &Command) -> Option<usize> {
    in_chunk(command).map(Span::offset).min()
}

fn last_byte(command: &Command) -> Option<usize> {
    in_chunk(command).map(Span::end).max()
}

fn rebased(mut command: Command, cut: usize) -> Command {
    match &mut command {
        Command::Open(open) => {
            for span in [
                &mut open.namespace,
                &mut open.name,
                &mut open.primary,
                &mut open.user,
                &mut open.secret,
            ] {
                *span = span.rebased(cut);
            }
        }
        Command::Publish(publish) => {
            for span in [
                &mut publish.subject,
                &mut publish.reply,
                &mut publish.headers,
                &mut publish.payload,
            ] {
                *span = span.rebased(cut);
            }
        }
        Command::Subscribe(subscribe) => {
            subscribe.filter = subscribe.filter.rebased(cut);
            subscribe.group = subscribe.group.rebased(cut);
        }
        Command::Exclude(exclude) => exclude.filter = exclude.filter.rebased(cut),
        Command::Stream(stream) => *stream = stream.rebased(cut),
        Command::Unsubscribe(_)
        | Command::AddCredit(_)
        | Command::Barrier(_)
        | Command::Close(_) => {}
    }
    command
}
