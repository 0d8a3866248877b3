//! A broker inside a program: started and ended again and again, with nothing left behind.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::sync::LazyLock;

use coilgun_protocol::link::{LinkConnector, LinkRefused};
use coilgun_protocol::native::{ClientFrame, Hello, Preface, encode_frame};
use coilgun_server::Broker;
use coilgun_server::config::{Config, Limits, UserConfig};
use coilgun_server::net::ListenAddress;
use coilgun_server::security::{HashCost, make_hash};

/// Starts that are not measured: the heap grows to its working size, some 20 KiB over the first two
/// thousand starts and nothing over the next three thousand.
const WARM_UP: usize = 1_000;
/// Starts that are measured.
const STARTS: usize = 2_000;
/// Starts with users, half of which are not measured.
const STARTS_WITH_USERS: usize = 2_000;

/// Bytes of the heap that a start may add, once it is warm: less than the smallest thing the
/// allocator gives.
const HEAP_PER_START_MAX: usize = 24;

/// Bytes of memory by which the process may grow, once it is warm: less than a page per start.
const GROWTH_MAX: usize = 3_600 * 1024;

/// Set where the test runs in a process of its own.
const ALONE: &str = "COILGUN_TEST_ALONE";

/// That of the password `hush`: cheap enough for a thousand starts, and dear enough that some brokers
/// end while it is checked.
static HASH: LazyLock<String> = LazyLock::new(|| {
    let cost = HashCost { memory_kib: 32, iterations: 16 };
    make_hash(b"hush", cost).expect("it is cheap")
});

fn config(data: &tempfile::TempDir, shards: usize) -> Config {
    Config {
        listen: vec!["127.0.0.1:0".parse().expect("an address")],
        data: data.path().to_owned(),
        shards,
        limits: Limits { connections_max: 16, ..Limits::default() },
        ..Config::default()
    }
}

/// The same with a user.
fn config_with_user(data: &tempfile::TempDir, shards: usize) -> Config {
    let boss = UserConfig {
        name: "boss".to_owned(),
        password_hash: Some(HASH.clone()),
        password_hash_file: None,
        namespaces: vec!["default".to_owned()],
        publish: None,
        subscribe: None,
        request: None,
    };
    Config { users: vec![boss], ..config(data, shards) }
}

/// What a client says that has a password. Nobody waits for the answer.
fn hello_of_a_user() -> Vec<u8> {
    let mut bytes = Preface::OURS.encode().to_vec();
    let hello = Hello { user: b"boss", secret: b"hush", ..Hello::default() };
    encode_frame(&ClientFrame::Hello(hello), &mut bytes).expect("the frame is within the limits");
    bytes
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
fn round(data: &tempfile::TempDir, number: usize, config: fn(&tempfile::TempDir, usize) -> Config) {
    let shards = if number.is_multiple_of(10) { 2 } else { 1 };
    let config = config(data, shards);
    let words =
        if config.users.is_empty() { Preface::OURS.encode().to_vec() } else { hello_of_a_user() };
    let broker = Broker::start(config).expect("the broker starts");
    let connector = broker.connector();
    let mut links = Vec::new();
    let mut sockets = Vec::new();
    if number.is_multiple_of(4) {
        let mut link = connector.connect().expect("there is room");
        link.send(&words).expect("the broker goes on");
        links.push(link);
    }
    if number.is_multiple_of(5) {
        let address = broker.addresses().iter().find_map(|address| match address {
            ListenAddress::Tcp(address) => Some(*address),
            ListenAddress::Unix(_) => None,
        });
        let mut socket = TcpStream::connect(address.expect("it listens")).expect("it accepts");
        socket.write_all(&words).expect("the broker reads");
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
fn s36_thousands_of_starts_leave_nothing_behind() {
    if std::env::var_os(ALONE).is_none() {
        let tests = std::env::current_exe().expect("a test knows its program");
        let name = "embedded::s36_thousands_of_starts_leave_nothing_behind";
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
    (0..WARM_UP).for_each(|number| round(&data, number, config));
    let warm = held();
    (0..STARTS).for_each(|number| round(&data, number, config));
    let end = held();
    let text = format!("{warm:?} became {end:?}");
    println!("{text}");
    // A thread that the executor kept for calls that block may end a moment later than the shard.
    assert!(end.descriptors <= warm.descriptors + 4, "descriptors: {text}");
    assert!(end.threads <= warm.threads + 2, "threads: {text}");
    assert!(end.mappings < warm.mappings + 100, "mappings: {text}");
    let heap = end.heap_bytes.saturating_sub(warm.heap_bytes);
    assert!(heap <= HEAP_PER_START_MAX * STARTS, "the heap: {text}");
    assert!(end.bytes.saturating_sub(warm.bytes) <= GROWTH_MAX, "memory: {text}");
    s26_nor_do_starts_with_users(&data);
}

/// Nor does the thread that checks passwords, whatever it is asked when its broker ends. How much memory
/// is in use depends on how many hashes were made at a time, so only the heap is compared.
fn s26_nor_do_starts_with_users(data: &tempfile::TempDir) {
    let half = STARTS_WITH_USERS / 2;
    (0..half).for_each(|number| round(data, number, config_with_user));
    let warm = held();
    (0..half).for_each(|number| round(data, number, config_with_user));
    let end = held();
    let text = format!("with users {warm:?} became {end:?}");
    println!("{text}");
    assert!(end.descriptors <= warm.descriptors + 4, "descriptors: {text}");
    assert!(end.threads <= warm.threads + 2, "threads: {text}");
    assert!(end.mappings < warm.mappings + 100, "mappings: {text}");
    let heap = end.heap_bytes.saturating_sub(warm.heap_bytes);
    assert!(heap <= HEAP_PER_START_MAX * half, "the heap: {text}");
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
