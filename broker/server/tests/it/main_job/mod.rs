//! The main job on real input: a folder of source code travels through the broker.
//!
//! Every file of the cargo registry's source folder (in chunks where it is larger than a payload may
//! be) and every line of its Markdown files is published by several publishers. Each message carries
//! its publisher, its number and the SHA-256 of its payload. Plain subscribers with wildcards must
//! see every message once, in the order of its publisher, and put files and texts together again
//! byte for byte; a queue group must see every message once; and requests must be echoed.
//!
//! Without `COILGUN_TEST_FULL` a fixed share of the files takes part; with it, all of them do.

mod corpus;
mod echo;
mod label;
mod publisher;
mod subscriber;

use std::path::PathBuf;
use std::sync::mpsc;
use std::thread;
use std::time::Instant;

use coilgun_client::blocking::Client;
use coilgun_client::{Address, Options};
use coilgun_server::Broker;
use coilgun_server::config::{Config, Limits, Timing};
use coilgun_server::shard::ShardCounters;

use corpus::Corpus;
use publisher::Published;
use subscriber::{Kind, Received};

const PUBLISHERS: usize = 4;
const GROUP_MEMBERS: usize = 3;

/// A broker of this process, on a free port and a UNIX socket.
struct Running {
    broker: Broker,
    addresses: Vec<Address>,
    _data: tempfile::TempDir,
}

impl Running {
    fn start(shards: usize) -> Running {
        let data = tempfile::tempdir().expect("there is a temporary directory");
        let config = Config {
            listen: vec!["127.0.0.1:0".parse().expect("an address")],
            data: data.path().to_owned(),
            shards,
            // The machine may be busy with other tests; no reader shall be cut off for that.
            timing: Timing { backpressure_ms: 60_000, ..Timing::default() },
            // The usual limit of descriptors is enough for these.
            limits: Limits { connections_max: 256, ..Limits::default() },
            ..Config::default()
        };
        let broker = Broker::start(config).expect("the broker starts");
        let addresses = broker.addresses().iter().map(|address| {
            address.to_string().parse().expect("what the broker listens on is an address")
        });
        let addresses = addresses.collect();
        Running { broker, addresses, _data: data }
    }

    /// A client over TCP or UNIX, by turns.
    fn client(&self, number: usize) -> Client {
        let address = self.addresses[number % self.addresses.len()].clone();
        Client::connect(Options::new(address).without_reconnect()).expect("the broker accepts")
    }
}

fn registry() -> PathBuf {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cargo")));
    home.expect("cargo has a home").join("registry").join("src")
}

#[test]
fn a_folder_of_source_code_travels_through_the_broker() {
    let counters = run_job(1, 10);
    assert_eq!((counters.crossed, counters.hops), (0, 0));
}

#[test]
fn a_folder_of_source_code_travels_through_two_and_four_shards() {
    for shards in [2, 4] {
        let counters = run_job(shards, 20);
        let stayed = counters.messages - counters.crossed;
        assert!(counters.crossed > 1_000, "{} messages crossed", counters.crossed);
        assert!(stayed >= PUBLISHERS as u64 * publisher::TO_ITSELF, "{stayed} messages stayed");
        assert!(counters.hops >= counters.crossed, "{counters:?}");
    }
}

/// Runs the job on so many shards, with one of so many files, and checks what came of it.
fn run_job(shards: usize, share: usize) -> ShardCounters {
    let full = std::env::var_os("COILGUN_TEST_FULL").is_some();
    let corpus = Corpus::read(&registry(), if full { 1 } else { share });
    assert!(corpus.files.len() >= 100, "{} files are too few", corpus.files.len());
    let running = Running::start(shards);
    let started = Instant::now();
    let (published, received) = travel(&running, &corpus);
    let echoed = echo::run(&running, &corpus);
    let counters = {
        running.broker.shutdown_handle().shutdown();
        running.broker.wait().expect("the broker ends in good order")
    };
    let messages: u64 = published.iter().map(|it| it.messages).sum();
    let bytes: u64 = published.iter().map(|it| it.bytes).sum();
    let took = started.elapsed();
    println!(
        "{shards} shards, {} files, {messages} messages, {bytes} bytes, {} deliveries, {} messages \
         that crossed, {} that stayed, {} stalls, {echoed} requests, {:.1} s",
        corpus.files.len(),
        counters.deliveries,
        counters.crossed,
        counters.messages - counters.crossed,
        counters.stalls,
        took.as_secs_f64()
    );
    subscriber::check(&published, &received);
    assert!(messages > 2_000, "{messages} messages are too few");
    assert!(echoed > 20, "{echoed} requests are too few");
    assert_eq!(counters.slow_consumers, 0);
    assert_eq!(counters.protocol_errors, 0);
    counters
}

/// Publishes the corpus and collects what arrived.
fn travel(running: &Running, corpus: &Corpus) -> (Vec<Published>, Vec<Received>) {
    let kinds = [Kind::Everything, Kind::Files, Kind::Lines]
        .into_iter()
        .chain((0..GROUP_MEMBERS).map(|_| Kind::GroupMember));
    thread::scope(|scope| {
        let (ready, standing) = mpsc::channel();
        let readers: Vec<_> = kinds
            .enumerate()
            .map(|(number, kind)| {
                let (ready, client) = (ready.clone(), running.client(number));
                scope.spawn(move || subscriber::run(client, kind, PUBLISHERS, &ready))
            })
            .collect();
        // Every subscription stands before the first message is published.
        for _ in 0..readers.len() {
            standing.recv().expect("every subscriber gets that far");
        }
        let writers: Vec<_> = (0..PUBLISHERS)
            .map(|number| {
                let client = running.client(number);
                scope.spawn(move || publisher::run(client, number, PUBLISHERS, corpus))
            })
            .collect();
        let published = writers.into_iter().map(|it| it.join().expect("it publishes")).collect();
        let received = readers.into_iter().map(|it| it.join().expect("it reads")).collect();
        (published, received)
    })
}
