//! Law S10 for clients of elbus: no allocation inside a turn once it is warm.

use std::io::Write;
use std::net::TcpStream;

use coilgun_protocol::elbus::{
    ElbusConfig, GREETING, Operation, Qos, RpcFrame, encode_frame, encode_rpc,
};
use coilgun_server::shard::ListenerProtocol;

use crate::allocations::{Bench, read_some};

/// Messages in one write.
const BATCH: usize = 50;

/// A client that is let in.
fn open(bench: &mut Bench, shard: usize, name: &str) -> TcpStream {
    let mut stream = bench.stream(shard);
    let len = (name.len() as u16).to_le_bytes();
    stream.write_all(&[&GREETING[..], &len, name.as_bytes()].concat()).expect("it has room");
    until(bench, &mut stream, 5);
    stream
}

/// Takes turns until so many bytes have come.
fn until(bench: &mut Bench, stream: &mut TcpStream, bytes: usize) {
    let mut seen = Vec::with_capacity(2 * bytes + 4096);
    while seen.len() < bytes {
        bench.turn();
        read_some(stream, &mut seen);
    }
    assert_eq!(seen.len(), bytes, "what comes is what was meant");
}

/// What so many rounds of a batch allocate, once they are warm: one client writes `frames`, which come
/// back to it as `answers` bytes, and reach the other one as `delivered` bytes.
fn allocations(shards: usize, frames: &[u8], answers: usize, delivered: usize) -> (u64, u64) {
    let protocol =
        ListenerProtocol::Elbus(ElbusConfig { ping_interval_ms: 0, ..ElbusConfig::default() });
    let mut bench = Bench::speaking(shards, protocol);
    let mut reader = open(&mut bench, shards - 1, "r");
    let mut subscribe = Vec::new();
    encode_frame(1, Operation::Subscribe, Qos::PROCESSED, &[b"load/+"], &mut subscribe);
    reader.write_all(&subscribe).expect("it has room");
    until(&mut bench, &mut reader, 6);
    let mut writer = open(&mut bench, 0, "w");
    let mut round = |bench: &mut Bench| {
        writer.write_all(frames).expect("it has room");
        until(bench, &mut writer, answers);
        until(bench, &mut reader, delivered);
    };
    (0..100).for_each(|_| round(&mut bench));
    let before = bench.counters().deliveries;
    bench.allocations = 0;
    (0..200).for_each(|_| round(&mut bench));
    (bench.allocations, bench.counters().deliveries - before)
}

fn batch(operation: Operation, qos: Qos, parts: &[&[u8]]) -> Vec<u8> {
    let mut frames = Vec::new();
    (0..BATCH).for_each(|number| encode_frame(number as u32, operation, qos, parts, &mut frames));
    frames
}

#[test]
fn s10_publications_of_elbus_allocate_nothing() {
    for shards in [1, 2] {
        let frames = batch(Operation::Publish, Qos::NO, &[b"load/one", &[7; 100]]);
        let delivered = BATCH * (6 + "w".len() + 1 + "load/one".len() + 1 + 100);
        assert_eq!(allocations(shards, &frames, 0, delivered), (0, 200 * BATCH as u64), "{shards}");
    }
}

#[test]
fn s10_acknowledged_messages_of_elbus_allocate_nothing() {
    for shards in [1, 2] {
        let frames = batch(Operation::Message, Qos::PROCESSED, &[b"r", &[7; 100]]);
        let delivered = BATCH * (6 + "w".len() + 1 + 100);
        let found = allocations(shards, &frames, BATCH * 6, delivered);
        assert_eq!(found, (0, 200 * BATCH as u64), "{shards}");
    }
}

#[test]
fn s10_calls_of_the_broker_allocate_nothing() {
    let mut call = Vec::new();
    let (method, params) = (b"benchmark.test", &[7; 100]);
    encode_rpc(&RpcFrame::Request { call_id: 1, method, params }, &mut call);
    let frames = batch(Operation::Message, Qos::PROCESSED, &[b".broker", &call]);
    let answers = BATCH * (6 + 6 + ".broker".len() + 1 + 5 + 100);
    let (allocations, _) = allocations(1, &frames, answers, 0);
    assert_eq!(allocations, 0);
}
