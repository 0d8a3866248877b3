//! What a broker sends, as lines of text.

use coilgun_protocol::native::{ServerFrame, StreamFrame};

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
        ServerFrame::Stream(frame) => describe_stream_frame(frame),
        ServerFrame::Ping { token } => format!("ping token={token}"),
        ServerFrame::Pong { token } => format!("pong token={token}"),
    }
}

/// A frame about streams as one line; each partition and each stream of a list is in brackets.
fn describe_stream_frame(frame: &StreamFrame<'_>) -> String {
    match frame {
        StreamFrame::Described(described) => {
            let (correlation, name) = (described.correlation.0, described.name.escape_ascii());
            let (created, co_located) = (described.created.0, described.co_located);
            let partitions: String = described
                .partitions()
                .map(|it| {
                    format!(
                        " [index={} id={} first_offset={} end_offset={} state={} shard={}]",
                        it.index, it.id, it.first_offset, it.end_offset, it.health as u8, it.shard
                    )
                })
                .collect();
            let more = described.more;
            format!(
                "stream_described correlation={correlation} name=\"{name}\" created_ms={created} \
                 co_located={co_located}{partitions} more={more}"
            )
        }
        StreamFrame::Listed(listed) => {
            let streams: String = listed
                .streams()
                .map(|it| {
                    let (name, count) = (it.name.escape_ascii(), it.partition_count);
                    format!(" [{name} partition_count={count} created_ms={}]", it.created.0)
                })
                .collect();
            format!(
                "stream_listed correlation={}{streams} more={}",
                listed.correlation.0, listed.more
            )
        }
        StreamFrame::Appended(appended) => format!(
            "appended correlation={} code={} partition={} base_offset={} append_time_ms={} \
             level={} duplicate={} detail={}",
            appended.correlation.0,
            appended.code,
            appended.partition,
            appended.base_offset,
            appended.append_time.0,
            appended.level.name(),
            appended.is_duplicate,
            appended.detail
        ),
        StreamFrame::Records(read) => {
            let kind = match read.records() {
                Ok(records) => format!("{} records", records.iter().count()),
                Err(error) => error.to_string(),
            };
            format!(
                "records follower={} partition={} base_offset={} append_time_ms={} end_offset={} \
                 count={} body=\"{}\" ({kind})",
                read.follow.0,
                read.partition,
                read.base_offset,
                read.append_time.0,
                read.end_offset,
                read.count,
                read.body.escape_ascii()
            )
        }
        StreamFrame::FollowEnded(ended) => format!(
            "follow_ended follower={} code={} next_offset={} first_offset={} end_offset={}",
            ended.follow.0, ended.code, ended.next_offset, ended.first_offset, ended.end_offset
        ),
    }
}
