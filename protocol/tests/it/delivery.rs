//! How a message leaves: copied once, or by reference.

use coilgun_protocol::buffer::{BlockRange, Chunk, CopyCount, Pool, Region};
use coilgun_protocol::model::ClientId;
use coilgun_protocol::model::limits::{BLOCK_BYTES, COPY_MAX, HEADERS_BYTES_MAX};
use coilgun_protocol::model::{
    BodyKind, Delivery, ErrorCode, Event, FollowId, Header, Offset, Outcome, PublishFlags,
    RecordsRead, StreamEvent, SubscriptionId, Ticket, UnixMs, encode_header,
};
use coilgun_protocol::native::{
    ClientFrame, DeliverFrame, Features, Incoming, NativeConfig, Preface, PublishFrame, Record,
    RecordsFrame, ServerFrame, ServerReader, StreamFrame, UnreadableBatch, Welcome, append_record,
    body_crc,
};

use crate::harness::{Harness, encoded};

/// A message in a receive block, as its publisher sent it.
struct Arrived {
    range: BlockRange,
    pool: Pool,
    subject: usize,
    reply: usize,
    headers: usize,
}

impl Arrived {
    /// Writes the body of a PUBLISH frame into a block.
    fn new(subject: &[u8], reply: &[u8], headers: &[u8], payload: &[u8]) -> Arrived {
        let tail = [subject, reply, headers, payload].concat();
        let block_bytes = tail.len().max(1);
        let pool = Pool::new(Region::heap(block_bytes), block_bytes);
        let block = pool.take().expect("the block is free");
        // SAFETY: the block was just taken, nothing else refers to it.
        unsafe { block.unwritten(0, tail.len()) }.copy_from_slice(&tail);
        let range = BlockRange::new(block, 0, tail.len());
        let [subject, reply, headers] = [subject, reply, headers].map(<[u8]>::len);
        Arrived { range, pool, subject, reply, headers }
    }

    fn delivery(&self, with_tail: bool) -> Delivery<'_> {
        let tail = self.range.chunk();
        let (subject, rest) = tail.bytes().split_at(self.subject);
        let (reply, rest) = rest.split_at(self.reply);
        let (headers, payload) = rest.split_at(self.headers);
        let at = self.subject + self.reply + self.headers;
        let payload = tail.slice(coilgun_protocol::model::Span::chunk(at, payload.len()));
        Delivery {
            subscription: SubscriptionId(9),
            subject,
            reply,
            headers,
            payload,
            tail: with_tail.then_some(tail),
            sender: b"someone",
            correlation: Ticket(4),
            deadline_ms: 30,
            flags: PublishFlags(0xff),
            missed: 2,
        }
    }
}

/// Reads one DELIVER frame and compares it with what was to be delivered.
fn check(written: &[u8], delivery: &Delivery<'_>, sender: &[u8]) {
    let mut reader = open_reader();
    let Ok(Incoming::Frame { frame: ServerFrame::Deliver(frame), used }) = reader.read(written)
    else {
        panic!("the session wrote one DELIVER frame");
    };
    assert_eq!(used, written.len());
    let DeliverFrame { subscription, correlation, deadline_ms, missed, flags, .. } = frame;
    assert_eq!((subscription, correlation), (delivery.subscription, delivery.correlation));
    assert_eq!((deadline_ms, missed), (delivery.deadline_ms, delivery.missed));
    assert_eq!(flags, PublishFlags::REQUEST.with(PublishFlags::MORE));
    assert_eq!(frame.sender, sender);
    assert_eq!((frame.subject, frame.reply), (delivery.subject, delivery.reply));
    assert_eq!(frame.headers.block(), delivery.headers);
    assert!(frame.payload == delivery.payload.bytes());
}

/// A client's reader that has seen preface and WELCOME.
fn open_reader() -> ServerReader {
    let mut reader = ServerReader::default();
    reader.read(&Preface::OURS.encode()).expect("the preface is valid");
    let mut welcome = Vec::new();
    Welcome {
        software: "test",
        version: 1,
        client: ClientId { slot: 0, generation: 0 },
        features: Features::KNOWN,
        payload_bytes_max: 1 << 20,
        ping_interval_ms: 0,
    }
    .encode(&mut welcome)
    .expect("the frame is short");
    reader.read(&welcome).expect("the frame is valid");
    reader
}

fn headers_of(value_bytes: usize) -> Vec<u8> {
    let mut block = Vec::new();
    let value = vec![b'v'; value_bytes];
    encode_header(Header { name: b"x", value: &value }, &mut block).expect("the name is one");
    block
}

#[test]
fn s10_a_small_payload_is_copied_once_with_its_tail_or_without() {
    let headers = headers_of(3);
    let arrived = Arrived::new(b"a.b", b"_INBOX.1", &headers, &[7; COPY_MAX]);
    let mut written = Vec::new();
    for with_tail in [true, false] {
        let mut harness = Harness::open(NativeConfig::default(), Features::SENDER_NAMES);
        let delivery = arrived.delivery(with_tail);
        harness.event(&Event::Deliver(delivery));
        let copied = CopyCount { payloads: 1, payload_bytes: COPY_MAX as u64 };
        assert_eq!(harness.out.copied(), copied);
        assert_eq!(harness.out.segments().count(), 1, "one run");
        written.push(harness.take_written());
        check(written.last().expect("it was just pushed"), &delivery, b"someone");
    }
    assert_eq!(written[0], written[1]);
}

#[test]
fn s10_a_large_payload_is_not_copied_at_all() {
    let headers = headers_of(3);
    let arrived = Arrived::new(b"a.b", b"", &headers, &[7; 100_000]);
    for with_tail in [true, false] {
        let mut harness = Harness::open(NativeConfig::default(), Features::default());
        let delivery = arrived.delivery(with_tail);
        harness.event(&Event::Deliver(delivery));
        assert_eq!(harness.out.copied(), CopyCount::default());
        let segments: Vec<_> = harness.out.segments().collect();
        assert_eq!(segments.len(), 2, "what is before the payload, and the payload");
        assert!(core::ptr::eq(segments[1], delivery.payload.bytes()), "the very same bytes");
        check(&harness.take_written(), &delivery, b"");
    }
    assert_eq!(arrived.pool.free_count(), 0);
    let pool = arrived.pool.clone();
    drop(arrived);
    assert_eq!(pool.free_count(), 1, "nothing refers to the block any more");
}

#[test]
fn s9_headers_larger_than_a_block_leave_in_parts() {
    let headers = headers_of(HEADERS_BYTES_MAX - 5);
    assert_eq!(headers.len(), BLOCK_BYTES);
    for payload_bytes in [0, COPY_MAX, 50_000] {
        let payload = vec![5; payload_bytes];
        let arrived = Arrived::new(b"a.b", b"c", &headers, &payload);
        for with_tail in [true, false] {
            let mut harness = Harness::open(NativeConfig::default(), Features::SENDER_NAMES);
            let delivery = arrived.delivery(with_tail);
            harness.event(&Event::Deliver(delivery));
            check(&harness.take_written(), &delivery, b"someone");
        }
    }
}

#[test]
fn a_native_tail_is_the_end_of_the_publish_frame() {
    let message =
        PublishFrame { subject: b"a.b", reply: b"r", payload: b"x", ..Default::default() };
    let frame = encoded(&ClientFrame::Publish(message));
    let arrived = Arrived::new(b"a.b", b"r", b"", b"x");
    assert_eq!(&frame[32..], arrived.range.bytes());
}

#[test]
fn an_outcome_without_a_ticket_is_not_written() {
    let mut harness = Harness::open(NativeConfig::default(), Features::default());
    let outcome = Outcome {
        ticket: Ticket::NONE,
        code: ErrorCode::InvalidSubject,
        receivers: 0,
        is_starved: false,
    };
    harness.event(&Event::Outcome(outcome));
    assert!(harness.out.is_empty());
    harness.event(&Event::Outcome(Outcome { ticket: Ticket(1), ..outcome }));
    assert_eq!(harness.take_written().len(), 24);
}

#[test]
fn empty_messages_are_messages() {
    let arrived = Arrived::new(b"a", b"", b"", b"");
    let mut harness = Harness::open(NativeConfig::default(), Features::default());
    let delivery = Delivery { payload: Chunk::default(), ..arrived.delivery(false) };
    harness.event(&Event::Deliver(delivery));
    assert_eq!(harness.out.copied(), CopyCount::default());
    check(&harness.take_written(), &delivery, b"");
}

/// The body of a batch of one record, in a block.
fn batch(payload_bytes: usize) -> Arrived {
    let mut body = Vec::new();
    let payload = vec![b'p'; payload_bytes];
    let record = Record { key: b"k", payload: &payload, ..Record::default() };
    append_record(&record, &mut body).expect("it is small");
    Arrived::new(b"", b"", b"", &body)
}

fn read_of(body: Chunk<'_>) -> RecordsRead<'_> {
    RecordsRead {
        follow: FollowId(3),
        partition: 1,
        base_offset: Offset(40),
        append_time: UnixMs(7),
        end_offset: Offset(41),
        count: 1,
        body_crc: body_crc(body.bytes()),
        body_kind: BodyKind::Native,
        body,
    }
}

/// The RECORDS frame in some bytes.
fn records_frame(written: &[u8]) -> RecordsFrame<'_> {
    let read = open_reader().read(written);
    let Ok(Incoming::Frame { frame: ServerFrame::Stream(StreamFrame::Records(frame)), used }) =
        read
    else {
        panic!("the session wrote one RECORDS frame");
    };
    assert_eq!(used, written.len());
    frame
}

#[test]
fn s6_a_short_batch_is_copied_once_and_a_long_one_not_at_all() {
    for (payload_bytes, copies, segments) in [(9, 1, 1), (100_000, 0, 2)] {
        let arrived = batch(payload_bytes);
        let config = NativeConfig { streams: true, ..NativeConfig::default() };
        let mut harness = Harness::open(config, Features::STREAMS);
        harness.event(&Event::Stream(StreamEvent::Records(read_of(arrived.range.chunk()))));
        assert_eq!(harness.out.copied().payloads, copies);
        assert_eq!(harness.out.segments().count(), segments);
        let written = harness.take_written();
        let frame = records_frame(&written);
        assert_eq!((frame.base_offset, frame.next_offset()), (Offset(40), Offset(41)));
        let records: Vec<_> = frame.records().expect("the body is one").iter().collect();
        assert_eq!(records.len(), 1);
        assert_eq!((records[0].key, records[0].payload.len()), (b"k".as_slice(), payload_bytes));
    }
}

#[test]
fn a_batch_that_was_damaged_on_its_way_is_not_read() {
    let arrived = batch(9);
    let config = NativeConfig { streams: true, ..NativeConfig::default() };
    let mut harness = Harness::open(config, Features::STREAMS);
    harness.event(&Event::Stream(StreamEvent::Records(read_of(arrived.range.chunk()))));
    let mut written = harness.take_written();
    assert!(records_frame(&written).records().is_ok());
    *written.last_mut().expect("it is not empty") ^= 1;
    assert_eq!(records_frame(&written).records(), Err(UnreadableBatch::Checksum));
}

#[test]
fn l5_a_body_leaves_as_it_came() {
    let arrived = batch(30);
    let config = NativeConfig { streams: true, ..NativeConfig::default() };
    let mut harness = Harness::open(config, Features::STREAMS);
    harness.event(&Event::Stream(StreamEvent::Records(read_of(arrived.range.chunk()))));
    let written = harness.take_written();
    assert_eq!(records_frame(&written).body, arrived.range.bytes());
}
