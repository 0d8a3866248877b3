//! A message that is published and acked, one after the other: what the way there and back costs without a
//! disk.

use coilgun_protocol::model::{PublishFlags, Ticket};
use coilgun_protocol::native::{ClientFrame, PublishFrame, ServerFrame, encode_frame};

use super::sample::{Measurement, StreamSample};
use crate::clients::raw::RawConnection;
use crate::cpu::monotonic_ns;
use crate::error::BenchError;

/// Publishes messages of so many bytes to nobody, each once the one before is acked.
///
/// # Errors
/// If the connection breaks, or somebody asks for the end.
pub fn publish_acked(
    connection: &mut RawConnection,
    payload_bytes: usize,
    mut measurement: Measurement<'_>,
) -> Result<StreamSample, BenchError> {
    let payload = vec![7; payload_bytes];
    let mut bytes = Vec::new();
    let mut number = 0;
    while !measurement.is_over()? {
        number += 1;
        let frame = PublishFrame {
            correlation: Ticket(number),
            flags: PublishFlags::ACK,
            subject: b"bench.published",
            payload: &payload,
            ..PublishFrame::default()
        };
        bytes.clear();
        encode_frame(&ClientFrame::Publish(frame), &mut bytes)?;
        let began_ns = monotonic_ns();
        connection.write(&bytes)?;
        connection.read_until(|frame| {
            let ServerFrame::Outcome(outcome) = frame else { return None };
            (outcome.correlation == Ticket(number)).then_some(())
        })?;
        measurement.note_ack(began_ns);
        measurement.count(1, payload_bytes as u64);
    }
    measurement.end()
}
