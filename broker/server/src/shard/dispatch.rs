//! Commands, one by one: the door between sessions and the router.

use coilgun_core::router::{ClientAttributes, Subscription};
use coilgun_protocol::buffer::Chunk;
use coilgun_protocol::model::{
    BarrierDone, ClientId, Closing, Command, ErrorCode, Event, Open, Opened, Outcome, SlowConsumer,
    Span, Subscribe, Ticket, Timestamp,
};
use coilgun_protocol::session::Session;

use super::turn::Shard;
use crate::env::Env;

/// What became of a command.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Progress {
    /// It was carried out, or refused and the client told.
    Done,
    /// It waits for room in this client's outbox, so many milliseconds at most, and so does
    /// everything behind it.
    Waits(ClientId, u16),
    /// The connection is over; what is behind the command does not count.
    Ended,
}

/// What a span covers, wherever it is; what a session wrote into the scratch text lies in no block.
#[inline]
pub(super) fn piece<'a>(span: Span, chunk: Chunk<'a>, text: &'a [u8]) -> Chunk<'a> {
    if span.is_scratch() {
        return Chunk::plain(&text[span.offset()..span.end()]);
    }
    chunk.slice(span)
}

/// The bytes a span covers, wherever they are.
#[inline]
pub(super) fn bytes<'a>(span: Span, chunk: Chunk<'a>, text: &'a [u8]) -> &'a [u8] {
    piece(span, chunk, text).bytes()
}

impl<E: Env> Shard<E> {
    /// Carries out one command of a client.
    #[inline]
    pub(super) fn dispatch(
        &mut self,
        now: Timestamp,
        id: ClientId,
        command: &Command,
        chunk: Chunk<'_>,
        text: &[u8],
    ) -> Progress {
        match command {
            Command::Publish(publish) => return self.publish(now, id, publish, chunk, text),
            Command::Open(open) => return self.open(now, id, open, chunk, text),
            Command::Close(close) => {
                self.end(now, id, close.code, "");
                return Progress::Ended;
            }
            Command::Subscribe(_)
            | Command::Unsubscribe(_)
            | Command::AddCredit(_)
            | Command::Barrier(_)
                if !self.is_open(id) =>
            {
                self.end(now, id, ErrorCode::HandshakeExpected, "");
                return Progress::Ended;
            }
            Command::Subscribe(subscribe) => self.subscribe(now, id, subscribe, chunk, text),
            Command::Unsubscribe(it) => {
                let result = self.router.unsubscribe(id, it.subscription, it.deliveries_max);
                self.answer(now, id, it.ticket, result);
            }
            Command::AddCredit(it) => {
                let result = self.router.add_credit(id, it.subscription, it.messages);
                self.answer(now, id, Ticket::NONE, result);
            }
            Command::Barrier(it) => {
                self.tell(now, id, &Event::BarrierDone(BarrierDone { token: it.token }));
            }
        }
        Progress::Done
    }

    /// Whether the router knows the client.
    pub(super) fn is_open(&self, id: ClientId) -> bool {
        self.clients.get(id).is_some_and(|client| client.is_open)
    }

    fn open(
        &mut self,
        now: Timestamp,
        id: ClientId,
        open: &Open,
        chunk: Chunk<'_>,
        text: &[u8],
    ) -> Progress {
        match self.let_in(id, open, chunk, text) {
            Ok(()) => {
                self.tell(now, id, &Event::Opened(Opened { client: id }));
                self.watch(id);
                Progress::Done
            }
            Err((code, detail)) => {
                self.counters.refused += 1;
                self.end(now, id, code, &detail);
                Progress::Ended
            }
        }
    }

    /// Makes a client known to the router, or says why not.
    fn let_in(
        &mut self,
        id: ClientId,
        open: &Open,
        chunk: Chunk<'_>,
        text: &[u8],
    ) -> Result<(), (ErrorCode, String)> {
        let plain = |code| (code, String::new());
        let Some(client) = self.clients.get_mut(id) else {
            return Err(plain(ErrorCode::HandshakeExpected));
        };
        if client.is_open {
            return Err(plain(ErrorCode::HandshakeExpected));
        }
        if client.is_surplus {
            return Err(plain(ErrorCode::TooManyConnections));
        }
        if !open.user.is_empty() || !open.secret.is_empty() {
            return Err(plain(ErrorCode::CredentialsNotAccepted));
        }
        let namespace = bytes(open.namespace, chunk, text);
        let Some(namespace) = self.settings.namespace(namespace) else {
            let detail = format!("namespace {:?}", namespace.escape_ascii().to_string());
            return Err((ErrorCode::UnknownNamespace, detail));
        };
        client.is_open = true;
        client.slow_consumer = client.slow_consumer.with(open.slow_consumer);
        if client.slow_consumer.policy.drops_oldest() {
            client.slow_mut();
        }
        self.router.add_client(id, ClientAttributes { namespace, flags: open.flags });
        let name = bytes(open.name, chunk, text);
        if name.is_empty() {
            return Ok(());
        }
        self.router
            .register_name(id, name)
            .map_err(|code| (code, format!("name {:?}", name.escape_ascii().to_string())))
    }

    fn subscribe(
        &mut self,
        now: Timestamp,
        id: ClientId,
        subscribe: &Subscribe,
        chunk: Chunk<'_>,
        text: &[u8],
    ) {
        let subscription = Subscription {
            id: subscribe.subscription,
            filter: bytes(subscribe.filter, chunk, text),
            group: bytes(subscribe.group, chunk, text),
            credit: subscribe.credit,
            deliveries_max: subscribe.deliveries_max,
            visibility: subscribe.visibility,
            slow_consumer: self.slow_consumer_wished(id, subscribe),
        };
        let result = self.router.subscribe(id, subscription);
        self.answer(now, id, subscribe.ticket, result);
    }

    /// What holds for a subscription of a client that asks for something. From now on it is
    /// remembered where messages begin that may be dropped.
    fn slow_consumer_wished(&mut self, id: ClientId, subscribe: &Subscribe) -> SlowConsumer {
        let Some(client) = self.clients.get_mut(id) else { return SlowConsumer::default() };
        if let Some(slow) = &mut client.slow {
            // An earlier subscription of this number may have left some.
            let _ = slow.take_missed(subscribe.subscription);
        }
        let granted = client.slow_consumer.with(subscribe.slow_consumer);
        if granted.policy.drops_oldest() {
            client.slow_mut();
        }
        granted
    }

    /// Tells a client what became of its command.
    fn answer(
        &mut self,
        now: Timestamp,
        id: ClientId,
        ticket: Ticket,
        result: Result<(), ErrorCode>,
    ) {
        let code = result.err().unwrap_or(ErrorCode::Ok);
        self.outcome(now, id, Outcome { ticket, code, receivers: 0 });
    }

    /// Tells a client an outcome, if it is one it asked for.
    pub(super) fn outcome(&mut self, now: Timestamp, id: ClientId, outcome: Outcome) {
        if outcome.ticket.is_some() {
            self.tell(now, id, &Event::Outcome(outcome));
        }
    }

    /// Lets a client's session write what happened.
    pub(super) fn tell(&mut self, now: Timestamp, id: ClientId, event: &Event<'_>) {
        if let Some(client) = self.clients.get_mut(id)
            && let Some(outbox) = self.net.outbox(id)
        {
            client.session.on_event(now, event, outbox);
        }
    }

    /// Ends a connection in good order, after its session said why.
    pub(super) fn end(&mut self, now: Timestamp, id: ClientId, code: ErrorCode, detail: &str) {
        self.tell(now, id, &Event::Closing(Closing { code, detail }));
        self.net.finish(now, id);
        self.remove(id);
    }
}
