//! Valid inputs about streams.

use super::seeds::{batch_body, encoded};
use crate::buffer::{Chunk, OutBuf, Pool, Region};
use crate::model::limits::BLOCK_BYTES;
use crate::model::{
    AckLevel, AddFollowCredit, AppendConditions, Appended, BodyKind, ClientId, Commands, ErrorCode,
    Event, FollowEnded, FollowFrom, FollowId, Offset, Opened, PartitionChoice, PartitionHealth,
    PartitionId, PartitionRow, ProducerEpoch, ProducerId, ProducerSequence, RecordsRead,
    StreamDescribed, StreamEvent, StreamRow, StreamsListed, Ticket, Timestamp, Unfollow, UnixMs,
};
use crate::native::{
    AppendFrame, ClientFrame, Features, FollowRequest, HEADER_BYTES, Hello, NativeConfig,
    NativeSession, Preface, StreamCreate, StreamList, StreamNamed, StreamRequest, body_crc,
};
use crate::session::Session;

/// One frame of each kind a client sends about streams, and a second APPEND; `body` is that of a batch
/// of three records.
pub(super) fn stream_requests(body: &[u8]) -> Vec<ClientFrame<'_>> {
    let correlation = Ticket(21);
    let named = StreamNamed { correlation, name: b"orders" };
    let append = AppendFrame {
        correlation,
        stream: b"orders",
        partition: PartitionChoice::KeyHash(7),
        conditions: AppendConditions {
            producer: ProducerId(5),
            sequence: ProducerSequence(40),
            expected: Some(Offset(100)),
            epoch: ProducerEpoch(2),
        },
        level: AckLevel::Durable,
        body_kind: BodyKind::Native,
        count: 3,
        body_crc: body_crc(body),
        body,
    };
    let opaque = AppendFrame {
        partition: PartitionChoice::Index(1),
        conditions: AppendConditions::default(),
        level: AckLevel::None,
        body_kind: BodyKind::Opaque,
        count: 1,
        ..append
    };
    let follow = FollowRequest {
        follow: FollowId(4),
        correlation,
        stream: b"orders",
        partition: 1,
        from: FollowFrom::At(Offset(9)),
        credit_records: 100,
        credit_bytes: 1 << 20,
        stop_at_end: true,
    };
    let credit = AddFollowCredit { follow: FollowId(4), records: 5, bytes: 1 << 16 };
    [
        StreamRequest::Create(StreamCreate {
            correlation,
            name: b"orders",
            partition_count: 4,
            co_located: true,
        }),
        StreamRequest::Append(append),
        StreamRequest::Append(opaque),
        StreamRequest::Describe(named),
        StreamRequest::List(StreamList { correlation }),
        StreamRequest::Follow(follow),
        StreamRequest::AddCredit(credit),
        StreamRequest::Unfollow(Unfollow { follow: FollowId(4), ticket: correlation }),
        StreamRequest::Delete(named),
    ]
    .map(ClientFrame::Stream)
    .to_vec()
}

/// The tables that clients send about streams but FOLLOW, each behind the number of its kind.
pub(super) fn stream_request_tables() -> Vec<Vec<u8>> {
    let named = StreamNamed { correlation: Ticket(1), name: b"orders" };
    let create =
        StreamCreate { correlation: Ticket(1), name: b"a.b", partition_count: 9, co_located: true };
    let requests = [
        StreamRequest::Create(create),
        StreamRequest::Delete(named),
        StreamRequest::Describe(named),
        StreamRequest::List(StreamList { correlation: Ticket(1) }),
    ];
    let tables = requests.map(|request| table(&ClientFrame::Stream(request)));
    (0..).zip(tables).map(|(kind, table)| [vec![kind], table].concat()).collect()
}

/// The table of FOLLOW.
pub(super) fn follow_table() -> Vec<u8> {
    let body = batch_body();
    let requests = stream_requests(&body);
    let is_follow =
        |it: &&ClientFrame<'_>| matches!(it, ClientFrame::Stream(StreamRequest::Follow(_)));
    table(requests.iter().find(is_follow).expect("one of them is FOLLOW"))
}

fn table(frame: &ClientFrame<'_>) -> Vec<u8> {
    encoded(frame).split_off(HEADER_BYTES)
}

fn greeting() -> Vec<u8> {
    let hello = ClientFrame::Hello(Hello { features: Features::STREAMS, ..Hello::default() });
    [Preface::OURS.encode().to_vec(), encoded(&hello)].concat()
}

/// A whole conversation of a client about streams.
pub(super) fn stream_client_bytes() -> Vec<u8> {
    let body = batch_body();
    let mut bytes = greeting();
    for frame in stream_requests(&body) {
        bytes.extend_from_slice(&encoded(&frame));
    }
    bytes
}

/// The tables STREAM_DESCRIBED and STREAM_LISTED.
pub(super) fn stream_answer_tables() -> [Vec<u8>; 2] {
    [&described(), &listed()].map(|event| written(&[*event])[1..].concat().split_off(HEADER_BYTES))
}

/// WELCOME, and one frame of each kind a broker sends about streams.
pub(super) fn stream_server_bytes() -> Vec<u8> {
    let body = batch_body();
    let appended = Appended {
        ticket: Ticket(21),
        code: ErrorCode::Ok,
        partition: 1,
        base_offset: Offset(100),
        append_time: UnixMs(1_700_000_000_000),
        level: AckLevel::Durable,
        is_duplicate: true,
        detail: 0,
    };
    let read = RecordsRead {
        follow: FollowId(4),
        partition: 1,
        base_offset: Offset(100),
        append_time: UnixMs(1_700_000_000_000),
        end_offset: Offset(103),
        count: 3,
        body_crc: body_crc(&body),
        body_kind: BodyKind::Native,
        body: Chunk::plain(&body),
    };
    let ended = FollowEnded {
        follow: FollowId(4),
        code: ErrorCode::Ok,
        next_offset: Offset(103),
        first_offset: Offset(7),
        end_offset: Offset(103),
    };
    let events = [
        described(),
        listed(),
        StreamEvent::Appended(appended),
        StreamEvent::Records(read),
        StreamEvent::FollowEnded(ended),
    ];
    [Preface::OURS.encode().to_vec(), written(&events).concat()].concat()
}

const PARTITIONS: [PartitionRow; 2] = [
    PartitionRow {
        index: 0,
        id: PartitionId(17),
        first_offset: Offset(7),
        end_offset: Offset(103),
        health: PartitionHealth::Open,
        shard: 1,
    },
    PartitionRow {
        index: 1,
        id: PartitionId(18),
        first_offset: Offset(0),
        end_offset: Offset(0),
        health: PartitionHealth::ReadOnly,
        shard: 0,
    },
];

fn described() -> StreamEvent<'static> {
    StreamEvent::Described(StreamDescribed {
        ticket: Ticket(21),
        name: b"orders",
        created: UnixMs(1_700_000_000_000),
        co_located: true,
        partitions: &PARTITIONS,
        more: false,
    })
}

fn listed() -> StreamEvent<'static> {
    const STREAMS: [StreamRow<'static>; 2] = [
        StreamRow { name: b"orders", partition_count: 2, created: UnixMs(1_700_000_000_000) },
        StreamRow { name: b"a", partition_count: 1, created: UnixMs(9) },
    ];
    StreamEvent::Listed(StreamsListed { ticket: Ticket(21), streams: &STREAMS, more: true })
}

/// What a session writes: WELCOME, and the frames of the events, each by itself.
fn written(events: &[StreamEvent<'_>]) -> Vec<Vec<u8>> {
    let config = NativeConfig { streams: true, ..NativeConfig::default() };
    let mut session = NativeSession::new(config);
    let mut out = OutBuf::new(Pool::new(Region::heap(BLOCK_BYTES), BLOCK_BYTES), 64);
    let now = Timestamp(1);
    session.on_open(now, &mut out);
    session
        .on_bytes(now, Chunk::plain(&greeting()), &mut Commands::default(), &mut out)
        .expect("the greeting is valid");
    out.consume(out.pending_bytes());
    let opened = Event::Opened(Opened { client: ClientId { slot: 3, generation: 4 } });
    let events = events.iter().map(|event| Event::Stream(*event));
    core::iter::once(opened)
        .chain(events)
        .map(|event| {
            session.on_event(now, &event, &mut out);
            let frame = out.segments().collect::<Vec<_>>().concat();
            out.consume(frame.len());
            frame
        })
        .collect()
}
