//! A session that hands out any command at any time, to see what dispatch makes of it.
//!
//! Every byte is a command; every event is a line. All its texts lie in the scratch text.
//!
//! ```text
//! O open   N open with the name rude   P publish with ack   R request   B broadcast
//! S subscribe to everything   U unsubscribe   C credit   F barrier   X close   T publish from now on
//! ```

use coilgun_protocol::buffer::{Chunk, OutBuf};
use coilgun_protocol::model::{
    AddCredit, Barrier, Close, Command, Commands, ErrorCode, Event, Open, Publish, PublishFlags,
    SlowConsumerWish, Span, Subscribe, SubscriptionId, Ticket, Timestamp, Unsubscribe, Visibility,
};
use coilgun_protocol::session::{Consumed, Session, SessionError, Traffic};

/// How often it publishes once it does, in milliseconds.
pub(super) const TICK_MS: u64 = 10;

/// The session of one connection.
#[derive(Debug, Default)]
pub struct Rude {
    ticks: bool,
    ticked: u32,
    next_tick: Option<Timestamp>,
}

/// Writes a text into the scratch text.
fn scratch(commands: &mut Commands, bytes: &[u8]) -> Span {
    let text = commands.text_mut();
    let begin = text.len();
    text.extend_from_slice(bytes);
    Span::scratch(begin, bytes.len())
}

impl Rude {
    fn command(&mut self, byte: u8, commands: &mut Commands) -> Option<Command> {
        let (subscription, ticket) = (SubscriptionId(1), Ticket(7));
        Some(match byte {
            b'O' => Command::Open(Open::default()),
            b'N' => Command::Open(Open { name: scratch(commands, b"rude"), ..Open::default() }),
            b'P' => publish(commands, b"x", PublishFlags::ACK),
            b'R' => publish(commands, b"y", PublishFlags::REQUEST),
            b'B' => publish(commands, b">", PublishFlags::BROADCAST.with(PublishFlags::ACK)),
            b'S' => Command::Subscribe(Subscribe {
                subscription,
                filter: scratch(commands, b">"),
                group: Span::EMPTY,
                ticket,
                credit: 1,
                deliveries_max: 0,
                visibility: Visibility::ALL,
                slow_consumer: SlowConsumerWish::default(),
            }),
            b'U' => Command::Unsubscribe(Unsubscribe { subscription, ticket, deliveries_max: 0 }),
            b'C' => Command::AddCredit(AddCredit { subscription, messages: 1 }),
            b'F' => Command::Barrier(Barrier { token: 9 }),
            b'X' => Command::Close(Close { code: ErrorCode::Ok }),
            b'T' => {
                self.ticks = true;
                return None;
            }
            _ => return None,
        })
    }
}

fn publish(commands: &mut Commands, subject: &[u8], flags: PublishFlags) -> Command {
    let subject = scratch(commands, subject);
    let payload = scratch(commands, b"from nowhere");
    Command::Publish(Publish { subject, payload, ticket: Ticket(7), flags, ..Publish::default() })
}

impl Session for Rude {
    fn on_open(&mut self, now: Timestamp, _out: &mut OutBuf) {
        self.next_tick = Some(now.plus_ms(TICK_MS));
    }

    fn on_bytes(
        &mut self,
        _now: Timestamp,
        input: Chunk<'_>,
        commands: &mut Commands,
        _out: &mut OutBuf,
    ) -> Result<Consumed, SessionError> {
        for (at, byte) in input.bytes().iter().enumerate() {
            if commands.is_full() {
                return Ok(Consumed { bytes: at, need: 0 });
            }
            if let Some(command) = self.command(*byte, commands) {
                commands.push(command);
            }
        }
        Ok(Consumed { bytes: input.len(), need: 0 })
    }

    fn on_sign_of_life(&mut self, _at: Timestamp) {}

    fn on_event(&mut self, _now: Timestamp, event: &Event<'_>, out: &mut OutBuf) {
        let line = match event {
            Event::Opened(_) => "opened\n".to_owned(),
            Event::Deliver(it) => {
                format!("deliver {} {}\n", it.subject.escape_ascii(), it.payload.len())
            }
            Event::Outcome(it) => {
                format!("outcome {} {} {}\n", it.ticket.0, it.code.name(), it.receivers)
            }
            Event::BarrierDone(it) => format!("barrier {}\n", it.token),
            Event::Notice(it) => format!("notice {} {}\n", it.code.name(), it.count),
            Event::Stream(it) => format!("stream {it:?}\n"),
            Event::Closing(it) => format!("closing {}\n", it.code.name()),
        };
        out.copy(line.as_bytes());
    }

    fn on_tick(&mut self, now: Timestamp, commands: &mut Commands, _out: &mut OutBuf) {
        self.next_tick = Some(now.plus_ms(TICK_MS));
        if self.ticks {
            self.ticked += 1;
            let subject = scratch(commands, b"tick");
            let payload =
                scratch(commands, &[self.ticked.to_le_bytes().as_slice(), &[7; 400]].concat());
            commands.push(Command::Publish(Publish { subject, payload, ..Publish::default() }));
        }
    }

    fn deadline(&self) -> Option<Timestamp> {
        self.next_tick
    }

    fn on_drain(&mut self, _out: &mut OutBuf) {}

    fn on_close(&mut self) {
        self.next_tick = None;
    }

    fn traffic(&self) -> Traffic {
        Traffic::default()
    }
}
