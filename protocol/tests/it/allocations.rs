//! Nothing is allocated per message once everything has its working size.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::hint::black_box;

use coilgun_protocol::buffer::Chunk;
use coilgun_protocol::elbus::{self, ElbusConfig, ElbusSession, Operation, Qos};
use coilgun_protocol::model::{
    AckLevel, AppendConditions, Appended, BodyKind, ClientId, Command, Delivery, ErrorCode, Event,
    FollowId, Offset, Opened, Outcome, PartitionChoice, ProducerEpoch, ProducerId,
    ProducerSequence, RecordsRead, Span, StreamCommand, StreamEvent, SubscriptionId, Ticket,
    UnixMs,
};
use coilgun_protocol::native::{
    AppendFrame, ClientFrame, Features, Incoming, NativeConfig, PublishFrame, Record, ServerFrame,
    ServerReader, StreamFrame, StreamRequest, append_record, body_crc, encode_frame,
};
use coilgun_protocol::session::Session;

use crate::harness::{Harness, encoded};

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

/// The system's allocator, counting per thread.
struct Counting;

// SAFETY: every call is passed on unchanged to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
        // SAFETY: the caller's promises are the system's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        // SAFETY: the place came from the system's allocator, by `alloc` above.
        unsafe { System.dealloc(place, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// How many allocations this thread makes in `work`.
fn allocations_in(work: impl FnOnce()) -> u64 {
    let before = ALLOCATIONS.with(Cell::get);
    work();
    ALLOCATIONS.with(Cell::get) - before
}

/// Parses the chunk, and delivers and acknowledges every message to the same client.
fn turn<S: Session>(harness: &mut Harness<S>, bytes: &[u8]) {
    harness.feed(bytes).expect("every frame is valid");
    let chunk = Chunk::plain(bytes);
    let mut commands = std::mem::take(&mut harness.commands);
    for command in commands.list() {
        let Command::Publish(publish) = command else { panic!("every frame is a publish") };
        let piece = |span: Span| match span.is_scratch() {
            true => &commands.text()[span.offset()..span.end()],
            false => chunk.slice(span).bytes(),
        };
        let delivery = Delivery {
            subscription: SubscriptionId(1),
            subject: piece(publish.subject),
            reply: piece(publish.reply),
            headers: &[],
            payload: chunk.slice(publish.payload),
            tail: None,
            sender: &[],
            correlation: publish.ticket,
            deadline_ms: 0,
            flags: publish.flags,
            missed: 0,
        };
        harness.event(&Event::Deliver(delivery));
        let (ticket, code) = (publish.ticket, ErrorCode::Ok);
        harness.event(&Event::Outcome(Outcome { ticket, code, receivers: 1, is_starved: false }));
    }
    commands.clear();
    harness.commands = commands;
    harness.out.consume(harness.out.pending_bytes());
}

/// A session of elbus whose client is in.
fn elbus() -> Harness<ElbusSession> {
    let mut harness = Harness::with(ElbusSession::new(ElbusConfig::default()));
    harness.feed(b"\xEB\x01\x00\x01\x00a").expect("the handshake is valid");
    harness.commands.clear();
    harness.event(&Event::Opened(Opened { client: ClientId { slot: 1, generation: 0 } }));
    harness.take_written();
    harness
}

#[test]
fn s10_elbus_publishes_and_delivers_without_allocating_once_warm() {
    // Texts that change in their separators only, that have to be escaped, and that are no ASCII.
    for (topic, name) in [("orders/eu/new", "a.b"), ("v1.2/a*", "a b"), ("\u{e9}/x.y", "\u{e9}")] {
        let mut harness = elbus();
        let mut bytes = Vec::new();
        for (operation, place) in [(Operation::Publish, topic), (Operation::Message, name)] {
            let parts: [&[u8]; 2] = [place.as_bytes(), &[7; 64]];
            elbus::encode_frame(7, operation, Qos::PROCESSED, &parts, &mut bytes);
        }
        let bytes = bytes.repeat(100);
        (0..10).for_each(|_| turn(&mut harness, &bytes));
        let warm = allocations_in(|| (0..100).for_each(|_| turn(&mut harness, &bytes)));
        assert_eq!(warm, 0, "{topic} and {name}");
        assert_eq!(harness.out.copied().payloads, 2 * 110 * 100, "one copy per delivery");
    }
}

#[test]
fn s10_publish_and_deliver_do_not_allocate_once_warm() {
    let mut harness = Harness::open(NativeConfig::default(), Features::default());
    let message = PublishFrame {
        correlation: Ticket(1),
        subject: b"orders.eu",
        payload: &[7; 64],
        ..PublishFrame::default()
    };
    let bytes = encoded(&ClientFrame::Publish(message)).repeat(100);
    (0..10).for_each(|_| turn(&mut harness, &bytes));
    let warm = allocations_in(|| (0..100).for_each(|_| turn(&mut harness, &bytes)));
    assert_eq!(warm, 0);
    assert_eq!(harness.out.copied().payloads, 110 * 100, "one copy per delivery");
}

/// Parses the chunk, and acknowledges every batch and gives it to a follower of the same client.
fn append_turn(harness: &mut Harness, bytes: &[u8]) {
    harness.feed(bytes).expect("every frame is valid");
    let chunk = Chunk::plain(bytes);
    let mut commands = std::mem::take(&mut harness.commands);
    for command in commands.list() {
        let Command::Stream(StreamCommand::Append(append)) = command else {
            panic!("every frame is a batch that is what it says")
        };
        let conditions = AppendConditions::decode(chunk.slice(append.conditions).bytes());
        let base_offset = conditions.expected.expect("every batch expects an offset");
        let (partition, append_time) = (append.partition.index_in(4), UnixMs(1));
        let appended = Appended {
            ticket: append.ticket,
            code: ErrorCode::Ok,
            partition,
            base_offset,
            append_time,
            level: append.level,
            is_duplicate: false,
            detail: 0,
        };
        harness.event(&Event::Stream(StreamEvent::Appended(appended)));
        let read = RecordsRead {
            follow: FollowId(1),
            partition,
            base_offset,
            append_time,
            end_offset: base_offset.plus(append.count),
            count: append.count,
            body_crc: append.body_crc,
            body_kind: append.body_kind,
            body: chunk.slice(append.body),
        };
        harness.event(&Event::Stream(StreamEvent::Records(read)));
    }
    commands.clear();
    harness.commands = commands;
}

/// Reads what was written as a client does, and says how many records there were.
fn read_as_client(harness: &mut Harness, reader: &mut ServerReader, kept: &mut Vec<u8>) -> usize {
    harness.out.segments().for_each(|run| kept.extend_from_slice(run));
    harness.out.consume(harness.out.pending_bytes());
    let (mut at, mut records) = (0, 0);
    // Ends because every item takes bytes away.
    while at < kept.len() {
        let item = reader.read(&kept[at..]).expect("the broker speaks the protocol");
        let (Incoming::Preface { used, .. } | Incoming::Frame { used, .. }) = item else {
            panic!("half a frame")
        };
        if let Incoming::Frame { frame: ServerFrame::Stream(StreamFrame::Records(read)), .. } = item
        {
            records += read.records().expect("the records are whole").iter().count();
        }
        at += used;
    }
    kept.clear();
    records
}

#[test]
fn s10_append_and_records_do_not_allocate_once_warm_on_either_side() {
    let config = NativeConfig { streams: true, ..NativeConfig::default() };
    let mut harness = Harness::new(config);
    let mut reader = ServerReader::default();
    let mut kept = Vec::new();
    harness.feed(&Harness::greeting(Features::STREAMS)).expect("the greeting is valid");
    harness.commands.clear();
    harness.event(&Event::Opened(Opened { client: ClientId { slot: 1, generation: 0 } }));
    read_as_client(&mut harness, &mut reader, &mut kept);

    let mut body = Vec::new();
    let record = Record { key: b"k", payload: &[7; 64], ..Record::default() };
    (0..3).for_each(|_| append_record(&record, &mut body).expect("it is small"));
    let append = AppendFrame {
        correlation: Ticket(1),
        stream: b"orders",
        partition: PartitionChoice::KeyHash(9),
        conditions: AppendConditions {
            producer: ProducerId(1),
            sequence: ProducerSequence(2),
            expected: Some(Offset(3)),
            epoch: ProducerEpoch(4),
        },
        level: AckLevel::Durable,
        body_kind: BodyKind::Native,
        count: 3,
        body_crc: body_crc(&body),
        body: &body,
    };
    let frame = ClientFrame::Stream(StreamRequest::Append(append));
    let mut sent = Vec::new();
    let mut round = || {
        sent.clear();
        (0..50).for_each(|_| encode_frame(&frame, &mut sent).expect("it is within the limits"));
        append_turn(&mut harness, &sent);
        assert_eq!(read_as_client(&mut harness, &mut reader, &mut kept), 150);
    };
    (0..10).for_each(|_| round());
    assert_eq!(allocations_in(|| (0..100).for_each(|_| round())), 0);
}

#[test]
fn s10_the_counter_sees_a_planted_allocation() {
    assert_eq!(allocations_in(|| drop(black_box(Box::new(black_box(1u64))))), 1);
}
