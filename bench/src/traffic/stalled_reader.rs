//! A reader that never reads, and the publisher that fills what waits for it.
//!
//! Whether the broker holds the publisher back, throws messages away or cuts the reader off is its
//! policy: all of it is counted, and none of it is an error. Whoever is cut off comes back, so that
//! there is a stalled reader all the time.
//!
//! Its own socket does not tell a reader that it was cut off: the end of the stream stands behind
//! bytes that it does not read. So its publisher sends requests, for which the broker says that
//! nobody serves them once the subscription is gone.

use std::io;

use coilgun_protocol::model::{PublishFlags, Ticket};
use coilgun_server::net::ListenAddress;
use serde::Serialize;

use crate::error::BenchError;
use crate::traffic::connection::{Connection, Flushed, Received};
use crate::traffic::lane::FrameTemplate;
use crate::traffic::native_load::{NativeClient, NativeWire, Publishing, publish_template};

/// What the reader subscribes to and does not read.
const SUBJECT: &str = "stalled.reader";
/// Where replies would go; nobody listens there.
const REPLY_SUBJECT: &str = "_INBOX.stalled";
/// Bytes of a payload that nobody reads.
const PAYLOAD_BYTES: usize = 16 * 1024;
/// Messages per second that nobody reads.
const MESSAGES_PER_SECOND: u64 = 1_000;
/// Messages that may be sent at once when it begins or begins again, so that the reader is stalled
/// soon: more than sockets and an outbox hold.
const BURST_MESSAGES: u64 = 1_000;
/// Messages that are sent in one turn, so that the load gets its own.
const TURN_MESSAGES_MAX: u64 = 16;
/// How often the two are looked after, in nanoseconds.
const INTERVAL_NS: u64 = 1_000_000;

/// The two connections.
#[derive(Debug)]
pub struct StalledReader {
    address: ListenAddress,
    frame: FrameTemplate,
    publisher: Connection,
    wire: NativeWire,
    /// Only kept open.
    reader: Connection,
    looked_at_ns: u64,
    /// When the schedule of the publisher began.
    began_ns: u64,
    /// Messages sent or left out since then.
    scheduled: u64,
    report: StalledReaderReport,
}

/// What happened to the two.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize)]
pub struct StalledReaderReport {
    /// Messages the publisher sent.
    pub sent: u64,
    /// Messages it left out because it was held back.
    pub held_back: u64,
    /// Times the reader was cut off.
    pub reader_cut_off: u64,
    /// Times the publisher was cut off.
    pub publisher_cut_off: u64,
}

impl StalledReader {
    /// Connects both; the subscription stands when this returns.
    ///
    /// # Errors
    /// If a connection or the subscription cannot be made.
    pub fn open(address: &ListenAddress) -> Result<StalledReader, BenchError> {
        let request = Publishing {
            subject: SUBJECT,
            reply: REPLY_SUBJECT,
            flags: PublishFlags::REQUEST,
            correlation: Ticket(1),
        };
        let frame = publish_template(0, PAYLOAD_BYTES, request)?;
        let reader = open_reader(address)?;
        let (publisher, wire) = NativeClient::open(address, PAYLOAD_BYTES)?.into_parts();
        Ok(StalledReader {
            address: address.clone(),
            frame,
            publisher,
            wire,
            reader,
            looked_at_ns: 0,
            began_ns: 0,
            scheduled: 0,
            report: StalledReaderReport::default(),
        })
    }

    /// Looks after both, if it is time to.
    ///
    /// # Errors
    /// If one was cut off and cannot come back.
    pub fn turn(&mut self, now: u64) -> Result<(), BenchError> {
        if now < self.looked_at_ns + INTERVAL_NS {
            return Ok(());
        }
        self.looked_at_ns = now;
        if self.began_ns == 0 {
            self.began_ns = now;
        }
        match self.publish(now).map_err(BenchError::system("sending")).and_then(|()| self.listen())
        {
            Ok(true) => return Ok(()),
            Ok(false) => {
                self.report.reader_cut_off += 1;
                self.reader = open_reader(&self.address)?;
            }
            Err(_) => self.report.publisher_cut_off += 1,
        }
        // A new connection has no answers on their way to what was sent before the reader came back.
        let client = NativeClient::open(&self.address, PAYLOAD_BYTES)?;
        (self.publisher, self.wire) = client.into_parts();
        (self.began_ns, self.scheduled) = (now, 0);
        Ok(())
    }

    /// What has happened so far.
    #[must_use]
    pub fn report(&self) -> StalledReaderReport {
        self.report
    }

    /// Sends what is due, or leaves it out if the publisher is held back.
    fn publish(&mut self, now: u64) -> io::Result<()> {
        let elapsed_ms = (now - self.began_ns) / 1_000_000;
        let due = BURST_MESSAGES + elapsed_ms * MESSAGES_PER_SECOND / 1_000;
        // Ends because there is a most for one turn.
        for _ in 0..due.saturating_sub(self.scheduled).min(TURN_MESSAGES_MAX) {
            self.scheduled += 1;
            if self.publisher.pending_bytes() > 0 && self.publisher.flush()? == Flushed::Blocked {
                self.report.held_back += 1;
                continue;
            }
            self.publisher.output().extend_from_slice(self.frame.bytes());
            self.report.sent += 1;
            self.publisher.flush()?;
        }
        Ok(())
    }

    /// Takes in what the broker says to the publisher. Returns whether the reader is still there.
    fn listen(&mut self) -> Result<bool, BenchError> {
        match self.publisher.receive().map_err(BenchError::system("receiving"))? {
            Received::Bytes => {
                let (used, is_unserved) = self.wire.look_for_unserved(self.publisher.input())?;
                self.publisher.consume(used);
                self.wire.take_answers(self.publisher.output());
                Ok(!is_unserved)
            }
            Received::Nothing => Ok(true),
            Received::End => Err(BenchError::Closed("broker")),
        }
    }
}

/// A subscribed connection that nobody reads.
fn open_reader(address: &ListenAddress) -> Result<Connection, BenchError> {
    let mut client = NativeClient::open(address, PAYLOAD_BYTES)?;
    client.subscribe(SUBJECT)?;
    let (reader, _) = client.into_parts();
    Ok(reader)
}
