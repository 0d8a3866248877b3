//! What a broker sends, as lines of text.

use coilgun_protocol::native::ServerFrame;

/// The frame as one line: its name and its fields.
pub(crate) fn describe_server_frame(frame: &ServerFrame<'_>) -> String {
    match frame {
        ServerFrame::Welcome(welcome) => format!(
            "welcome software={} version={} client={} features={:#b} payload_bytes_max={} \
             ping_interval_ms={}",
            welcome.software,
            welcome.version,
            welcome.client,
            welcome.features.0,
            welcome.payload_bytes_max,
            welcome.ping_interval_ms
        ),
        ServerFrame::Deliver(deliver) => format!(
            "deliver subscription={} sender=\"{}\" subject=\"{}\" reply=\"{}\" headers=\"{}\" \
             payload=\"{}\" correlation={} deadline_ms={} flags={} missed={}",
            deliver.subscription.0,
            deliver.sender.escape_ascii(),
            deliver.subject.escape_ascii(),
            deliver.reply.escape_ascii(),
            deliver.headers.block().escape_ascii(),
            deliver.payload.escape_ascii(),
            deliver.correlation.0,
            deliver.deadline_ms,
            deliver.flags.0,
            deliver.missed
        ),
        ServerFrame::Outcome(outcome) => format!(
            "outcome correlation={} code={} receivers={}",
            outcome.correlation.0, outcome.code, outcome.receivers
        ),
        ServerFrame::Notice(notice) => {
            format!("notice code={} count={}", notice.code, notice.count)
        }
        ServerFrame::Error(error) => format!(
            "error code={} name={} retryable={} detail={:?}",
            error.code, error.name, error.retryable, error.detail
        ),
        ServerFrame::GoAway(go_away) => format!(
            "goaway code={} drain_ms={} detail={:?}",
            go_away.code, go_away.drain_ms, go_away.detail
        ),
        ServerFrame::Ping { token } => format!("ping token={token}"),
        ServerFrame::Pong { token } => format!("pong token={token}"),
    }
}
