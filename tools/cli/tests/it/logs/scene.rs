//! The data of a broker that has lived several times.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use coilgun_protocol::model::{AckLevel, AppendConditions};
use tempfile::TempDir;

use crate::process::{self, Ended, Running, coilgun};
use crate::stream_peer::{Heard, StreamPeer};

/// Partitions of the stream.
pub(super) const PARTITION_COUNT: u32 = 2;
/// Records that each life appends to each partition.
pub(super) const RECORD_COUNT: u32 = 6;

/// A folder with the data directory `data`, which holds one log.
pub(super) struct Scene {
    folder: TempDir,
}

impl Scene {
    /// The data of a broker that was started, written to and stopped so often. Each life writes to a segment
    /// of its own.
    pub(super) fn after(life_count: u32) -> Scene {
        let scene = Scene { folder: process::folder() };
        fs::write(scene.folder.path().join("coilgun.toml"), "[log]\nsegment_bytes = 8388608\n")
            .expect("the folder is writable");
        for life in 0..life_count {
            scene.live(life);
        }
        scene
    }

    /// Starts a broker, writes to it what life number `life` writes, and stops it.
    pub(super) fn live(&self, life: u32) {
        let broker = self.start();
        let mut peer = self.peer();
        if life == 0 {
            let rows = peer.create("orders", PARTITION_COUNT);
            assert_eq!(rows.map(|rows| rows.len()), Ok(PARTITION_COUNT as usize));
        }
        for number in 0..RECORD_COUNT * PARTITION_COUNT {
            let (partition, record) = (number % PARTITION_COUNT, number / PARTITION_COUNT);
            append(&mut peer, partition, &text(partition, life * RECORD_COUNT + record));
        }
        stop(broker);
    }

    /// A broker that runs here.
    pub(super) fn start(&self) -> Running {
        let mut process = Running::start(self.broker());
        process.wait_for("coilgun: listening on 127");
        process.wait_for("coilgun: listening on ");
        process
    }

    /// What a broker says that does not start.
    pub(super) fn refused(&self) -> String {
        let ended = Running::start(self.broker()).end();
        assert_eq!(ended.status, 1, "it does not start: {}", ended.stderr);
        ended.stderr
    }

    fn broker(&self) -> std::process::Command {
        let mut command = coilgun(&["serve", "--config", "coilgun.toml", "--data", "data"]);
        command.args(["--shards", "1", "--listen", "127.0.0.1:0"]).current_dir(self.folder.path());
        command
    }

    /// A client of the broker that runs here.
    pub(super) fn peer(&self) -> StreamPeer {
        StreamPeer::connect(&self.folder.path().join("data/coilgun.sock"))
    }

    /// Runs a verb of `coilgun log` here, to its end.
    pub(super) fn log(&self, words: &[&str]) -> Ended {
        self.start_log(words).end()
    }

    /// The same, without waiting for its end.
    pub(super) fn start_log(&self, words: &[&str]) -> Running {
        let mut command = coilgun(&["log"]);
        command.args(words).args(["--data", "data"]).current_dir(self.folder.path());
        Running::start(command)
    }

    /// The same with its result as JSON, and its status.
    pub(super) fn log_json(&self, words: &[&str]) -> (i32, serde_json::Value) {
        let ended = self.log(&[words, &["--json"]].concat());
        let json = serde_json::from_slice(&ended.stdout);
        (ended.status, json.unwrap_or_else(|why| panic!("{why}: {}", ended.stderr)))
    }

    /// The records of a partition, read from a broker that runs here.
    pub(super) fn read(&self, partition: u32) -> Vec<String> {
        let all = self.peer().read_all(1, "orders", partition);
        all.into_iter().map(|it| String::from_utf8(it).expect("it was text")).collect()
    }

    /// The data directory.
    pub(super) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// The directory of the log.
    pub(super) fn log_directory(&self) -> PathBuf {
        self.folder.path().join("data/log-0000")
    }

    /// A file of the log.
    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.log_directory().join(name)
    }

    /// Every byte of every file of the log.
    pub(super) fn all_bytes(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let entries = fs::read_dir(self.log_directory()).expect("it is there");
        let paths = entries.map(|entry| entry.expect("it can be listed").path());
        paths.map(|path| (path.clone(), fs::read(&path).expect("it can be read"))).collect()
    }
}

/// Ends a broker in good order.
pub(super) fn stop(broker: Running) {
    broker.signal(libc::SIGTERM);
    let ended = broker.end();
    assert_eq!(ended.status, 0, "{}", ended.stderr);
}

/// The record with this number of a partition.
pub(super) fn text(partition: u32, number: u32) -> String {
    format!("order {number} of {partition}")
}

fn append(peer: &mut StreamPeer, partition: u32, record: &str) {
    let (level, conditions) = (AckLevel::Durable, AppendConditions::default());
    let payloads = [record.as_bytes()];
    let sent = peer.try_send_append("orders", partition, level, conditions, &payloads);
    let correlation = sent.expect("the broker reads");
    match peer.hear() {
        Heard::Appended(it) => assert_eq!((it.correlation, it.code), (correlation, 0)),
        Heard::Welcome(_)
        | Heard::Outcome(..)
        | Heard::Described(..)
        | Heard::Listed(_)
        | Heard::Records { .. }
        | Heard::Ended(_)
        | Heard::Other(_) => panic!("an append is answered"),
    }
}

/// Turns a bit of a file over.
pub(super) fn flip(path: &Path, byte: usize) {
    let mut bytes = fs::read(path).expect("it is there");
    bytes[byte] ^= 1;
    fs::write(path, bytes).expect("it is writable");
}

/// Where these bytes stand in a file.
pub(super) fn find(path: &Path, wanted: &[u8]) -> usize {
    let bytes = fs::read(path).expect("it is there");
    let found = bytes.windows(wanted.len()).position(|it| it == wanted);
    found.unwrap_or_else(|| panic!("{} holds {}", path.display(), wanted.escape_ascii()))
}
