//! The frames about streams, for `golden_frames`.

use coilgun_protocol::buffer::Chunk;
use coilgun_protocol::model::{
    AckLevel, AddFollowCredit, AppendConditions, Appended, BodyKind, ErrorCode, FollowEnded,
    FollowFrom, FollowId, Header, Headers, Offset, PartitionChoice, PartitionHealth, PartitionId,
    PartitionRow, ProducerEpoch, ProducerId, ProducerSequence, RecordsRead, StreamDescribed,
    StreamEvent, StreamRow, StreamsListed, Ticket, Unfollow, UnixMs, encode_header,
};
use coilgun_protocol::native::{
    AppendFrame, ClientFrame, FollowRequest, Record, StreamCreate, StreamList, StreamNamed,
    StreamRequest, append_record, body_crc, key_hash,
};

const CREATED: UnixMs = UnixMs(1_700_000_000_000);
const APPENDED_AT: UnixMs = UnixMs(1_700_000_001_000);

/// The body of a batch of two records: one with everything, one with a payload only.
pub(crate) fn batch_body() -> Vec<u8> {
    let mut block = Vec::new();
    encode_header(Header { name: b"Trace-Id", value: b"7" }, &mut block).expect("the name is one");
    let headers = Headers::parse(&block).expect("the block is one");
    let mut body = Vec::new();
    let key = b"customer-7";
    let everything = Record { key, headers, payload: b"hello", producer_time: APPENDED_AT };
    append_record(&everything, &mut body).expect("it is small");
    append_record(&Record { payload: b"you", ..Record::default() }, &mut body)
        .expect("it is small");
    body
}

fn append(body: &[u8]) -> AppendFrame<'_> {
    AppendFrame {
        correlation: Ticket(12),
        stream: b"orders",
        partition: PartitionChoice::Index(1),
        conditions: AppendConditions {
            producer: ProducerId(5),
            sequence: ProducerSequence(40),
            expected: Some(Offset(100)),
            epoch: ProducerEpoch(2),
        },
        level: AckLevel::Durable,
        body_kind: BodyKind::Native,
        count: 2,
        body_crc: body_crc(body),
        body,
    }
}

/// What clients send, each with a name and a sentence.
pub(crate) fn client_frames(body: &[u8]) -> Vec<(&'static str, &'static str, ClientFrame<'_>)> {
    let named = |correlation| StreamNamed { correlation: Ticket(correlation), name: b"orders" };
    let create = StreamCreate {
        correlation: Ticket(10),
        name: b"orders",
        partition_count: 2,
        co_located: true,
    };
    let by_key = AppendFrame {
        correlation: Ticket(13),
        partition: PartitionChoice::KeyHash(key_hash(b"customer-7")),
        conditions: AppendConditions::default(),
        level: AckLevel::Leader,
        body_kind: BodyKind::Opaque,
        count: 1,
        body_crc: body_crc(b"opaque"),
        body: b"opaque",
        ..append(body)
    };
    let follow = FollowRequest {
        follow: FollowId(4),
        correlation: Ticket(16),
        stream: b"orders",
        partition: 1,
        from: FollowFrom::At(Offset(101)),
        credit_records: 1_000,
        credit_bytes: 1 << 20,
        stop_at_end: true,
    };
    let credit = AddFollowCredit { follow: FollowId(4), records: 2, bytes: 71 };
    let unfollow = Unfollow { follow: FollowId(4), ticket: Ticket(17) };
    [
        ("stream_create", "Two partitions that are kept together.", StreamRequest::Create(create)),
        ("stream_delete", "Delete the stream.", StreamRequest::Delete(named(11))),
        ("append", "A batch with everything.", StreamRequest::Append(append(body))),
        (
            "append_by_key",
            "A batch whose key chooses the partition.",
            StreamRequest::Append(by_key),
        ),
        ("stream_describe", "Ask about the stream.", StreamRequest::Describe(named(14))),
        (
            "stream_list",
            "Ask for all streams.",
            StreamRequest::List(StreamList { correlation: Ticket(15) }),
        ),
        ("follow", "Begin with the second record.", StreamRequest::Follow(follow)),
        (
            "follow_credit",
            "As much more as the batch of records.hex took.",
            StreamRequest::AddCredit(credit),
        ),
        ("unfollow", "Stop reading.", StreamRequest::Unfollow(unfollow)),
    ]
    .map(|(name, sentence, request)| (name, sentence, ClientFrame::Stream(request)))
    .to_vec()
}

const PARTITIONS: [PartitionRow; 2] = [
    PartitionRow {
        index: 0,
        id: PartitionId(17),
        first_offset: Offset(0),
        end_offset: Offset(0),
        health: PartitionHealth::Open,
        shard: 0,
    },
    PartitionRow {
        index: 1,
        id: PartitionId(18),
        first_offset: Offset(7),
        end_offset: Offset(102),
        health: PartitionHealth::ReadOnly,
        shard: 1,
    },
];

const STREAMS: [StreamRow<'static>; 2] = [
    StreamRow { name: b"orders", partition_count: 2, created: CREATED },
    StreamRow { name: b"logs.eu", partition_count: 1, created: CREATED },
];

/// What became of the batch of append.hex.
fn appended() -> Appended {
    Appended {
        ticket: Ticket(12),
        code: ErrorCode::Ok,
        partition: 1,
        base_offset: Offset(100),
        append_time: APPENDED_AT,
        level: AckLevel::Durable,
        is_duplicate: false,
        detail: 0,
    }
}

/// What the broker says, each with a name and a sentence.
pub(crate) fn server_events(body: &[u8]) -> Vec<(&'static str, &'static str, StreamEvent<'_>)> {
    let described = StreamDescribed {
        ticket: Ticket(14),
        name: b"orders",
        created: CREATED,
        co_located: true,
        partitions: &PARTITIONS,
        more: false,
    };
    let listed = StreamsListed { ticket: Ticket(15), streams: &STREAMS, more: false };
    let duplicate = Appended { append_time: UnixMs(0), is_duplicate: true, ..appended() };
    let partition = PartitionChoice::Index(1);
    let unexpected = Appended::refused(Ticket(12), partition, ErrorCode::UnexpectedOffset, 102);
    let read = RecordsRead {
        follow: FollowId(4),
        partition: 1,
        base_offset: Offset(100),
        append_time: APPENDED_AT,
        end_offset: Offset(102),
        count: 2,
        body_crc: body_crc(body),
        body_kind: BodyKind::Native,
        body: Chunk::plain(body),
    };
    let ended = FollowEnded {
        follow: FollowId(4),
        code: ErrorCode::Ok,
        next_offset: Offset(102),
        first_offset: Offset(7),
        end_offset: Offset(102),
    };
    vec![
        ("stream_described", "What the stream is like.", StreamEvent::Described(described)),
        ("stream_listed", "All streams there are.", StreamEvent::Listed(listed)),
        ("appended", "The batch of append.hex is on the disk.", StreamEvent::Appended(appended())),
        (
            "appended_duplicate",
            "The batch of append.hex came again.",
            StreamEvent::Appended(duplicate),
        ),
        (
            "appended_unexpected_offset",
            "Somebody else had appended before append.hex came.",
            StreamEvent::Appended(unexpected),
        ),
        ("records", "The batch of append.hex for a follower.", StreamEvent::Records(read)),
        ("follow_ended", "The follower is at the end.", StreamEvent::FollowEnded(ended)),
    ]
}
