//! Lines about streams into frames and events.

use coilgun_protocol::buffer::Chunk;
use coilgun_protocol::model::{
    AckLevel, AddFollowCredit, AppendConditions, Appended, BodyKind, FollowEnded, FollowFrom,
    FollowId, Offset, PartitionChoice, PartitionHealth, PartitionId, PartitionRow, ProducerEpoch,
    ProducerId, ProducerSequence, RecordsRead, StreamDescribed, StreamEvent, StreamRow,
    StreamsListed, Ticket, Unfollow, UnixMs,
};
use coilgun_protocol::native::{
    AppendFrame, ClientFrame, FollowRequest, Record, StreamCreate, StreamList, StreamNamed,
    StreamRequest, append_record, body_crc, key_hash,
};

use super::input::{Words, hex};

/// A frame of the client about streams; `body` is room for the body of a batch.
pub(super) fn stream_request<'a>(words: &Words<'a>, body: &'a mut Vec<u8>) -> ClientFrame<'a> {
    let correlation = Ticket(words.number("correlation", 0));
    let named = StreamNamed { correlation, name: words.bytes("name") };
    ClientFrame::Stream(match words.name {
        "stream_create" => StreamRequest::Create(StreamCreate {
            correlation,
            name: named.name,
            partition_count: words.number("partition_count", 0),
            co_located: words.number("co_located", false),
        }),
        "stream_delete" => StreamRequest::Delete(named),
        "stream_describe" => StreamRequest::Describe(named),
        "stream_list" => StreamRequest::List(StreamList { correlation }),
        "append" => {
            *body = batch_body(words);
            StreamRequest::Append(append(words, body))
        }
        "follow" => StreamRequest::Follow(FollowRequest {
            follow: follow_id(words),
            correlation,
            stream: words.bytes("stream"),
            partition: words.number("partition", 0),
            from: match words.text("from") {
                "" => FollowFrom::End,
                _ => FollowFrom::At(Offset(words.number("from", 0))),
            },
            credit_records: words.number("credit_records", 0),
            credit_bytes: words.number("credit_bytes", 0),
            stop_at_end: words.number("stop_at_end", false),
        }),
        "follow_credit" => StreamRequest::AddCredit(AddFollowCredit {
            follow: follow_id(words),
            records: words.number("records", 0),
            bytes: words.number("bytes", 0),
        }),
        "unfollow" => {
            StreamRequest::Unfollow(Unfollow { follow: follow_id(words), ticket: correlation })
        }
        other => panic!("a client does not send {other}"),
    })
}

fn follow_id(words: &Words<'_>) -> FollowId {
    FollowId(words.number("follower", 1))
}

/// The body of a batch: `records=one,two` gives a record for each payload, with `key` as its key;
/// `body` is what it says, and `body_hex` its bytes.
fn batch_body(words: &Words<'_>) -> Vec<u8> {
    let mut body = [words.bytes("body").to_vec(), hex(words.text("body_hex"))].concat();
    for payload in words.text("records").split(',').filter(|payload| !payload.is_empty()) {
        let (key, payload) = (words.bytes("key"), payload.as_bytes());
        let record = Record { key, payload, ..Record::default() };
        append_record(&record, &mut body).expect("it is small");
    }
    body
}

fn record_count(words: &Words<'_>) -> u32 {
    let payloads = words.text("records").split(',').filter(|payload| !payload.is_empty());
    words.number("count", (payloads.count() as u32).max(1))
}

fn body_kind(words: &Words<'_>) -> BodyKind {
    match words.text("body") {
        "" => BodyKind::Native,
        _ => BodyKind::Opaque,
    }
}

fn level(words: &Words<'_>) -> AckLevel {
    let name = words.text("level");
    if name.is_empty() {
        return AckLevel::Durable;
    }
    let found = AckLevel::ALL.into_iter().find(|level| level.name() == name);
    found.unwrap_or_else(|| panic!("there is no level {name}"))
}

fn append<'a>(words: &Words<'a>, body: &'a [u8]) -> AppendFrame<'a> {
    let partition = words.number("partition", u32::MAX);
    let expected = words.number("expected", u64::MAX);
    AppendFrame {
        correlation: Ticket(words.number("correlation", 0)),
        stream: words.bytes("stream"),
        partition: match partition {
            PartitionChoice::BY_KEY => PartitionChoice::KeyHash(key_hash(words.bytes("key"))),
            index => PartitionChoice::Index(index),
        },
        conditions: AppendConditions {
            producer: ProducerId(words.number("producer", 0)),
            sequence: ProducerSequence(words.number("sequence", 0)),
            expected: (expected != u64::MAX).then_some(Offset(expected)),
            epoch: ProducerEpoch(words.number("epoch", 0)),
        },
        level: level(words),
        body_kind: body_kind(words),
        count: record_count(words),
        body_crc: words.number("body_crc", body_crc(body)),
        body,
    }
}

/// What the broker says about streams. What it refers to stays in memory until the test ends.
pub(super) fn stream_event<'a>(words: &Words<'a>) -> StreamEvent<'a> {
    let ticket = Ticket(words.number("ticket", 0));
    let created = UnixMs(words.number("created_ms", 0));
    let offset = |field: &str| Offset(words.number(field, 0));
    match words.name {
        "appended" => StreamEvent::Appended(Appended {
            ticket,
            code: words.code(),
            partition: words.number("partition", 0),
            base_offset: offset("base_offset"),
            append_time: UnixMs(words.number("append_time_ms", 0)),
            level: level(words),
            is_duplicate: words.number("duplicate", false),
            detail: words.number("detail", 0),
        }),
        "stream_described" => StreamEvent::Described(StreamDescribed {
            ticket,
            name: words.bytes("name"),
            created,
            co_located: words.number("co_located", false),
            partitions: (0..words.number("partition_count", 1)).map(row).collect::<Vec<_>>().leak(),
            more: words.number("more", false),
        }),
        "stream_listed" => StreamEvent::Listed(StreamsListed {
            ticket,
            streams: words
                .text("names")
                .split(',')
                .filter(|name| !name.is_empty())
                .map(|name| StreamRow { name: name.as_bytes(), partition_count: 3, created })
                .collect::<Vec<_>>()
                .leak(),
            more: words.number("more", false),
        }),
        "records" => {
            let body: &[u8] = batch_body(words).leak();
            StreamEvent::Records(RecordsRead {
                follow: follow_id(words),
                partition: words.number("partition", 0),
                base_offset: offset("base_offset"),
                append_time: UnixMs(words.number("append_time_ms", 0)),
                end_offset: offset("end_offset"),
                count: record_count(words),
                body_crc: words.number("body_crc", body_crc(body)),
                body_kind: body_kind(words),
                body: Chunk::plain(body),
            })
        }
        "follow_ended" => StreamEvent::FollowEnded(FollowEnded {
            follow: follow_id(words),
            code: words.code(),
            next_offset: offset("next_offset"),
            first_offset: offset("first_offset"),
            end_offset: offset("end_offset"),
        }),
        other => panic!("a broker raises no event {other}"),
    }
}

fn row(index: u32) -> PartitionRow {
    PartitionRow {
        index,
        id: PartitionId(u64::from(index) + 100),
        first_offset: Offset(0),
        end_offset: Offset(0),
        health: PartitionHealth::Open,
        shard: 0,
    }
}
