//! Messages that are published one behind the other, with nobody to receive them: what is left is
//! what the client does.

use std::time::Duration;

use coilgun_client::{Client, Options, Publication, blocking};
use coilgun_protocol::native::{ClientFrame, PublishFrame, ServerFrame, encode_frame};
use coilgun_server::net::ListenAddress;

use super::raw::RawConnection;
use super::run::{in_runtime, options};
use super::sample::{ClientSample, Measurement, Part};
use crate::error::BenchError;
use crate::interrupt::Interrupt;

/// Messages between two looks at the clock.
const MESSAGES: u64 = 4096;
/// Bytes of each payload.
pub const PAYLOAD_BYTES: usize = 64;
/// Where they go.
const SUBJECT: &str = "bench.nobody";
/// Bytes of one write without a client.
const WRITE_BYTES: usize = 64 * 1024;

/// Publishes through the asynchronous client.
///
/// # Errors
/// If the broker cannot be reached, or ends the connection.
pub fn asynchronous(
    address: &ListenAddress,
    measured: Duration,
    interrupt: &Interrupt,
) -> Result<ClientSample, BenchError> {
    let options: Options = options(address)?;
    in_runtime(async {
        let client = Client::connect(options).await?;
        let payload = [7; PAYLOAD_BYTES];
        let publication = Publication::to(SUBJECT).with_payload(&payload);
        let mut measurement = Measurement::begin("publish/async", measured, interrupt)?;
        for part in [Part::WarmUp, Part::Whole] {
            measurement.restart()?;
            while !measurement.has_taken(part)? {
                for _ in 0..MESSAGES {
                    client.publish(&publication).await?;
                }
                measurement.count(MESSAGES);
            }
            client.flush().await?;
        }
        let sample = measurement.end()?;
        client.close().await?;
        Ok(sample)
    })
}

/// Publishes through the blocking client.
///
/// # Errors
/// If the broker cannot be reached, or ends the connection.
pub fn blocking(
    address: &ListenAddress,
    measured: Duration,
    interrupt: &Interrupt,
) -> Result<ClientSample, BenchError> {
    let mut client = blocking::Client::connect(options(address)?)?;
    let payload = [7; PAYLOAD_BYTES];
    let publication = Publication::to(SUBJECT).with_payload(&payload);
    let mut measurement = Measurement::begin("publish/blocking", measured, interrupt)?;
    for part in [Part::WarmUp, Part::Whole] {
        measurement.restart()?;
        while !measurement.has_taken(part)? {
            for _ in 0..MESSAGES {
                client.publish(&publication)?;
            }
            measurement.count(MESSAGES);
        }
        client.flush()?;
    }
    let sample = measurement.end()?;
    client.close()?;
    Ok(sample)
}

/// Writes frames that were encoded before, without a client.
///
/// # Errors
/// If the broker cannot be reached, or ends the connection.
pub fn raw(
    address: &ListenAddress,
    measured: Duration,
    interrupt: &Interrupt,
) -> Result<ClientSample, BenchError> {
    let mut connection = RawConnection::open(address, b"")?;
    let (mut frames, mut count) = (Vec::new(), 0);
    while frames.len() < WRITE_BYTES {
        let payload = &[7; PAYLOAD_BYTES];
        let publish = PublishFrame { subject: SUBJECT.as_bytes(), payload, ..Default::default() };
        encode_frame(&ClientFrame::Publish(publish), &mut frames)?;
        count += 1;
    }
    let mut barrier = Vec::new();
    encode_frame(&ClientFrame::Ping { token: 2 }, &mut barrier)?;
    let mut measurement = Measurement::begin("publish/raw", measured, interrupt)?;
    for part in [Part::WarmUp, Part::Whole] {
        measurement.restart()?;
        while !measurement.has_taken(part)? {
            connection.write(&frames)?;
            measurement.count(count);
        }
        connection.write(&barrier)?;
        connection.read_until(|frame| matches!(frame, ServerFrame::Pong { .. }).then_some(()))?;
    }
    measurement.end()
}
