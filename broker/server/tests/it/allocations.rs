//! Law S10 on the real kernel: no allocation inside a turn, and no more copies than there may be.
//!
//! The shard runs on the thread of the test, turn by turn, and only what a turn allocates counts.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::io::{Read, Write};
use std::net::TcpStream;

use coilgun_protocol::model::{SubscriptionId, limits};
use coilgun_protocol::native::{
    ClientFrame, Hello, Preface, PublishFrame, SubscribeRequest, encode_frame,
};
use coilgun_server::env::{LinuxEnv, Turn};
use coilgun_server::mesh::{ThreadPort, fabric};
use coilgun_server::net::{ListenAddress, Listener};
use coilgun_server::setup::{MemoryPlan, build_network};
use coilgun_server::shard::{ListenerProtocol, Shard, ShardCounters, ShardSettings, control_queue};

struct Counting;

thread_local! {
    static COUNTED: Cell<Option<u64>> = const { Cell::new(None) };
}

// SAFETY: everything is handed to the system's allocator; counting touches only a thread-local cell
// that needs no allocation itself.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNTED.with(|counted| counted.set(counted.get().map(|count| count + 1)));
        // SAFETY: the caller keeps the contract of the trait.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps the contract of the trait.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Runs `work` and says how often it allocated on this thread.
fn counted<T>(work: impl FnOnce() -> T) -> (T, u64) {
    begin_counting();
    let result = work();
    (result, end_counting())
}

/// From here on this thread counts how often it allocates.
pub(crate) fn begin_counting() {
    COUNTED.with(|counted| counted.set(Some(0)));
}

/// How often it did.
pub(crate) fn end_counting() -> u64 {
    COUNTED.with(Cell::take).unwrap_or(0)
}

/// Shards on this thread, and clients of them.
pub(crate) struct Bench {
    shards: Vec<Listening>,
    pub(crate) allocations: u64,
    /// Allocates inside the turn, to prove that it would be seen.
    planted: bool,
}

/// One of the shards, and where it listens.
struct Listening {
    shard: Shard<LinuxEnv>,
    _listener: Listener,
    address: std::net::SocketAddr,
}

impl Listening {
    fn new(port: ThreadPort, protocol: ListenerProtocol) -> Listening {
        let any = ListenAddress::Tcp("127.0.0.1:0".parse().expect("an address"));
        let listener = Listener::bind(&any).expect("a port is free");
        let ListenAddress::Tcp(address) = *listener.address() else { panic!("it is TCP") };
        let mut env = LinuxEnv::in_mesh(&port);
        let net = build_network(&mut env, &MemoryPlan::default()).expect("the kernel gives a ring");
        let (_, controls) = control_queue(port.waker().clone());
        let mut shard = Shard::new(env, net, port, ShardSettings::default(), controls)
            .expect("the kernel gives memory");
        shard.listen(listener.descriptor(), listener.kind(), protocol);
        Listening { shard, _listener: listener, address }
    }
}

impl Bench {
    fn new(shard_count: usize) -> Bench {
        Bench::speaking(shard_count, ListenerProtocol::Native)
    }

    /// Shards that speak this.
    pub(crate) fn speaking(shard_count: usize, protocol: ListenerProtocol) -> Bench {
        let ports = fabric(shard_count).expect("there are descriptors");
        let shards = ports.into_iter().map(|port| Listening::new(port, protocol)).collect();
        Bench { shards, allocations: 0, planted: false }
    }

    pub(crate) fn turn(&mut self) {
        let planted = self.planted;
        for one in &mut self.shards {
            let ((), count) = counted(|| {
                let now = one.shard.now();
                one.shard.turn(now).expect("the ring works");
                if planted {
                    drop(std::hint::black_box(Box::new(7u8)));
                }
            });
            self.allocations += count;
        }
    }

    /// What all shards have counted together.
    pub(crate) fn counters(&self) -> ShardCounters {
        self.shards.iter().map(|one| one.shard.counters()).sum()
    }

    /// A socket that is connected to a shard and does not block.
    pub(crate) fn stream(&self, shard: usize) -> TcpStream {
        let stream = TcpStream::connect(self.shards[shard].address).expect("the shard accepts");
        stream.set_nonblocking(true).expect("the socket can");
        stream
    }

    fn connect(&mut self, shard: usize, filters: &[&str]) -> TcpStream {
        let mut stream = self.stream(shard);
        let mut bytes = Preface::OURS.encode().to_vec();
        let mut send = |frame| encode_frame(&frame, &mut bytes).expect("within the limits");
        send(ClientFrame::Hello(Hello::default()));
        for (at, filter) in filters.iter().enumerate() {
            let number = SubscriptionId(at as u64 + 1);
            send(ClientFrame::Subscribe(SubscribeRequest::plain(number, filter.as_bytes())));
        }
        send(ClientFrame::Ping { token: 1 });
        stream.write_all(&bytes).expect("the socket has room");
        // The PONG is the last thing that comes: 8 bytes of header and the token.
        let mut seen = Vec::new();
        while !seen.ends_with(&1u64.to_le_bytes()) {
            self.turn();
            read_some(&mut stream, &mut seen);
        }
        stream
    }

    /// Publishes `messages` from one connection, `batch` at a time, and reads what every reader is
    /// owed: `expected` bytes per batch.
    fn run(&mut self, job: &Job, writer: &mut TcpStream, readers: &mut [TcpStream]) {
        let mut buffer = vec![0; 1 << 20];
        for _ in 0..job.batches {
            let mut left = job.bytes.as_slice();
            let mut owed: Vec<usize> = readers.iter().map(|_| job.delivered).collect();
            while !left.is_empty() || owed.iter().any(|owed| *owed > 0) {
                let part = left.len().min(job.write_bytes);
                left = &left[writer.write(&left[..part]).unwrap_or(0)..];
                self.turn();
                for (reader, owed) in readers.iter_mut().zip(&mut owed) {
                    *owed -= reader.read(&mut buffer).unwrap_or(0);
                }
            }
        }
    }
}

struct Job {
    bytes: Vec<u8>,
    batches: usize,
    delivered: usize,
    /// Bytes per write; a number that is no multiple of the frame's length makes frames straddle.
    write_bytes: usize,
}

pub(crate) fn read_some(stream: &mut TcpStream, seen: &mut Vec<u8>) {
    let mut buffer = [0; 4096];
    if let Ok(count) = stream.read(&mut buffer) {
        seen.extend_from_slice(&buffer[..count]);
    }
}

fn job(messages: usize, batch: usize, payload: usize, write_bytes: usize) -> Job {
    let payload = vec![7; payload];
    let frame = PublishFrame { subject: b"load.one", payload: &payload, ..Default::default() };
    let mut one = Vec::new();
    encode_frame(&ClientFrame::Publish(frame), &mut one).expect("within the limits");
    // DELIVER has a head of 40 bytes where PUBLISH has 24.
    let delivered = batch * (one.len() + 16);
    Job { bytes: one.repeat(batch), batches: messages / batch, delivered, write_bytes }
}

struct Measured {
    allocations: u64,
    payload_copies: u64,
    moved_bytes: u64,
    deliveries: u64,
    hops: u64,
    hop_copies: u64,
}

/// Warms up, and measures what `messages` more cost on one shard.
fn measure(readers: usize, messages: usize, payload: usize, write: usize, plant: bool) -> Measured {
    measure_on(1, &vec![0; readers], (messages, payload), write, plant)
}

/// The same on several shards: the publisher is on shard 0, each reader on that with its number.
fn measure_on(
    shard_count: usize,
    readers: &[usize],
    (messages, payload): (usize, usize),
    write: usize,
    plant: bool,
) -> Measured {
    let mut bench = Bench::new(shard_count);
    let mut readers: Vec<TcpStream> =
        readers.iter().map(|shard| bench.connect(*shard, &["load.*"])).collect();
    let mut writer = bench.connect(0, &[]);
    let batch = 100.min(messages);
    bench.run(&job(10_000.min(messages), batch, payload, write), &mut writer, &mut readers);
    let before = bench.counters();
    bench.allocations = 0;
    bench.planted = plant;
    bench.run(&job(messages, batch, payload, write), &mut writer, &mut readers);
    let after = bench.counters();
    assert_eq!(after.messages - before.messages, messages as u64);
    Measured {
        allocations: bench.allocations,
        payload_copies: after.payload_copies - before.payload_copies,
        moved_bytes: after.moved_bytes - before.moved_bytes,
        deliveries: after.deliveries - before.deliveries,
        hops: after.hops - before.hops,
        hop_copies: after.hop_copies - before.hop_copies,
    }
}

const ONE_WRITE: usize = 1 << 20;

#[test]
pub(crate) fn s10_one_reader_no_allocation_one_copy() {
    let cost = measure(1, 100_000, 64, ONE_WRITE, false);
    assert_eq!((cost.allocations, cost.deliveries), (0, 100_000));
    assert_eq!(cost.payload_copies, cost.deliveries, "one copy per delivery");
}

#[test]
fn s10_fan_out_no_allocation_one_copy_each() {
    let cost = measure(10, 20_000, 64, ONE_WRITE, false);
    assert_eq!((cost.allocations, cost.deliveries), (0, 200_000));
    assert_eq!(cost.payload_copies, cost.deliveries, "one copy per delivery");
}

#[test]
fn s10_straddling_no_allocation_one_copy_more() {
    let cost = measure(1, 100_000, 64, 71, false);
    assert_eq!((cost.allocations, cost.deliveries), (0, 100_000));
    assert_eq!(cost.payload_copies, cost.deliveries);
    let frame = 8 + 24 + "load.one".len() as u64 + 64;
    assert!(cost.moved_bytes > 0, "frames did straddle");
    assert!(cost.moved_bytes <= 100_000 * frame, "each byte moves once at most");
}

#[test]
fn s10_large_payloads_are_not_copied_at_all() {
    let cost = measure(2, 5_000, limits::COPY_MAX + 1, ONE_WRITE, false);
    assert_eq!((cost.allocations, cost.payload_copies, cost.deliveries), (0, 0, 10_000));
}

#[test]
fn s10_across_shards_no_allocation_and_one_copy_in_each_outbox() {
    let cost = measure_on(2, &[0, 1, 1], (100_000, 64), ONE_WRITE, false);
    assert_eq!((cost.allocations, cost.deliveries, cost.hops), (0, 300_000, 100_000));
    assert_eq!(cost.hop_copies, cost.hops);
    assert_eq!(
        cost.payload_copies, cost.deliveries,
        "one copy per delivery beside that of the hop"
    );
}

#[test]
fn s10_large_payloads_cross_with_two_copies_for_the_hop_and_none_for_deliveries() {
    for size in [16 * 1024, 60_000] {
        let cost = measure_on(2, &[1, 1], (5_000, size), ONE_WRITE, false);
        assert_eq!((cost.allocations, cost.deliveries, cost.hops), (0, 10_000, 5_000), "{size}");
        assert_eq!(cost.payload_copies, 0, "{size}");
        // Into the parcel, and once where both refer to it.
        assert_eq!(cost.hop_copies, 2 * cost.hops, "{size}");
    }
}

#[test]
fn s10_payloads_of_a_few_kilobytes_cross_with_one_copy_for_the_hop_and_one_in_each_outbox() {
    let cost = measure_on(2, &[1, 1], (5_000, limits::COPY_MAX + 1), ONE_WRITE, false);
    assert_eq!((cost.allocations, cost.deliveries, cost.hops), (0, 10_000, 5_000));
    assert_eq!((cost.payload_copies, cost.hop_copies), (10_000, 5_000));
}

/// The counter is no ornament.
#[test]
fn s10_a_planted_allocation_is_seen() {
    let cost = measure(1, 10_000, 64, ONE_WRITE, true);
    assert!(cost.allocations > 0);
}
