//! Requests with their replies, one at a time. The responder is the same for every client: a thread
//! with a bare socket.

use std::net::{Shutdown, TcpStream};
use std::thread::JoinHandle;
use std::time::Duration;

use coilgun_client::{Client, Publication, blocking};
use coilgun_protocol::model::{PublishFlags, Ticket};
use coilgun_protocol::native::{ClientFrame, PublishFrame, ServerFrame, encode_frame};
use coilgun_server::net::ListenAddress;

use super::raw::RawConnection;
use super::run::{in_runtime, options};
use super::sample::{ClientSample, Measurement, Part};
use crate::cpu::monotonic_ns;
use crate::error::BenchError;
use crate::interrupt::Interrupt;

/// What is asked.
const SUBJECT: &str = "bench.ask";
/// Where a socket without a client waits for its replies.
const INBOX: &[u8] = b"_INBOX.bench.raw";
/// Bytes of each payload.
const PAYLOAD: [u8; 64] = [7; 64];
/// How long a reply may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Who answers requests; dropping it ends the thread.
#[derive(Debug)]
pub struct Responder {
    handle: TcpStream,
    thread: Option<JoinHandle<()>>,
}

impl Responder {
    /// Starts to answer.
    ///
    /// # Errors
    /// If the broker cannot be reached.
    pub fn start(address: &ListenAddress) -> Result<Responder, BenchError> {
        let mut connection = RawConnection::open(address, SUBJECT.as_bytes())?;
        let handle = connection.handle()?;
        let thread = std::thread::spawn(move || {
            let mut frame = Vec::new();
            // Ends when the connection does, which is how the thread is told to.
            while connection.read_until(|asked| reply_to(asked, &mut frame)).is_ok() {
                if connection.write(&frame).is_err() {
                    break;
                }
                frame.clear();
            }
        });
        Ok(Responder { handle, thread: Some(thread) })
    }
}

impl Drop for Responder {
    fn drop(&mut self) {
        // If the connection has ended, so has the thread.
        let _ = self.handle.shutdown(Shutdown::Both);
        if let Some(thread) = self.thread.take() {
            thread.join().expect("the responder does not panic");
        }
    }
}

/// Encodes the reply, if it is a request.
fn reply_to(asked: &ServerFrame<'_>, frame: &mut Vec<u8>) -> Option<()> {
    let ServerFrame::Deliver(asked) = asked else { return None };
    let reply = PublishFrame {
        subject: asked.reply,
        payload: asked.payload,
        correlation: asked.correlation,
        ..PublishFrame::default()
    };
    encode_frame(&ClientFrame::Publish(reply), frame).ok()
}

/// Asks without a client.
///
/// # Errors
/// If the broker cannot be reached, or ends the connection.
pub fn raw(
    address: &ListenAddress,
    measured: Duration,
    interrupt: &Interrupt,
) -> Result<ClientSample, BenchError> {
    let mut connection = RawConnection::open(address, INBOX)?;
    let mut request = Vec::new();
    encode_frame(
        &ClientFrame::Publish(PublishFrame {
            subject: SUBJECT.as_bytes(),
            reply: INBOX,
            payload: &PAYLOAD,
            correlation: Ticket(1),
            flags: PublishFlags::REQUEST,
            ..PublishFrame::default()
        }),
        &mut request,
    )?;
    ask("request/raw", measured, interrupt, || {
        connection.write(&request)?;
        connection.read_until(|frame| matches!(frame, ServerFrame::Deliver(_)).then_some(()))
    })
}

/// Asks through the blocking client.
///
/// # Errors
/// If the broker cannot be reached, or ends the connection.
pub fn blocking(
    address: &ListenAddress,
    measured: Duration,
    interrupt: &Interrupt,
) -> Result<ClientSample, BenchError> {
    let mut client = blocking::Client::connect(options(address)?)?;
    let request = Publication::to(SUBJECT).with_payload(&PAYLOAD);
    let sample = ask("request/blocking", measured, interrupt, || {
        client.request(&request, PATIENCE)?;
        Ok(())
    })?;
    client.close()?;
    Ok(sample)
}

/// Asks through the asynchronous client.
///
/// # Errors
/// If the broker cannot be reached, or ends the connection.
pub fn asynchronous(
    address: &ListenAddress,
    measured: Duration,
    interrupt: &Interrupt,
) -> Result<ClientSample, BenchError> {
    let options = options(address)?;
    in_runtime(async {
        let client = Client::connect(options).await?;
        let request = Publication::to(SUBJECT).with_payload(&PAYLOAD);
        let mut measurement = Measurement::begin("request/async", measured, interrupt)?;
        for part in [Part::WarmUp, Part::Whole] {
            measurement.restart()?;
            while !measurement.has_taken(part)? {
                let began_ns = monotonic_ns();
                client.request(&request, PATIENCE).await?;
                measurement.count_trip(began_ns);
            }
        }
        let sample = measurement.end()?;
        client.close().await?;
        Ok(sample)
    })
}

/// Measures round trips.
pub(super) fn ask(
    name: &'static str,
    measured: Duration,
    interrupt: &Interrupt,
    mut trip: impl FnMut() -> Result<(), BenchError>,
) -> Result<ClientSample, BenchError> {
    let mut measurement = Measurement::begin(name, measured, interrupt)?;
    for part in [Part::WarmUp, Part::Whole] {
        measurement.restart()?;
        while !measurement.has_taken(part)? {
            let began_ns = monotonic_ns();
            trip()?;
            measurement.count_trip(began_ns);
        }
    }
    measurement.end()
}
