//! Several shards when something is behind: a shard, a ring, a reader (laws S18, S19).

use coilgun_protocol::model::limits;
use coilgun_server::shard::ShardSettings;

use crate::mesh_simulated::{cluster, cluster_with};
use crate::native_peer::Peer;

/// A shard takes this much for one client before its policy says what happens to more.
pub(crate) fn small_outboxes() -> ShardSettings {
    ShardSettings { outbox_high_bytes: 200_000, ..ShardSettings::default() }
}

#[test]
fn s18_a_shard_that_stalls_holds_up_those_who_publish_to_it_and_nobody_else() {
    let mut cluster = cluster(3);
    let mut readers = [1, 2].map(|shard| cluster.open(shard, ""));
    for (reader, filter) in readers.iter_mut().zip(["one", "two"]) {
        reader.subscribe(1, filter, "");
        cluster.barrier(reader);
    }
    let mut writers = [cluster.open(0, ""), cluster.open(0, "")];
    cluster.stalled[1] = true;
    let payload = vec![7; 10_000];
    for _ in 0..400 {
        writers[0].publish("one", &payload);
        writers[1].publish("two", &payload);
        cluster.turn();
        readers[1].read(usize::MAX);
    }
    cluster.barrier(&mut writers[1]);
    readers[1].read(usize::MAX);
    assert_eq!(readers[1].seen.len(), 400, "nobody waits for a shard it does not publish to");
    assert!(cluster.counters(0).ring_full > 0);
    cluster.stalled[1] = false;
    for _ in 0..200 {
        cluster.turn();
        readers[0].read(usize::MAX);
    }
    cluster.barrier(&mut writers[0]);
    readers[0].read(usize::MAX);
    assert_eq!(readers[0].seen.len(), 400, "nothing is lost");
}

#[test]
fn s19_a_reader_that_is_behind_holds_back_publishers_on_other_shards() {
    let mut cluster = cluster_with(2, &small_outboxes());
    let mut slow = cluster.slow_subscriber(1, "load");
    let mut other = cluster.subscriber(1, "other");
    let mut writer = cluster.open(0, "");
    let payload = vec![7; 10_000];
    for _ in 0..200 {
        writer.publish("load", &payload);
        cluster.turn();
    }
    let token = writer.ping();
    cluster.turns(50);
    writer.read(usize::MAX);
    assert!(!writer.pongs.contains(&token), "the publisher waits");
    assert!(cluster.counters(1).pressures > 0 && cluster.counters(0).stalls > 0);
    let mut free = cluster.open(0, "");
    free.publish("other", b"1");
    cluster.barrier(&mut free);
    cluster.barrier(&mut other);
    assert_eq!(other.payloads(), [b"1"], "who publishes elsewhere does not wait");
    while slow.seen.len() < 200 {
        slow.read(50_000);
        cluster.turn();
    }
    cluster.until(&mut writer, |writer| writer.pongs.contains(&token));
    assert_eq!(slow.seen.len(), 200, "nothing is lost");
    assert_eq!(cluster.counters(1).slow_consumers, 0);
}

#[test]
fn s19_a_reader_that_never_reads_is_cut_off_and_publishers_elsewhere_go_on() {
    let mut cluster = cluster_with(2, &small_outboxes());
    let _slow = cluster.slow_subscriber(1, "load");
    let mut writer = cluster.open(0, "");
    for _ in 0..200 {
        writer.publish("load", &[7; 10_000]);
        cluster.turn();
    }
    let token = writer.ping();
    for _ in 0..20 {
        cluster.world.advance_ms(limits::BACKPRESSURE_MS_MAX / 4);
        cluster.turns(20);
    }
    writer.read(usize::MAX);
    assert!(writer.pongs.contains(&token), "{writer:?}");
    assert_eq!(cluster.counters(1).slow_consumers, 1);
}

/// Two clients on two shards that publish to each other and read nothing.
#[test]
fn s19_a_circle_over_two_shards_is_broken() {
    let mut cluster = cluster_with(2, &small_outboxes());
    let mut circle: Vec<Peer> =
        (0..2).map(|shard| cluster.slow_subscriber(shard, ["to.0", "to.1"][shard])).collect();
    for _ in 0..200 {
        for shard in 0..2 {
            circle[shard].publish(["to.1", "to.0"][shard], &[7; 10_000]);
        }
        cluster.turn();
    }
    for _ in 0..40 {
        cluster.world.advance_ms(limits::BACKPRESSURE_MS_MAX / 4);
        cluster.turns(20);
    }
    let cut_off: u64 = (0..2).map(|shard| cluster.counters(shard).slow_consumers).sum();
    assert!(cut_off > 0, "somebody was cut off");
    for peer in &mut circle {
        cluster.world.end(peer.id);
        peer.read(usize::MAX);
    }
    cluster.turns(100);
    cluster.drain();
}
