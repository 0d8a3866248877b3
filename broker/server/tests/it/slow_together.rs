//! Several clients that do not read fast enough at once, on a simulated kernel.

use coilgun_protocol::model::{SlowConsumerPolicy, SlowConsumerWish, SubscriptionId, limits};
use coilgun_protocol::native::SubscribeRequest;
use coilgun_server::env::sim::{Faults, SimWorld};
use coilgun_server::setup::MemoryPlan;
use coilgun_server::shard::ShardSettings;

use crate::native_peer::{Peer, SimBroker, plan};
use crate::slow_consumers::{
    NEWEST, broker, catch_up, noticed, numbered, numbers, publish_all, reader,
};

/// One message for several readers without room: it waits for one of them, or each gets what its own
/// policy says; it is never counted twice.
#[test]
fn s18_s19_who_waits_is_not_dropped_for_meanwhile() {
    let mut broker = broker();
    let mut patient = reader(&mut broker, "x", SlowConsumerPolicy::Backpressure);
    let mut lossy = reader(&mut broker, "x", SlowConsumerPolicy::DropNewest);
    let mut fast = broker.open("fast");
    (0..3_000).for_each(|number| fast.publish("x", &numbered(number)));
    let token = fast.ping();
    for _ in 0..6_000 {
        broker.turn();
        patient.read(1_000);
    }
    broker.until(&mut fast, |fast| fast.pongs.contains(&token));
    catch_up(&mut broker, &mut patient);
    assert!(numbers(&patient).into_iter().eq(0..3_000), "who reads loses nothing");
    catch_up(&mut broker, &mut lossy);
    let gone = 3_000 - lossy.seen.len() as u64;
    assert_eq!(noticed(&lossy, NEWEST), gone, "each lost message is counted once");
    assert!(gone > 2_000, "{gone}");
}

/// Each plan finds another member of the queue group that has no room, and cuts it off: more of them
/// than a message is planned anew for.
#[test]
fn s18_a_message_that_nobody_of_a_whole_queue_group_has_room_for_goes_to_nobody() {
    for policy in SlowConsumerPolicy::ALL {
        let mut broker = broker();
        let slow_consumer = SlowConsumerWish { policy: Some(policy), backpressure_ms: Some(0) };
        let members: Vec<Peer> = (0..20)
            .map(|_| {
                let mut peer = broker.connect(2_000);
                peer.hello("");
                broker.until(&mut peer, |peer| peer.is_open);
                let plain = SubscribeRequest::plain(SubscriptionId(1), b"x");
                peer.subscribe_with(SubscribeRequest { slow_consumer, queue_group: b"g", ..plain });
                broker.barrier(&mut peer);
                peer
            })
            .collect();
        let mut fast = broker.open("fast");
        for round in 0..120 {
            publish_all(&mut broker, &mut fast, round * 100..round * 100 + 100);
        }
        let counters = broker.shard.counters();
        assert_eq!(counters.stalls, 0, "{policy}");
        let gone = counters.dropped_newest + counters.dropped_oldest + counters.slow_consumers;
        assert!(gone >= 20, "{policy}: {counters:?}");
        drop(members);
        broker.shard.router().invariants().expect("the router is consistent");
    }
}

/// Readers that hang at the same time hold their publisher up once, not one after another.
#[test]
fn s19_several_readers_that_hang_cost_their_publisher_one_time() {
    let mut broker = broker();
    let _slow: Vec<Peer> =
        (0..10).map(|_| reader(&mut broker, "x", SlowConsumerPolicy::Backpressure)).collect();
    let mut fast = broker.open("fast");
    (0..2_000).for_each(|number| fast.publish("x", &numbered(number)));
    let token = fast.ping();
    broker.turns(200);
    broker.world.advance_ms(limits::BACKPRESSURE_MS_MAX);
    broker.until(&mut fast, |fast| fast.pongs.contains(&token));
    assert_eq!(broker.shard.counters().slow_consumers, 10);
}

/// A message that goes to very many subscriptions of one client does not take the memory of all.
#[test]
fn one_client_with_many_subscriptions_takes_only_its_share() {
    let mut broker = broker();
    let mut hog = broker.connect(2_000);
    hog.hello("");
    broker.until(&mut hog, |hog| hog.is_open);
    (1..=500).for_each(|number| hog.subscribe(number, "x", ""));
    broker.barrier(&mut hog);
    let mut fast = broker.open("fast");
    fast.publish("x", &[7; 50_000]);
    broker.barrier(&mut fast);
    broker.turns(10);
    let pending = broker.shard.counters().deliveries * 50_000;
    assert!(pending <= 300_000, "{pending} bytes");
    catch_up(&mut broker, &mut hog);
    assert_eq!(hog.seen.len() as u64 + noticed(&hog, NEWEST), 500);
    let mut other = broker.open("other");
    broker.barrier(&mut other);
}

/// When memory is short it is for those who hold little of it.
#[test]
fn a_shard_short_of_memory_serves_those_who_read() {
    let plan = MemoryPlan { output_bytes: 64 * limits::BLOCK_BYTES, ..plan() };
    let mut broker =
        SimBroker::new(SimWorld::new(1, Faults::none()), &plan, ShardSettings::default());
    let mut slow: Vec<Peer> =
        (0..10).map(|_| reader(&mut broker, "x", SlowConsumerPolicy::DropNewest)).collect();
    let mut good = broker.open("good");
    good.subscribe(1, "x", "");
    broker.barrier(&mut good);
    let mut fast = broker.open("fast");
    for round in 0..200 {
        publish_all(&mut broker, &mut fast, round * 100..round * 100 + 100);
        catch_up(&mut broker, &mut good);
    }
    assert!(numbers(&good).into_iter().eq(0..20_000), "who reads gets everything");
    assert_eq!(broker.shard.counters().exhausted, 0, "nobody was ended for lack of memory");
    for slow in &mut slow {
        catch_up(&mut broker, slow);
        assert_eq!(slow.seen.len() as u64 + noticed(slow, NEWEST), 20_000);
    }
}
