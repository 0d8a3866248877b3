//! Reading a partition from its beginning.

use coilgun_protocol::model::{AddFollowCredit, FollowFrom, FollowId, Offset, Ticket};
use coilgun_protocol::native::{
    ClientFrame, FollowRequest, ServerFrame, StreamFrame, StreamRequest, encode_frame,
};

use super::sample::{Measurement, StreamSample};
use crate::clients::raw::RawConnection;
use crate::error::BenchError;

/// Bytes of batches that may be under way.
const CREDIT_BYTES: u32 = 16 << 20;
/// Records that may be under way.
const CREDIT_RECORDS: u32 = 1 << 20;

/// What came.
enum Came {
    Records { count: u32, bytes: u32 },
    End(u16),
}

/// Reads a partition from its beginning to its end.
///
/// # Errors
/// If the broker refuses, or the connection breaks.
pub fn read_all(
    connection: &mut RawConnection,
    stream: &str,
    payload_bytes: u64,
    mut measurement: Measurement<'_>,
) -> Result<StreamSample, BenchError> {
    let follow = FollowId(1);
    let request = FollowRequest {
        follow,
        correlation: Ticket::NONE,
        stream: stream.as_bytes(),
        partition: 0,
        from: FollowFrom::At(Offset(0)),
        credit_records: CREDIT_RECORDS,
        credit_bytes: CREDIT_BYTES,
        stop_at_end: true,
    };
    let mut bytes = Vec::new();
    encode_frame(&ClientFrame::Stream(StreamRequest::Follow(request)), &mut bytes)?;
    measurement.skip_warm_up()?;
    connection.write(&bytes)?;
    let (mut records, mut batch_bytes) = (0, 0);
    // Ends with the partition.
    loop {
        let came = connection.read_until(|frame| {
            let ServerFrame::Stream(frame) = frame else { return None };
            match frame {
                StreamFrame::Records(it) => {
                    Some(Came::Records { count: it.count, bytes: it.body.len() as u32 })
                }
                StreamFrame::FollowEnded(it) => Some(Came::End(it.code)),
                StreamFrame::Described(_) | StreamFrame::Listed(_) | StreamFrame::Appended(_) => {
                    None
                }
            }
        })?;
        match came {
            Came::End(0) => return measurement.end(),
            Came::End(code) => {
                return Err(BenchError::Argument(format!("the follower ended: {code}")));
            }
            Came::Records { count, bytes } => {
                measurement.count(u64::from(count), u64::from(count) * payload_bytes);
                (records, batch_bytes) = (records + count, batch_bytes + bytes);
            }
        }
        if batch_bytes >= CREDIT_BYTES / 4 || records >= CREDIT_RECORDS / 4 {
            let credit = AddFollowCredit { follow, records, bytes: batch_bytes };
            let mut bytes = Vec::new();
            encode_frame(&ClientFrame::Stream(StreamRequest::AddCredit(credit)), &mut bytes)?;
            connection.write(&bytes)?;
            (records, batch_bytes) = (0, 0);
        }
    }
}
