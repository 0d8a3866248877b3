//! Laws S10 and L15 for streams, on the real kernel and a real disk: what is allocated from an append to
//! its ack belongs to a commit group, and nothing to a record.
//!
//! The shard runs on a thread of its own, inside its executor, and everything that thread allocates
//! counts: its turns, the tasks that write the log, and the executor.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;

use coilgun_protocol::model::{
    AckLevel, AppendConditions, BodyKind, PartitionChoice, ShardId, Ticket, Timestamp,
};
use coilgun_protocol::native::{
    AppendFrame, NativeConfig, Record, StreamRequest, append_record, body_crc,
};
use coilgun_server::env::{LinuxEnv, ShardThread, Turn, Work, run, spawn};
use coilgun_server::mesh::fabric;
use coilgun_server::mutant::{self, Mutant};
use coilgun_server::net::{ListenAddress, Listener};
use coilgun_server::setup::{MemoryPlan, build_network};
use coilgun_server::shard::{
    ListenerProtocol, Shard, ShardCounters, ShardSettings, StreamSetup, control_queue,
};
use coilgun_storage::Identity;
use coilgun_storage::journal::Geometry;

use crate::allocations::{begin_counting, end_counting};
use crate::stream_peer::{Heard, StreamPeer};

/// Appends that are under way at once, of one record each.
const IN_FLIGHT: usize = 64;
const WARM_UP: usize = 200;
const ROUNDS: usize = 200;
/// What the executor, the writer and the journal allocate for one commit group.
const PER_GROUP: u64 = 40;

/// What the shard's thread is to do.
#[derive(Clone, Default)]
struct Phase(Arc<AtomicUsize>);

impl Phase {
    const MEASURE: usize = 1;
    const END: usize = 2;

    fn set(&self, phase: usize) {
        self.0.store(phase, Ordering::Release);
    }

    fn get(&self) -> usize {
        self.0.load(Ordering::Acquire)
    }
}

/// What was measured.
struct Measured {
    allocations: u64,
    records: u64,
    groups: u64,
}

/// A shard whose thread counts what it allocates while it is told to.
struct Counted {
    shard: Shard<LinuxEnv>,
    phase: Phase,
    before: Option<ShardCounters>,
    /// Whether its appends allocate, to prove that it would be seen.
    is_planted: bool,
}

impl Turn for Counted {
    fn now(&mut self) -> Timestamp {
        self.shard.now()
    }

    fn turn(&mut self, now: Timestamp) -> std::io::Result<Work> {
        if self.phase.get() == Phase::END {
            return Ok(Work::Done);
        }
        if self.phase.get() == Phase::MEASURE && self.before.is_none() {
            self.before = Some(self.shard.counters());
            begin_counting();
        }
        match self.is_planted {
            true => mutant::with(Mutant::AllocatingAppend, || self.shard.turn(now)),
            false => self.shard.turn(now),
        }
    }

    fn waits_for_disk(&self) -> bool {
        self.shard.waits_for_disk()
    }

    fn nap(&mut self, ns: u64) -> std::io::Result<bool> {
        self.shard.nap(ns)
    }

    fn prepare_park(&mut self) -> std::io::Result<bool> {
        self.shard.prepare_park()
    }

    fn end_park(&mut self) {
        self.shard.end_park();
    }
}

fn setup(data: &Path) -> StreamSetup {
    StreamSetup {
        data: data.to_owned(),
        identity: Identity { log_id: 7, created_unix_ms: 7 },
        geometry: Geometry { segment_bytes: 64 << 20, ..Geometry::DEFAULT },
        cache_bytes: 1 << 20,
        log_count: 1,
        shard: ShardId::new(0),
        shard_count: 1,
        limits: Arc::default(),
    }
}

/// Runs a shard until the phase says that it ends.
async fn serve(
    data: PathBuf,
    phase: Phase,
    is_planted: bool,
    listening: mpsc::Sender<()>,
) -> Measured {
    let port = fabric(1).expect("there are descriptors").pop().expect("there is one");
    let waker = port.waker().clone();
    let mut env = LinuxEnv::in_mesh(&port);
    let net = build_network(&mut env, &MemoryPlan::default()).expect("the kernel gives a ring");
    let (_, controls) = control_queue(waker.clone());
    let native = NativeConfig { streams: true, ..NativeConfig::default() };
    let settings = ShardSettings { native, ..ShardSettings::default() };
    let shard = Shard::new(env, net, port, settings, controls);
    let mut shard = shard.expect("the kernel gives memory");
    shard.open_logs(setup(&data)).await.expect("the log is opened");
    let address = ListenAddress::Unix(data.join("socket"));
    let listener = Listener::bind(&address).expect("nobody else is there");
    shard.listen(listener.descriptor(), listener.kind(), ListenerProtocol::Native);
    listening.send(()).expect("the test waits");
    let mut counted = Counted { shard, phase, before: None, is_planted };
    run(&mut counted, &waker, 0).await.expect("the ring works");
    let allocations = end_counting();
    let (before, after) = (counted.before.expect("it was measured"), counted.shard.counters());
    Measured {
        allocations,
        records: after.records_appended - before.records_appended,
        groups: after.groups_durable - before.groups_durable,
    }
}

/// Appends records of a quarter of a kibibyte, so many at once.
fn append_rounds(peer: &mut StreamPeer, rounds: usize) {
    let mut body = Vec::new();
    append_record(&Record { payload: &[7; 256], ..Record::default() }, &mut body).expect("it fits");
    for _ in 0..rounds {
        let tickets: Vec<Ticket> = (0..IN_FLIGHT).map(|_| peer.ticket()).collect();
        let appends = tickets.into_iter().map(|correlation| append_of(&body, correlation));
        peer.try_send_all(appends).expect("it is sent");
        for _ in 0..IN_FLIGHT {
            let heard = peer.hear();
            let Heard::Appended(appended) = heard else { panic!("an ack, not {heard:?}") };
            assert_eq!(appended.code, 0);
        }
    }
}

fn append_of(body: &[u8], correlation: Ticket) -> StreamRequest<'_> {
    StreamRequest::Append(AppendFrame {
        correlation,
        stream: b"load",
        partition: PartitionChoice::Index(0),
        conditions: AppendConditions::default(),
        level: AckLevel::Durable,
        body_kind: BodyKind::Native,
        count: 1,
        body_crc: body_crc(body),
        body,
    })
}

fn measure() -> Measured {
    let data = tempfile::tempdir().expect("there is a temporary directory");
    let (path, phase) = (data.path().to_owned(), Phase::default());
    let (told, listening) = mpsc::channel();
    let serving = phase.clone();
    // A mutant is one of its thread.
    let is_planted = mutant::is_active(Mutant::AllocatingAppend);
    let serve = move || serve(path, serving, is_planted, told);
    let thread: ShardThread<Measured> = spawn("allocations", None, 0, serve).expect("a thread");
    listening.recv().expect("it listens");
    let mut peer = StreamPeer::connect(&data.path().join("socket"));
    peer.create("load", 1).expect("it is made");
    append_rounds(&mut peer, WARM_UP);
    phase.set(Phase::MEASURE);
    append_rounds(&mut peer, ROUNDS);
    phase.set(Phase::END);
    drop(peer);
    thread.join().expect("it ends in good order")
}

#[test]
pub(crate) fn s10_l15_an_append_allocates_for_its_commit_group_only() {
    let it = measure();
    let Measured { records, groups, allocations } = it;
    let said = format!("{allocations} allocations for {records} records in {groups} groups");
    assert!(records >= ((ROUNDS - 1) * IN_FLIGHT) as u64, "it was busy: {said}");
    assert!(groups <= records / 16, "groups hold many records: {said}");
    assert!(allocations <= groups * PER_GROUP, "L15: nothing is allocated for a record: {said}");
    println!("{said}");
}
