//! SUBSCRIBE: the client begins to receive.

use flatbuffers::FlatBufferBuilder;

use super::super::error::DecodeError;
use super::super::operation::Operation;
use super::super::schema_generated::{SubscribeTable, SubscribeTableArgs};
use super::table::{TableTooLong, bytes_or_empty, read_table, write_table};
use super::wish::{backpressure_on_wire, policy_on_wire, read_wish};
use crate::model::{SlowConsumerWish, SubscriptionId, Ticket, Visibility};

/// What the client wants to receive, and how.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SubscribeRequest<'a> {
    /// The client's number for the subscription, from 1 on.
    pub subscription: SubscriptionId,
    /// Comes back in OUTCOME; none: no OUTCOME.
    pub correlation: Ticket,
    /// Native text of the filter, not checked.
    pub filter: &'a [u8],
    /// Name of the queue group; empty: none.
    pub queue_group: &'a [u8],
    /// How many messages may be delivered before CREDIT is needed; `u32::MAX`: no limit.
    pub credit: u32,
    /// The subscription ends after this many deliveries; 0: it does not.
    pub deliveries_max: u32,
    /// Which special subjects a leading wildcard sees.
    pub visibility: Visibility,
    /// What shall happen to its messages while the client does not read fast enough.
    pub slow_consumer: SlowConsumerWish,
}

impl<'a> SubscribeRequest<'a> {
    /// No limit on what may be delivered.
    pub const CREDIT_UNLIMITED: u32 = u32::MAX;

    /// A plain subscription: no queue group, no limits, ordinary subjects, no OUTCOME.
    #[must_use]
    pub fn plain(subscription: SubscriptionId, filter: &'a [u8]) -> SubscribeRequest<'a> {
        SubscribeRequest {
            subscription,
            correlation: Ticket::NONE,
            filter,
            queue_group: &[],
            credit: Self::CREDIT_UNLIMITED,
            deliveries_max: 0,
            visibility: Visibility::PLAIN,
            slow_consumer: SlowConsumerWish::default(),
        }
    }

    /// Appends the frame.
    ///
    /// # Errors
    /// If it would be longer than a control frame may be; `out` is unchanged then.
    pub fn encode(&self, out: &mut Vec<u8>) -> Result<(), TableTooLong> {
        write_table(Operation::Subscribe, out, |builder| self.build(builder))
    }

    fn build(&self, builder: &mut FlatBufferBuilder<'_>) {
        let filter = Some(builder.create_vector::<u8>(self.filter));
        let queue_group =
            (!self.queue_group.is_empty()).then(|| builder.create_vector::<u8>(self.queue_group));
        let arguments = SubscribeTableArgs {
            subscription: self.subscription.0,
            correlation: self.correlation.0,
            filter,
            queue_group,
            credit: self.credit,
            deliveries_max: self.deliveries_max,
            visibility: self.visibility.0,
            slow_consumer: policy_on_wire(self.slow_consumer),
            backpressure_ms: backpressure_on_wire(self.slow_consumer),
        };
        let table = SubscribeTable::create(builder, &arguments);
        builder.finish_minimal(table);
    }

    /// Verifies and reads the head of the frame.
    ///
    /// # Errors
    /// If the table does not verify, or asks for a visibility or a policy there is not.
    pub fn decode(head: &'a [u8]) -> Result<SubscribeRequest<'a>, DecodeError> {
        let operation = Operation::Subscribe;
        let table = read_table::<SubscribeTable<'_>>(operation, head)?;
        let bits = table.visibility() & !Visibility::ALL.0;
        if bits != 0 {
            return Err(DecodeError::UnknownBits { operation, field: "visibility", bits });
        }
        Ok(SubscribeRequest {
            subscription: SubscriptionId(table.subscription()),
            correlation: Ticket(table.correlation()),
            filter: table.filter().bytes(),
            queue_group: bytes_or_empty(table.queue_group()),
            credit: table.credit(),
            deliveries_max: table.deliveries_max(),
            visibility: Visibility(table.visibility()),
            slow_consumer: read_wish(operation, table.slow_consumer(), table.backpressure_ms())?,
        })
    }
}

/// Fuzz entry: any bytes are refused, or are a table whose values read back.
pub fn fuzz_subscribe(bytes: &[u8]) {
    let Ok(request) = SubscribeRequest::decode(bytes) else { return };
    let mut again = Vec::new();
    if request.encode(&mut again).is_ok() {
        assert_eq!(SubscribeRequest::decode(&again[8..]), Ok(request), "the values read back");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_visibility_is_refused() {
        let mut request = SubscribeRequest::plain(SubscriptionId(1), b">");
        request.visibility = Visibility(0b1010);
        let mut frame = Vec::new();
        request.encode(&mut frame).expect("the frame is short");
        let operation = Operation::Subscribe;
        assert_eq!(
            SubscribeRequest::decode(&frame[8..]),
            Err(DecodeError::UnknownBits { operation, field: "visibility", bits: 0b1000 })
        );
    }

    #[test]
    fn the_filter_is_required() {
        // The smallest table: a vtable without fields, and the table that refers to it.
        let empty = [8, 0, 0, 0, 4, 0, 4, 0, 4, 0, 0, 0];
        let error = SubscribeRequest::decode(&empty).expect_err("there is no filter");
        assert!(error.to_string().contains("filter"), "{error}");
    }

    #[test]
    fn a_filter_that_fills_no_control_frame_is_refused_before_it_is_sent() {
        let mut out = vec![7];
        let long = vec![b'a'; 20_000];
        let error = SubscribeRequest::plain(SubscriptionId(1), &long)
            .encode(&mut out)
            .expect_err("the frame is too long");
        assert!(error.bytes > 20_000);
        assert_eq!(out, [7]);
    }
}
