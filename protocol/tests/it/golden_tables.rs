//! The table of errors and the limits, as others may rely on them.

use std::fmt::Write as _;

use coilgun_protocol::model::{ErrorCode, limits};

use crate::files::compare;

/// Compares or writes the table of errors.
pub(crate) fn error_codes() {
    let mut text = String::from("# number name retryable: text (help)\n");
    for code in ErrorCode::ALL {
        writeln!(
            text,
            "{} {} {}: {} ({})",
            *code as u16,
            code.name(),
            code.retryable(),
            code.text(),
            code.help()
        )
        .expect("a string takes any text");
    }
    compare("golden", "error_codes.txt", &text);
}

macro_rules! limits_table {
    ($($name:ident)*) => { &[$((stringify!($name), limits::$name as u64),)*] };
}

/// The limits that a peer can notice.
const LIMITS: &[(&str, u64)] = limits_table! {
    SUBJECT_BYTES_MAX SUBJECT_TOKENS_MAX CLIENT_NAME_BYTES_MAX QUEUE_GROUP_BYTES_MAX
    NAMESPACE_BYTES_MAX CREDENTIAL_BYTES_MAX HEADERS_BYTES_MAX HEADER_COUNT_MAX
    PAYLOAD_BYTES_DEFAULT PAYLOAD_BYTES_CEILING CONTROL_FRAME_BYTES_MAX FRAME_OVERHEAD_BYTES_MAX
    SUBSCRIPTIONS_PER_CLIENT_MAX HANDSHAKE_MS_MAX PING_INTERVAL_MS PINGS_UNANSWERED_MAX
    DRAIN_MS_MAX BACKPRESSURE_MS_MAX
    STREAM_NAME_BYTES_MAX PARTITIONS_PER_STREAM_MAX RECORD_BYTES_DEFAULT RECORDS_PER_BATCH_MAX
    BATCH_BYTES_MAX BATCH_FRAME_BYTES_MAX
};

/// Compares or writes the limits.
pub(crate) fn limits_of_the_wire() {
    let mut text = String::from("# The limits that a peer can notice.\n");
    for (name, value) in LIMITS {
        writeln!(text, "{name} = {value}").expect("a string takes any text");
    }
    compare("golden", "limits.txt", &text);
}
