//! A broker inside a program: started and ended again and again, with nothing left behind.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;

use coilgun_protocol::link::{LinkConnector, LinkRefused};
use coilgun_protocol::native::Preface;
use coilgun_server::Broker;
use coilgun_server::config::{Config, Limits};
use coilgun_server::net::ListenAddress;

/// Starts of which the first are not measured: allocators and the kernel grow to their working size.
const WARM_UP: usize = 100;
const STARTS: usize = 1_000;

/// Bytes of the heap by which a start may add, once it is warm: less than anything worth the name.
const HEAP_PER_START_MAX: usize = 24;

/// Bytes of memory by which the process may grow, once it is warm: less than a page per start.
const GROWTH_MAX: usize = 3 * 1024 * 1024;

/// Set where the test runs in a process of its own.
const ALONE: &str = "COILGUN_TEST_ALONE";

fn config(data: &tempfile::TempDir, shards: usize) -> Config {
    Config {
        listen: vec!["127.0.0.1:0".parse().expect("an address")],
        data: data.path().to_owned(),
        shards,
        limits: Limits { connections_max: 16, ..Limits::default() },
        ..Config::default()
    }
}

/// What the process holds.
#[derive(Debug)]
struct Held {
    descriptors: usize,
    threads: usize,
    /// Mappings of memory.
    mappings: usize,
    /// Bytes that were allocated and not freed.
    heap_bytes: usize,
    /// Bytes of memory in use.
    bytes: usize,
}

fn held() -> Held {
    let count = |folder: &str| fs::read_dir(folder).expect("the kernel shows it").count();
    let status = fs::read_to_string("/proc/self/status").expect("the kernel shows it");
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("a process has pages");
    let kilobytes = line.split_whitespace().nth(1).and_then(|it| it.parse::<usize>().ok());
    Held {
        descriptors: count("/proc/self/fd"),
        threads: count("/proc/self/task"),
        mappings: fs::read_to_string("/proc/self/maps").map_or(0, |maps| maps.lines().count()),
        // SAFETY: the allocator only counts what it has.
        heap_bytes: unsafe { libc::mallinfo2() }.uordblks,
        bytes: 1024 * kilobytes.expect("a number of kilobytes"),
    }
}

/// Starts a broker, has clients say a few words in some rounds, and ends it in one of two ways.
fn round(data: &tempfile::TempDir, number: usize) {
    let shards = if number.is_multiple_of(10) { 2 } else { 1 };
    let broker = Broker::start(config(data, shards)).expect("the broker starts");
    let connector = broker.connector();
    let mut links = Vec::new();
    let mut sockets = Vec::new();
    if number.is_multiple_of(4) {
        let mut link = connector.connect().expect("there is room");
        link.send(&Preface::OURS.encode()).expect("the broker goes on");
        links.push(link);
    }
    if number.is_multiple_of(5) {
        let address = broker.addresses().iter().find_map(|address| match address {
            ListenAddress::Tcp(address) => Some(*address),
            ListenAddress::Unix(_) => None,
        });
        let mut socket = TcpStream::connect(address.expect("it listens")).expect("it accepts");
        socket.write_all(&Preface::OURS.encode()).expect("the broker reads");
        socket.read_exact(&mut [0; 1]).expect("the broker answers");
        sockets.push(socket);
    }
    if number.is_multiple_of(3) {
        // What clients still have ends with the broker.
        drop(broker);
    } else {
        broker.stop().expect("it ends in good order");
    }
    assert!(matches!(connector.connect(), Err(LinkRefused::Ended)));
}

/// Runs in a process of its own: other tests hold descriptors and memory as well.
#[test]
fn s36_a_thousand_starts_leave_nothing_behind() {
    if std::env::var_os(ALONE).is_none() {
        let tests = std::env::current_exe().expect("a test knows its program");
        let name = "embedded::s36_a_thousand_starts_leave_nothing_behind";
        let alone = Command::new(tests)
            .args([name, "--exact", "--nocapture"])
            .env(ALONE, "yes")
            // The allocator would keep what threads that have ended had freed, in up to eight heaps for
            // each processor, and fill one after the other.
            .env("MALLOC_ARENA_MAX", "1")
            .output()
            .expect("the program runs once more");
        let said = String::from_utf8_lossy(&alone.stderr);
        assert!(alone.status.success(), "alone: {said}");
        return;
    }
    let data = tempfile::tempdir().expect("there is a temporary directory");
    (0..WARM_UP).for_each(|number| round(&data, number));
    let warm = held();
    (WARM_UP..STARTS).for_each(|number| round(&data, number));
    let end = held();
    let text = format!("{warm:?} became {end:?}");
    println!("{text}");
    // A thread that the executor kept for calls that block may end a moment later than the shard.
    assert!(end.descriptors <= warm.descriptors + 4, "descriptors: {text}");
    assert!(end.threads <= warm.threads + 2, "threads: {text}");
    assert!(end.mappings < warm.mappings + 100, "mappings: {text}");
    let heap = end.heap_bytes.saturating_sub(warm.heap_bytes);
    assert!(heap <= HEAP_PER_START_MAX * (STARTS - WARM_UP), "the heap: {text}");
    assert!(end.bytes.saturating_sub(warm.bytes) <= GROWTH_MAX, "memory: {text}");
}

#[test]
fn s36_a_broker_that_is_dropped_ends_and_frees_its_directory() {
    let data = tempfile::tempdir().expect("there is a temporary directory");
    let broker = Broker::start(config(&data, 2)).expect("the broker starts");
    let mut link = broker.connector().connect().expect("there is room");
    drop(broker);
    assert!(link.send(b"more").is_err(), "its connections have ended");
    let again = Broker::start(config(&data, 2)).expect("nothing of the first one is in the way");
    again.shutdown().expect("it ends in good order");
}
