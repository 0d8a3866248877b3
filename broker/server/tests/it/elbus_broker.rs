//! The client named `.broker`, on one shard and on several.

use coilgun_protocol::elbus::{Operation, Qos};
use coilgun_server::env::sim::{Faults, SimWorld};
use coilgun_server::setup::MemoryPlan;
use coilgun_server::shard::ShardSettings;

use crate::cluster::Cluster;
use crate::elbus_peer::{ElbusPeer, Heard};
use crate::native_peer::plan;

fn cluster(shards: usize) -> Cluster {
    Cluster::new(&SimWorld::new(7, Faults::rough()), shards, &ShardSettings::default())
}

fn json(result: &[u8]) -> serde_json::Value {
    rmp_serde::from_slice(result).expect("it is MessagePack")
}

#[test]
fn calls_are_answered_in_order_behind_their_acknowledgement() {
    let mut cluster = cluster(2);
    let mut peer = ElbusPeer::open(&mut cluster, 1, "a");
    assert_eq!(
        peer.call(&mut cluster, ".broker", "test", b"").as_deref(),
        Ok(&b"\x81\xa2ok\xc3"[..])
    );
    let acked = matches!(peer.heard[..], [Heard::Ack { op_id: 1, code: 1 }, Heard::Message { .. }]);
    assert!(acked, "{:?}", peer.heard);
    let Heard::Message { sender, .. } = &peer.heard[1] else { panic!("it is a message") };
    assert_eq!(sender, ".broker");
    let large = vec![7; 100_000];
    for params in [&b""[..], b"\0x", &large] {
        assert_eq!(
            peer.call(&mut cluster, ".broker", "benchmark.test", params).as_deref(),
            Ok(params)
        );
    }
    let info = json(&peer.call(&mut cluster, ".broker", "info", b"\x80").expect("it answers"));
    assert_eq!(info["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(peer.call(&mut cluster, ".broker", "nothing", b""), Err(-32601));
    assert_eq!(peer.call(&mut cluster, ".broker", "test", b"x"), Err(-32602));
    assert_eq!(peer.call(&mut cluster, ".broker", "client.list", b"x"), Err(-32700));
}

#[test]
fn what_is_no_call_or_wants_no_answer_gets_none() {
    let mut cluster = cluster(1);
    let mut peer = ElbusPeer::open(&mut cluster, 0, "a");
    let silent: [&[u8]; 5] = [b"", b"\0n", b"\x01\0\0\0\0test\0", b"\x02??", b"\x11\x01\0\0\0"];
    for payload in silent {
        assert_eq!(peer.ask(&mut cluster, Operation::Message, &[b".broker", payload]), 1);
    }
    peer.settle(&mut cluster);
    assert_eq!(peer.payloads(), Vec::<Vec<u8>>::new());
}

#[test]
fn clients_of_all_shards_are_listed_by_name() {
    for shards in [1, 3] {
        let plan = MemoryPlan { sockets_max: 128, ..plan() };
        let world = SimWorld::new(7, Faults::rough());
        let settings = ShardSettings::default();
        let mut cluster = Cluster::with_memory(&world, shards, &settings, &plan);
        let mut peers: Vec<ElbusPeer> = (0..100)
            .map(|number| {
                ElbusPeer::open(&mut cluster, number % shards, &format!("peer.{number:03}"))
            })
            .collect();
        let native = cluster.open(shards - 1, "native.1");
        let names = |result: &[u8]| -> Vec<String> {
            let list = json(result)["clients"].as_array().expect("a list").clone();
            list.iter().map(|it| it["name"].as_str().expect("a text").to_owned()).collect()
        };
        let asker = &mut peers[41];
        let all = asker.call(&mut cluster, ".broker", "client.list", b"").expect("it answers");
        let mut expected: Vec<String> = (0..100).map(|it| format!("peer.{it:03}")).collect();
        expected.insert(0, "native.1".to_owned());
        expected.insert(0, ".broker".to_owned());
        assert_eq!(names(&all), expected);
        let filter = b"\x81\xa6filter\xa8\\.0[12]3";
        let some = asker.call(&mut cluster, ".broker", "client.list", filter);
        assert_eq!(names(&some.expect("it answers")), ["peer.013", "peer.023"]);
        drop(native);
    }
}

#[test]
fn what_travels_is_counted_as_busrt_counts() {
    let mut cluster = cluster(2);
    let mut a = ElbusPeer::open(&mut cluster, 0, "a");
    let mut b = ElbusPeer::open(&mut cluster, 1, "b");
    assert_eq!(b.ask(&mut cluster, Operation::Subscribe, &[b"t/#"]), 1);
    assert_eq!(a.ask(&mut cluster, Operation::Publish, &[b"t/1", b"12345"]), 1);
    a.write(&[0; 9]);
    b.until(&mut cluster, |peer| !peer.payloads().is_empty());
    let list = a.call(&mut cluster, ".broker", "client.list", b"").expect("it answers");
    let row = |name: &str| {
        let list = json(&list)["clients"].as_array().expect("a list").clone();
        let row = list.into_iter().find(|it| it["name"] == name).expect("it is listed");
        ["r_frames", "r_bytes", "w_frames", "w_bytes"]
            .map(|key| row[key].as_u64().expect("a number"))
    };
    // `t/1`, NUL, five bytes; and the call that asks: `.broker`, NUL, 5 + `client.list` + NUL.
    assert_eq!(row("a"), [2, 9 + 25, 1, 6]);
    // An acknowledgement; and `a`, NUL, `t/1`, NUL, five bytes.
    assert_eq!(row("b"), [1, 3, 2, 6 + 11]);
    b.end();
    b.until_ended(&mut cluster);
    cluster.turns(50);
    let stats = a.call(&mut cluster, ".broker", "stats", b"").expect("it answers");
    let stats = json(&stats);
    assert_eq!(stats["r_frames"], 2 + 1 + 1, "of those that are gone, too");
    assert_eq!(stats["uptime"], 0);
}

/// Who comes and goes is announced on every shard, before it hears that it is in.
#[test]
pub(crate) fn clients_that_come_and_go_are_announced() {
    for shards in [1, 3] {
        let mut cluster = cluster(shards);
        let mut watcher = ElbusPeer::open(&mut cluster, shards - 1, "watcher");
        assert_eq!(watcher.ask(&mut cluster, Operation::Subscribe, &[b".broker/info"]), 1);
        let mut a = ElbusPeer::open(&mut cluster, 0, "a.1");
        let native = cluster.open(0, "n");
        a.end();
        a.until_ended(&mut cluster);
        drop(native);
        let count = |peer: &ElbusPeer| peer.published(".broker/info").len();
        watcher.until(&mut cluster, |peer| count(peer) >= 3);
        let told: Vec<(String, String)> = watcher
            .published(".broker/info")
            .iter()
            .map(|payload| {
                let told = json(payload);
                assert!(told["t"].is_u64());
                let text = |key| told[key].as_str().expect("a text").to_owned();
                (text("s"), text("d"))
            })
            .collect();
        let expected = [("reg", "a.1"), ("reg", "n"), ("unreg", "a.1")];
        let expected: Vec<_> =
            expected.iter().map(|(s, d)| ((*s).to_owned(), (*d).to_owned())).collect();
        assert_eq!(told, expected, "each client is announced");
    }
}

#[test]
fn the_end_is_announced_to_everybody_and_then_comes() {
    let mut cluster = cluster(2);
    let mut peers = [0, 1].map(|shard| ElbusPeer::open(&mut cluster, shard, &format!("p{shard}")));
    let begin = cluster.world.now();
    cluster.begin_drain();
    for peer in &mut peers {
        peer.until(&mut cluster, |peer| peer.published(".broker/warn").len() == 1);
        let told = json(&peer.published(".broker/warn")[0]);
        assert_eq!((told["s"].as_str(), told["d"].as_str()), (Some("shutdown"), None));
        assert!(!peer.is_ended());
    }
    cluster.world.advance_ms(1_000);
    for peer in &mut peers {
        peer.until_ended(&mut cluster);
    }
    assert!(cluster.world.now().ms_since(begin) < 2_000, "they are not waited for longer");
}

#[test]
fn nobody_takes_the_name_of_the_broker_and_everybody_may_call_it() {
    let mut cluster = cluster(1);
    let mut thief = cluster.connect(0, 1 << 20);
    thief.hello("%00.broker");
    cluster.until(&mut thief, |peer| !peer.errors.is_empty());
    let mut peer = ElbusPeer::open(&mut cluster, 0, "a");
    peer.say(Operation::Broadcast, Qos::NO, &[b"*", b"x"]);
    assert_eq!(peer.ask(&mut cluster, Operation::Broadcast, &[b".broker", b"x"]), 1);
    assert_eq!(peer.payloads(), [b"x".to_vec()]);
}
