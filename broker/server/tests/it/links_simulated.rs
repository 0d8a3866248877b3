//! Connections inside the process, beside simulated sockets: every byte, short room, pauses, and both
//! ends that go with data in flight.

use std::sync::Arc;

use coilgun_protocol::link::{Link, LinkEnded, LinkRefused};
use coilgun_protocol::model::{ShardId, limits};
use coilgun_server::echo::Echo;
use coilgun_server::env::sim::{Faults, SimEnv, SimWorld};
use coilgun_server::env::{Turn, Waker};
use coilgun_server::link::{ClientEnd, Door, Doors, LINKS_MAX, LinkOrigin, LinkPort};
use coilgun_server::net::{Net, SocketKind};
use coilgun_server::setup::{MemoryPlan, build_network};

const LISTENER: i32 = 7;
const OUTPUT_BLOCKS: usize = 512;

/// An echo server with a door for clients of this process, and its door.
pub(crate) fn echo(world: &SimWorld, sockets_max: usize) -> (Echo<SimEnv>, Arc<Door>) {
    let plan = MemoryPlan {
        receive_blocks: 8,
        output_bytes: OUTPUT_BLOCKS * limits::BLOCK_BYTES,
        frame_bytes_max: limits::BLOCK_BYTES,
        large_bytes: 0,
        sockets_max,
        copy_max: 64,
    };
    let mut env = SimEnv::new(world.clone());
    let mut net: Net<_> = build_network(&mut env, &plan).expect("a simulated world has memory");
    net.listen(LISTENER, SocketKind::Tcp);
    let door = Arc::new(Door::new(Waker::new().expect("there are descriptors")));
    let doors: Doors = [Arc::clone(&door)].into();
    net.serve_links(LinkPort::new(&doors, ShardId::new(0)), 1);
    (Echo::new(env, net, 20_000), door)
}

fn turns(echo: &mut Echo<SimEnv>, count: usize) {
    for _ in 0..count {
        let now = echo.now();
        echo.turn(now).expect("a simulated ring does not break");
    }
}

/// A client of this process: what it wrote, what it read, and what is left to write.
struct Peer {
    link: ClientEnd,
    written: Vec<u8>,
    read: Vec<u8>,
    left: usize,
}

impl Peer {
    fn step(&mut self, world: &SimWorld) {
        if self.left > 0 && world.random().is_multiple_of(2) {
            let len = (world.random() as usize % 300_000).min(self.left);
            let bytes: Vec<u8> = (0..len).map(|at| (at ^ len) as u8).collect();
            let sent = self.link.send(&bytes).expect("the server goes on");
            self.written.extend(&bytes[..sent]);
            self.left -= sent;
        }
        if world.random().is_multiple_of(3) {
            self.receive(world.random() as usize % 200_000);
        }
    }

    fn receive(&mut self, max: usize) {
        let mut room = vec![0; max];
        let count = self.link.receive(&mut room).expect("the server goes on");
        self.read.extend(&room[..count]);
    }
}

#[test]
pub(crate) fn s35_every_byte_comes_back_through_a_connection_inside_the_process() {
    for seed in 0..30 {
        let world = SimWorld::new(seed, Faults::rough());
        let (mut echo, door) = echo(&world, 32);
        let socket = world.connect(LISTENER, 10_000);
        world.write(socket, &[7; 5_000]);
        let mut peers: Vec<Peer> = (0..4)
            .map(|_| Peer {
                link: door.connect(LinkOrigin::default()).expect("there is room"),
                written: Vec::new(),
                read: Vec::new(),
                left: 1 + world.random() as usize % 3_000_000,
            })
            .collect();
        let mut rounds = 0;
        while peers.iter().any(|peer| peer.left > 0 || peer.read.len() < peer.written.len()) {
            turns(&mut echo, 1);
            peers.iter_mut().for_each(|peer| peer.step(&world));
            rounds += 1;
            assert!(rounds < 50_000, "seed {seed}: bytes are lost");
        }
        assert!(peers.iter().all(|peer| peer.read == peer.written), "seed {seed}: bytes changed");
        turns(&mut echo, 200);
        assert_eq!(world.read(socket, 10_000), [7; 5_000], "seed {seed}: sockets go on");
        assert_eq!(echo.net().socket_count(), 5);
        drop(peers);
        world.end(socket);
        turns(&mut echo, 100);
        assert_eq!(echo.net().socket_count(), 0, "seed {seed}");
        assert_eq!(echo.net().pools().small.free_count(), OUTPUT_BLOCKS, "seed {seed}");
        assert!(echo.prepare_park().expect("a simulated ring does not break"), "nothing is left");
    }
}

#[test]
fn s35_what_was_sent_before_the_client_went_reaches_the_broker() {
    let world = SimWorld::new(1, Faults::none());
    let (mut echo, door) = echo(&world, 4);
    let mut link = door.connect(LinkOrigin::default()).expect("there is room");
    turns(&mut echo, 2);
    assert_eq!(link.send(&[3; 200_000]), Ok(200_000));
    drop(link);
    turns(&mut echo, 50);
    assert_eq!(echo.net().counters().received_bytes, 200_000);
    assert_eq!(echo.net().socket_count(), 0, "what was to be sent back is thrown away");
    assert_eq!(echo.net().pools().small.free_count(), OUTPUT_BLOCKS);
}

#[test]
fn s35_what_was_sent_before_the_broker_ended_reaches_the_client() {
    let world = SimWorld::new(1, Faults::none());
    let (mut echo, door) = echo(&world, 4);
    let mut link = door.connect(LinkOrigin::default()).expect("there is room");
    assert_eq!(link.send(&[3; 10_000]), Ok(10_000));
    turns(&mut echo, 5);
    echo.stop();
    turns(&mut echo, 5);
    assert_eq!(echo.net().socket_count(), 0);
    let mut room = vec![0; 6_000];
    assert_eq!(link.send(b"more"), Err(LinkEnded));
    assert_eq!((link.receive(&mut room), link.receive(&mut room)), (Ok(6_000), Ok(4_000)));
    assert_eq!(link.receive(&mut room), Err(LinkEnded));
    assert!(link.wake(std::task::Waker::noop(), false), "the end is news");
    assert_eq!(door.connect(LinkOrigin::default()).err(), Some(LinkRefused::Ended));
}

#[test]
fn s35_a_shard_that_breaks_ends_its_connections() {
    let world = SimWorld::new(1, Faults::none());
    let (mut echo, door) = echo(&world, 4);
    let mut known = door.connect(LinkOrigin::default()).expect("there is room");
    turns(&mut echo, 2);
    let mut new = door.connect(LinkOrigin::default()).expect("there is room");
    drop(echo);
    for link in [&mut known, &mut new] {
        assert_eq!(link.receive(&mut [0; 8]), Err(LinkEnded));
        assert_eq!(link.send(b"more"), Err(LinkEnded));
    }
    assert_eq!(door.connect(LinkOrigin::default()).err(), Some(LinkRefused::Ended));
}

#[test]
fn s35_without_a_slot_or_beyond_the_limit_there_is_no_connection() {
    let world = SimWorld::new(1, Faults::none());
    let (mut echo, door) = echo(&world, 1);
    let links: Vec<_> = (0..LINKS_MAX)
        .map(|_| door.connect(LinkOrigin::default()).expect("there is room"))
        .collect();
    assert_eq!(door.connect(LinkOrigin::default()).err(), Some(LinkRefused::Full));
    turns(&mut echo, 20);
    assert_eq!(echo.net().socket_count(), 1);
    assert_eq!(echo.net().counters().turned_away, LINKS_MAX as u64 - 1);
    let ended = links.into_iter().map(|mut link| link.receive(&mut [0; 8]));
    assert_eq!(ended.filter(|it| *it == Err(LinkEnded)).count(), LINKS_MAX - 1);
    turns(&mut echo, 20);
    assert!(door.connect(LinkOrigin::default()).is_ok(), "those that are gone count no more");
}

/// What is sent after a shard looked for the last time is seen before it sleeps.
#[test]
pub(crate) fn s24_a_shard_does_not_sleep_on_a_connection_with_news() {
    let world = SimWorld::new(1, Faults::none());
    let (mut echo, door) = echo(&world, 4);
    let mut link = door.connect(LinkOrigin::default()).expect("there is room");
    turns(&mut echo, 10);
    assert!(echo.prepare_park().expect("a simulated ring does not break"));
    echo.end_park();
    assert_eq!(link.send(b"are you there?"), Ok(14));
    assert!(
        !echo.prepare_park().expect("a simulated ring does not break"),
        "S24: the shard sleeps with news on a connection"
    );
    echo.end_park();
    turns(&mut echo, 3);
    assert_eq!(link.receive(&mut [0; 20]), Ok(14));
}
