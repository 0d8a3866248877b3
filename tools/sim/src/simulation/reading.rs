//! What clients read, and how they answer it.

use coilgun_protocol::model::{ErrorCode, PublishFlags, Ticket};
use coilgun_protocol::native::{ClientFrame, ServerFrame};

use super::state::Simulation;
use crate::finding::Finding;
use crate::report::Tally;
use crate::shadow::{ClientNumber, Published, Shadow};
use crate::trace::Trace;

/// What a client has to answer.
#[derive(Debug)]
enum Answer {
    /// A sign of life.
    Pong(u64),
    /// A reply to a request.
    Reply { subject: String, correlation: u64 },
}

impl Simulation {
    /// A client reads as much as it wants to, and answers.
    pub(super) fn read_some(&mut self, at: usize) -> Result<(), Finding> {
        if self.clients[at].is_gone {
            return Ok(());
        }
        let bytes_max = self.appetite(at);
        if bytes_max == 0 {
            return Ok(());
        }
        let Simulation { clients, shadow, trace, tally, .. } = self;
        let client = &mut clients[at];
        let number = client.number;
        let mut reader = Reader {
            number,
            round: self.round,
            shadow,
            trace,
            tally,
            answers: Vec::new(),
            finding: None,
        };
        let read = client.socket.read(bytes_max, |frame| reader.on_frame(&frame));
        let Reader { answers, finding, .. } = reader;
        if let Some(finding) = finding {
            return Err(finding);
        }
        read.map_err(|error| Finding::new("the broker keeps to the protocol", error.to_string()))?;
        self.answer(at, answers);
        Ok(())
    }

    fn answer(&mut self, at: usize, answers: Vec<Answer>) {
        for answer in answers {
            if self.clients[at].has_ended
                || self.shadow.client(self.clients[at].number).leaving.is_some()
            {
                return;
            }
            match answer {
                Answer::Pong(token) => self.clients[at].queue(&ClientFrame::Pong { token }),
                Answer::Reply { subject, correlation } if self.dice.percent(80) => {
                    let len = self.dice.below(100);
                    let published = Published { subject, correlation, len, ..Published::default() };
                    self.tally.replies += 1;
                    self.publish(at, published);
                }
                Answer::Reply { .. } => {}
            }
        }
    }
}

/// Takes in the frames that one client reads.
struct Reader<'a> {
    number: ClientNumber,
    round: u64,
    shadow: &'a mut Shadow,
    trace: &'a mut Trace,
    tally: &'a mut Tally,
    answers: Vec<Answer>,
    finding: Option<Finding>,
}

impl Reader<'_> {
    fn on_frame(&mut self, frame: &ServerFrame<'_>) {
        if self.finding.is_none() {
            self.finding = self.take(frame).err();
        }
    }

    fn take(&mut self, frame: &ServerFrame<'_>) -> Result<(), Finding> {
        let (round, number, reader) = (self.round, self.number, self.number.0);
        match frame {
            ServerFrame::Welcome(_) => {
                self.trace.line(format_args!("{round} client {reader} welcome"));
                self.shadow.on_welcome(number);
            }
            ServerFrame::Deliver(it) => {
                let message = self.shadow.on_deliver(number, it)?;
                self.trace.line(format_args!(
                    "{round} client {reader} deliver {} to {} missed {}",
                    message.0, it.subscription.0, it.missed
                ));
                self.tally.deliveries += 1;
                self.tally.missed += u64::from(it.missed);
                if it.flags.contains(PublishFlags::REQUEST) {
                    let subject = String::from_utf8_lossy(it.reply).into_owned();
                    let Ticket(correlation) = it.correlation;
                    self.answers.push(Answer::Reply { subject, correlation });
                }
            }
            ServerFrame::Outcome(it) => {
                let Ticket(correlation) = it.correlation;
                self.trace.line(format_args!(
                    "{round} client {reader} outcome {correlation} code {} receivers {}",
                    it.code, it.receivers
                ));
                self.tally.no_responders += u64::from(it.code == ErrorCode::NoResponders as u16);
                self.shadow.on_outcome(number, correlation, it.code, it.receivers)?;
            }
            ServerFrame::Notice(it) => {
                self.trace.line(format_args!(
                    "{round} client {reader} notice {} count {}",
                    it.code, it.count
                ));
                self.shadow.on_notice(number, it.code, it.count);
            }
            ServerFrame::Error(it) => {
                self.trace.line(format_args!("{round} client {reader} error {}", it.name));
                self.shadow.on_error(number, it.code)?;
            }
            ServerFrame::Stream(it) => unreachable!("the broker has no streams: {it:?}"),
            ServerFrame::GoAway(_) => {
                self.trace.line(format_args!("{round} client {reader} goaway"));
            }
            ServerFrame::Ping { token } => {
                self.trace.line(format_args!("{round} client {reader} ping {token}"));
                self.answers.push(Answer::Pong(*token));
            }
            ServerFrame::Pong { token } => {
                self.trace.line(format_args!("{round} client {reader} pong {token}"));
                self.tally.pongs += 1;
                self.shadow.on_pong(number, *token)?;
            }
        }
        Ok(())
    }
}
