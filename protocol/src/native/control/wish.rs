//! How HELLO and SUBSCRIBE say what shall happen to messages that are not read fast enough.

use super::super::error::DecodeError;
use super::super::operation::Operation;
use crate::model::{SlowConsumerPolicy, SlowConsumerWish};

/// What stands in `backpressure_ms` where the client does not say it.
const UNSAID: u32 = u32::MAX;

/// The policy as a number; 0: none is wished.
pub(super) fn policy_on_wire(wish: SlowConsumerWish) -> u8 {
    wish.policy.map_or(0, |policy| policy as u8)
}

/// The patience as a number.
pub(super) fn backpressure_on_wire(wish: SlowConsumerWish) -> u32 {
    wish.backpressure_ms.map_or(UNSAID, u32::from)
}

/// Reads both. No broker waits as long as 16 bits can say, so more is as good as that.
pub(super) fn read_wish(
    operation: Operation,
    policy: u8,
    backpressure_ms: u32,
) -> Result<SlowConsumerWish, DecodeError> {
    let known = SlowConsumerPolicy::from_number(policy);
    if policy != 0 && known.is_none() {
        return Err(DecodeError::OutOfRange {
            operation,
            field: "slow_consumer",
            value: policy.into(),
            value_max: SlowConsumerPolicy::ALL.len() as u32,
        });
    }
    let said = (backpressure_ms != UNSAID).then_some(backpressure_ms);
    let backpressure_ms = said.map(|ms| u16::try_from(ms).unwrap_or(u16::MAX));
    Ok(SlowConsumerWish { policy: known, backpressure_ms })
}
