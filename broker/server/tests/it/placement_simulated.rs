//! Connections that one shard accepts and another one has (law S3).

use coilgun_protocol::model::{ErrorCode, ShardId};
use coilgun_server::env::Turn;
use coilgun_server::env::sim::{Faults, SimEnv, SimWorld};
use coilgun_server::net::{Net, NetEvent, Ring, SocketKind};
use coilgun_server::setup::{MemoryPlan, build_network};
use coilgun_server::shard::{Arrival, LoadTable, PlacementPolicy, ShardPlace, ShardSettings};

use crate::cluster::{Cluster, FOR_ALL};
use crate::native_peer::{SimBroker, plan};

const LISTENER: i32 = 7;

fn network(world: &SimWorld, plan: &MemoryPlan) -> Net<impl Ring + use<>> {
    build_network(&mut SimEnv::new(world.clone()), plan).expect("a simulated world has memory")
}

/// Lets a network and its kernel do what there is to do, and returns what it says.
fn settle(net: &mut Net<impl Ring>, world: &SimWorld) -> Vec<NetEvent> {
    let mut events = Vec::new();
    for _ in 0..6 {
        net.flush(world.now(), &mut events).expect("a simulated ring does not break");
        net.poll(world.now(), &mut events).expect("a simulated ring does not break");
    }
    events
}

fn arrivals(events: &[NetEvent]) -> Vec<Arrival> {
    let arrival = |event: &NetEvent| {
        let NetEvent::Accepted { descriptor, kind, listener } = *event else {
            panic!("nothing else happens where connections are only accepted: {event:?}");
        };
        Arrival { descriptor, kind, listener, is_surplus: false }
    };
    events.iter().map(arrival).collect()
}

fn place(shard: usize, loads: &LoadTable) -> ShardPlace {
    ShardPlace::new(ShardId::new(shard), PlacementPolicy::Spread, loads.clone())
}

fn connections(loads: &LoadTable, world: &SimWorld) -> Vec<u64> {
    loads.loads(world.now()).map(|load| load.connections).collect()
}

#[test]
fn s3_nothing_is_received_before_the_connection_is_adopted() {
    for seed in 0..20 {
        let world = SimWorld::new(seed, Faults::none());
        let (mut accepts, mut adopts) = (network(&world, &plan()), network(&world, &plan()));
        accepts.listen(5, SocketKind::Unix);
        accepts.listen_for_others(LISTENER, SocketKind::Tcp);
        let peers = [world.connect(LISTENER, 100), world.connect(LISTENER, 100)];
        peers.iter().for_each(|peer| world.write(*peer, b"early"));
        let arrivals = arrivals(&settle(&mut accepts, &world));
        assert_eq!((arrivals.len(), accepts.socket_count()), (2, 0));
        assert_eq!(accepts.counters().received_bytes, 0);
        for (arrival, peer) in arrivals.iter().zip(peers) {
            assert_eq!((arrival.kind, arrival.listener), (SocketKind::Tcp, 1));
            let id = adopts.adopt(arrival.descriptor, arrival.kind, arrival.listener);
            let id = id.expect("there is a slot");
            let events = settle(&mut adopts, &world);
            assert!(events.contains(&NetEvent::Received(id)), "{events:?}");
            let listener = adopts.socket(id).map(coilgun_server::net::Socket::listener);
            assert_eq!(listener, Some(1));
            adopts.outbox(id).expect("it is open").copy(b"welcome");
            settle(&mut adopts, &world);
            assert_eq!(world.read(peer, 100), b"welcome");
        }
    }
}

#[test]
fn s3_who_finds_no_slot_or_no_taker_is_closed() {
    let world = SimWorld::new(1, Faults::none());
    let mut accepts = network(&world, &plan());
    let mut adopts = network(&world, &MemoryPlan { sockets_max: 1, ..plan() });
    accepts.listen_for_others(LISTENER, SocketKind::Tcp);
    let peers: Vec<_> = (0..3).map(|_| world.connect(LISTENER, 100)).collect();
    let arrivals = arrivals(&settle(&mut accepts, &world));
    let [first, second, third] = arrivals[..] else { panic!("three came: {arrivals:?}") };
    assert!(adopts.adopt(first.descriptor, first.kind, first.listener).is_some());
    assert!(adopts.adopt(second.descriptor, second.kind, second.listener).is_none());
    accepts.refuse(third.descriptor);
    settle(&mut accepts, &world);
    settle(&mut adopts, &world);
    let closed: Vec<_> = peers.iter().map(|peer| world.broker_closed(*peer)).collect();
    assert_eq!(closed, [false, true, true]);
    assert_eq!(adopts.counters().turned_away, 1);
}

#[test]
fn s3_an_adopted_connection_is_served_and_counted_until_it_is_over() {
    let world = SimWorld::new(2, Faults::none());
    let loads = LoadTable::new(2);
    let mut accepts = network(&world, &plan());
    accepts.listen_for_others(LISTENER, SocketKind::Tcp);
    let mut broker = SimBroker::new(world.clone(), &plan(), ShardSettings::default());
    broker.shard = broker.shard.placed(place(1, &loads));
    let mut peer = broker.connect(1 << 20);
    peer.hello("wanderer");
    let [arrival] = arrivals(&settle(&mut accepts, &world))[..] else { panic!("one came") };
    loads.add_connection(ShardId::new(1));
    let now = broker.shard.now();
    broker.shard.adopt(now, arrival);
    broker.until(&mut peer, |peer| peer.is_open);
    assert_eq!(connections(&loads, &world), [0, 1]);
    world.end(peer.id);
    broker.turns(20);
    assert_eq!(connections(&loads, &world), [0, 0]);
    assert_eq!(broker.shard.net().socket_count(), 0);
}

/// What a load that opens all its connections before it sends anything finds.
#[test]
fn s3_connections_that_are_only_open_are_spread_over_all_shards() {
    let world = SimWorld::new(3, Faults::rough());
    let plan = MemoryPlan { sockets_max: 64, ..plan() };
    let cluster = Cluster::with_memory(&world, 4, &ShardSettings::default(), &plan);
    let (mut cluster, loads) = cluster.placed(PlacementPolicy::Spread);
    let mut peers: Vec<_> = (0..64).map(|_| cluster.connect(FOR_ALL, 1 << 20)).collect();
    cluster.turns(100);
    assert_eq!(connections(&loads, &world), [16; 4]);
    for peer in &mut peers {
        peer.hello("");
        cluster.until(peer, |peer| peer.is_open);
        peer.subscribe(1, "all", "");
        cluster.barrier(peer);
    }
    let mut writer = cluster.open(FOR_ALL, "");
    writer.publish("all", b"1");
    cluster.barrier(&mut writer);
    for peer in &mut peers {
        cluster.barrier(peer);
        assert_eq!(peer.payloads(), [b"1"]);
    }
    cluster.drain();
    assert_eq!(connections(&loads, &world), [0; 4]);
}

#[test]
fn s3_the_connections_of_all_shards_count_for_the_limit() {
    let world = SimWorld::new(4, Faults::none());
    let settings = ShardSettings { connections_max: 4, ..ShardSettings::default() };
    let (mut cluster, loads) = Cluster::new(&world, 3, &settings).placed(PlacementPolicy::Spread);
    let peers: Vec<_> = (0..4).map(|_| cluster.open(FOR_ALL, "")).collect();
    let mut surplus = cluster.connect(FOR_ALL, 1 << 20);
    surplus.hello("");
    cluster.until(&mut surplus, |peer| peer.has_error(ErrorCode::TooManyConnections));
    assert!(!surplus.is_open);
    world.end(surplus.id);
    world.end(peers[2].id);
    cluster.turns(20);
    assert_eq!(loads.connections(), 3);
    let next = cluster.open(FOR_ALL, "");
    assert!(next.is_open);
}
