//! A reader that never reads, and the publisher that fills what waits for it.
//!
//! Whether the broker holds the publisher back, throws messages away or cuts the reader off is its
//! policy: all of it is counted, and none of it is an error. Whoever is cut off comes back, so that
//! there is a stalled reader all the time.

use std::io;

use coilgun_server::net::ListenAddress;
use serde::Serialize;

use crate::error::BenchError;
use crate::traffic::connection::{Connection, Flushed, Received};
use crate::traffic::lane::FrameTemplate;
use crate::traffic::native_load::{NativeClient, Publishing, publish_template};
use crate::traffic::poller::{Interest, Poller, Ready};

/// What the reader subscribes to and does not read.
const SUBJECT: &str = "stalled.reader";
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
    reader: Connection,
    poller: Poller,
    ready: Vec<Ready>,
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
        let frame = publish_template(0, PAYLOAD_BYTES, Publishing::to(SUBJECT))?;
        let poller = Poller::new().map_err(BenchError::system("making a poller"))?;
        let reader = open_reader(address, &poller)?;
        let (publisher, _) = NativeClient::open(address, PAYLOAD_BYTES)?.into_parts();
        Ok(StalledReader {
            address: address.clone(),
            frame,
            publisher,
            reader,
            poller,
            ready: Vec::new(),
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
        let system = BenchError::system("waiting for sockets");
        self.poller.wait(std::time::Duration::ZERO, &mut self.ready).map_err(system)?;
        if !self.ready.is_empty() {
            self.report.reader_cut_off += 1;
            self.reader = open_reader(&self.address, &self.poller)?;
            (self.began_ns, self.scheduled) = (now, 0);
        }
        match self.publish(now) {
            Ok(()) => Ok(()),
            Err(_) => self.come_back(),
        }
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
        self.drop_input()
    }

    /// Takes in what the broker says to the publisher, and forgets it.
    fn drop_input(&mut self) -> io::Result<()> {
        match self.publisher.receive()? {
            Received::Bytes => {
                let count = self.publisher.input().len();
                self.publisher.consume(count);
                Ok(())
            }
            Received::Nothing => Ok(()),
            Received::End => Err(io::Error::from(io::ErrorKind::UnexpectedEof)),
        }
    }

    fn come_back(&mut self) -> Result<(), BenchError> {
        self.report.publisher_cut_off += 1;
        let client = NativeClient::open(&self.address, PAYLOAD_BYTES)?;
        (self.publisher, _) = client.into_parts();
        Ok(())
    }
}

/// A subscribed connection of which only the end is waited for.
fn open_reader(address: &ListenAddress, poller: &Poller) -> Result<Connection, BenchError> {
    let mut client = NativeClient::open(address, PAYLOAD_BYTES)?;
    client.subscribe(SUBJECT)?;
    let (reader, _) = client.into_parts();
    poller
        .add(reader.descriptor(), 0, Interest::End)
        .map_err(BenchError::system("adding a socket to a poller"))?;
    Ok(reader)
}
