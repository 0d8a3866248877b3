//! The network on a simulated kernel that does everything a real one may do.

use coilgun_protocol::model::limits;
use coilgun_server::echo::Echo;
use coilgun_server::env::sim::{Faults, PeerId, SimEnv, SimWorld};
use coilgun_server::env::{Turn, Work};
use coilgun_server::net::{Net, NetEvent, SocketKind};
use coilgun_server::setup::{MemoryPlan, build_network};

const LISTENER: i32 = 7;

fn plan() -> MemoryPlan {
    MemoryPlan {
        receive_blocks: 8,
        output_bytes: 512 * limits::BLOCK_BYTES,
        frame_bytes_max: limits::BLOCK_BYTES,
        large_bytes: 0,
        sockets_max: 32,
        copy_max: 64,
    }
}

fn echo(world: &SimWorld) -> Echo<SimEnv> {
    let mut env = SimEnv::new(world.clone());
    let mut net: Net<_> = build_network(&mut env, &plan()).expect("a simulated world has memory");
    net.listen(LISTENER, SocketKind::Tcp);
    Echo::new(env, net, 20_000)
}

fn turn(echo: &mut Echo<SimEnv>) -> Work {
    let now = echo.now();
    echo.turn(now).expect("a simulated ring does not break")
}

fn take_turns(echo: &mut Echo<SimEnv>, count: usize) {
    for _ in 0..count {
        turn(echo);
    }
}

/// One peer: what it wrote, what it read, and what is left to write.
struct Peer {
    id: PeerId,
    written: Vec<u8>,
    read: Vec<u8>,
    left: usize,
}

fn step_peer(world: &SimWorld, peer: &mut Peer) {
    if peer.left > 0 && world.random().is_multiple_of(2) {
        let len = (world.random() as usize % 20_000).min(peer.left);
        let bytes: Vec<u8> = (0..len).map(|_| world.random() as u8).collect();
        world.write(peer.id, &bytes);
        peer.written.extend(bytes);
        peer.left -= len;
        if peer.left == 0 {
            world.end(peer.id);
        }
    }
    let max = world.random() as usize % 30_000;
    peer.read.extend(world.read(peer.id, max));
}

/// Runs one seed and returns what it exercised.
fn run_seed(seed: u64, faults: Faults) -> coilgun_server::env::sim::FaultCounts {
    let world = SimWorld::new(seed, faults);
    let mut echo = echo(&world);
    let mut peers: Vec<Peer> = (0..6)
        .map(|_| {
            let id = world.connect(LISTENER, 10_000);
            let left = 1 + world.random() as usize % 200_000;
            Peer { id, written: Vec::new(), read: Vec::new(), left }
        })
        .collect();
    let mut turns = 0;
    while peers.iter().any(|peer| !world.broker_closed(peer.id)) {
        turn(&mut echo);
        peers.iter_mut().for_each(|peer| step_peer(&world, peer));
        turns += 1;
        assert!(turns < 200_000, "seed {seed}: the connections never end");
    }
    for peer in &mut peers {
        peer.read.extend(world.read(peer.id, usize::MAX));
        assert_eq!(peer.read.len(), peer.written.len(), "seed {seed}");
        assert!(peer.read == peer.written, "seed {seed}: bytes changed on the way");
    }
    // A turn later the slots are free, and every block went back to where it came from.
    take_turns(&mut echo, 50);
    assert_eq!(echo.net().socket_count(), 0, "seed {seed}");
    assert_eq!(echo.net().pools().small.free_count(), 512, "seed {seed}");
    world.counts()
}

#[test]
pub(crate) fn s1_s2_s4_s5_every_byte_comes_back_whatever_the_kernel_does() {
    let mut total = coilgun_server::env::sim::FaultCounts::default();
    for seed in 0..150 {
        let counts = run_seed(seed, Faults::rough());
        total.short_receives += counts.short_receives;
        total.short_sends += counts.short_sends;
        total.delays += counts.delays;
        total.starvations += counts.starvations;
        total.ended_multishots += counts.ended_multishots;
        total.late_cancels += counts.late_cancels;
        total.sends_checked += counts.sends_checked;
    }
    println!("exercised: {total:?}");
    assert!(total.short_receives > 1_000, "{total:?}");
    assert!(total.short_sends > 1_000, "{total:?}");
    assert!(total.delays > 1_000, "{total:?}");
    assert!(total.starvations > 100, "{total:?}");
    assert!(total.ended_multishots > 500, "{total:?}");
    assert!(total.late_cancels > 20, "{total:?}");
    assert!(total.sends_checked > 5_000, "{total:?}");
}

#[test]
fn the_same_seed_twice_does_the_same() {
    assert_eq!(run_seed(7, Faults::rough()), run_seed(7, Faults::rough()));
}

#[test]
pub(crate) fn s2_resets_free_everything_and_harm_nobody_else() {
    let mut resets = 0;
    for seed in 0..40 {
        let world = SimWorld::new(seed, Faults { reset: 20, ..Faults::rough() });
        let mut echo = echo(&world);
        let peers: Vec<PeerId> = (0..12).map(|_| world.connect(LISTENER, 5_000)).collect();
        for _ in 0..300 {
            for peer in &peers {
                world.write(*peer, &[1; 700]);
                let _ = world.read(*peer, 300);
            }
            turn(&mut echo);
        }
        resets += world.counts().resets;
        world.set_faults(Faults::none());
        let survivor = world.connect(LISTENER, 5_000);
        world.write(survivor, b"still there?");
        peers.iter().for_each(|peer| world.reset(*peer));
        take_turns(&mut echo, 100);
        assert_eq!(world.read(survivor, 100), b"still there?", "seed {seed}");
        assert_eq!(echo.net().socket_count(), 1, "seed {seed}: only the survivor is left");
        world.end(survivor);
        take_turns(&mut echo, 20);
        assert_eq!(echo.net().socket_count(), 0, "seed {seed}");
        assert_eq!(echo.net().pools().small.free_count(), 512, "seed {seed}");
    }
    assert!(resets > 200, "only {resets} resets");
}

#[test]
fn a_peer_that_never_closes_is_let_go() {
    let world = SimWorld::new(1, Faults::none());
    let mut env = SimEnv::new(world.clone());
    let mut net = build_network(&mut env, &plan()).expect("a simulated world has memory");
    net.listen(LISTENER, SocketKind::Tcp);
    let peer = world.connect(LISTENER, 100);
    let mut events = Vec::new();
    for _ in 0..3 {
        net.flush(world.now(), &mut events).expect("a simulated ring does not break");
        net.poll(world.now(), &mut events).expect("a simulated ring does not break");
    }
    let id = net.ids().next().expect("the peer was accepted");
    net.outbox(id).expect("it is open").copy(b"good bye");
    net.finish(world.now(), id);
    for _ in 0..5 {
        net.flush(world.now(), &mut events).expect("a simulated ring does not break");
        net.poll(world.now(), &mut events).expect("a simulated ring does not break");
    }
    assert_eq!(world.read(peer, 100), b"good bye");
    assert!(world.broker_ended(peer) && !world.broker_closed(peer), "it waits for the peer");
    let deadline = net.deadline().expect("it does not wait for ever");
    assert!(deadline.ms_since(world.now()) <= 1_000);
    world.advance_ms(1_000);
    net.tick(world.now());
    for _ in 0..5 {
        net.flush(world.now(), &mut events).expect("a simulated ring does not break");
        net.poll(world.now(), &mut events).expect("a simulated ring does not break");
    }
    assert!(world.broker_closed(peer));
    assert_eq!(events.last(), Some(&NetEvent::Freed(id)));
    net.release(id);
    assert_eq!(net.socket_count(), 0);
}
