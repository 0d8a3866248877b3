//! Requests that wait in the broker for longer than their requesters wait for the reply.

use coilgun_protocol::model::{ErrorCode, PublishFlags, Ticket};
use coilgun_protocol::native::PublishFrame;

use crate::cluster::Cluster;
use crate::mesh_pressure::small_outboxes;
use crate::mesh_simulated::cluster_with;
use crate::native_peer::Peer;

/// What the slow reader serves.
const LOAD: &str = "load";

fn request(ticket: u64, deadline_ms: u32) -> PublishFrame<'static> {
    PublishFrame {
        subject: LOAD.as_bytes(),
        reply: b"answers",
        payload: b"?",
        correlation: Ticket(ticket),
        deadline_ms,
        flags: PublishFlags::REQUEST,
        ..Default::default()
    }
}

/// A cluster with a reader that is behind on the shard `reader`, and a publisher on the first shard that
/// waits for it.
fn behind(shards: usize, reader: usize) -> (Cluster, Peer, Peer) {
    let mut cluster = cluster_with(shards, &small_outboxes());
    let slow = cluster.slow_subscriber(reader, LOAD);
    let mut writer = cluster.open(0, "");
    for _ in 0..200 {
        writer.publish(LOAD, &[7; 10_000]);
        cluster.turn();
    }
    cluster.turns(50);
    writer.read(usize::MAX);
    assert!(cluster.counters(0).stalls > 0, "the publisher waits");
    (cluster, slow, writer)
}

/// Reads everything that waits for the reader; returns how many requests there were, by number, and how
/// much time they had left.
fn requests(cluster: &mut Cluster, slow: &mut Peer) -> Vec<(u64, u32)> {
    for _ in 0..4_000 {
        slow.read(50_000);
        cluster.turn();
    }
    let seen = slow.seen.iter().filter(|seen| seen.correlation > 0);
    seen.map(|seen| (seen.correlation, seen.deadline_ms)).collect()
}

/// Two requesters wait for a reader; one gives up before the reader reads.
fn check(shards: usize, reader: usize) {
    let (mut cluster, mut slow, _writer) = behind(shards, reader);
    let [mut hasty, patient] = [cluster.open(0, ""), cluster.open(0, "")];
    hasty.publish_with(request(1, 30));
    hasty.publish_with(request(2, 31));
    patient.publish_with(request(3, 5_000));
    cluster.turns(10);
    hasty.read(usize::MAX);
    assert!(hasty.outcomes.is_empty(), "there is time: {hasty:?}");
    cluster.world.advance_ms(30);
    cluster.turns(10);
    hasty.read(usize::MAX);
    let exceeded = |ticket| (ticket, ErrorCode::DeadlineExceeded as u16, 0);
    assert_eq!(hasty.outcomes, [exceeded(1)], "told when its time is over, and not later");
    cluster.world.advance_ms(20);
    cluster.turns(10);
    hasty.read(usize::MAX);
    assert_eq!(hasty.outcomes, [exceeded(1), exceeded(2)]);
    let delivered = requests(&mut cluster, &mut slow);
    assert_eq!(delivered, [(3, 4_950)], "a request whose time is over is not delivered");
    assert_eq!(cluster.counters(0).deadlines_exceeded, 2);
    hasty.publish_with(request(4, 7));
    cluster.barrier(&mut hasty);
    assert_eq!(requests(&mut cluster, &mut slow), [(3, 4_950), (4, 7)], "it goes on");
}

#[test]
pub(crate) fn a_request_whose_time_is_over_is_not_delivered() {
    check(1, 0);
}

#[test]
fn a_request_whose_time_is_over_does_not_cross() {
    check(2, 1);
}

/// Behind a message that is no request it keeps its place: it is told when it would be its turn.
#[test]
fn a_request_behind_a_message_is_told_in_its_turn() {
    let (mut cluster, mut slow, _writer) = behind(1, 0);
    let mut asker = cluster.open(0, "");
    asker.publish(LOAD, b"first");
    asker.publish_with(request(1, 30));
    asker.publish(LOAD, b"last");
    cluster.turns(10);
    cluster.world.advance_ms(100);
    cluster.turns(10);
    asker.read(usize::MAX);
    assert!(asker.outcomes.is_empty(), "what it sent before is not carried out yet");
    assert_eq!(requests(&mut cluster, &mut slow), [], "and then it is too late");
    cluster.barrier(&mut asker);
    assert_eq!(asker.outcomes, [(1, ErrorCode::DeadlineExceeded as u16, 0)]);
    let of_asker = slow.payloads().into_iter().filter(|payload| payload.len() < 10);
    assert_eq!(of_asker.collect::<Vec<_>>(), [b"first".to_vec(), b"last".to_vec()]);
}
