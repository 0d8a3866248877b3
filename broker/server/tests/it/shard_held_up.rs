//! What must not hold up a shard: connections that come too late, readers that never read.

use coilgun_protocol::model::limits;
use coilgun_server::env::sim::{Faults, SimWorld};
use coilgun_server::setup::MemoryPlan;
use coilgun_server::shard::{Control, ShardSettings};

use crate::native_peer::SimBroker;

fn plan() -> MemoryPlan {
    MemoryPlan {
        receive_blocks: 8,
        output_bytes: 256 * limits::BLOCK_BYTES,
        large_bytes: 16 * limits::FRAME_BYTES_DEFAULT,
        sockets_max: 64,
        ..MemoryPlan::default()
    }
}

fn broker_in(world: SimWorld) -> SimBroker {
    SimBroker::new(world, &plan(), ShardSettings::default())
}

/// A multishot accept that ends just when it is cancelled is not begun again, and a connection that
/// shows up after everybody was cut off is cut off as well.
#[test]
fn s2_a_broker_that_stops_ends_although_connections_still_come() {
    let mut late = 0;
    for seed in 0..100 {
        let faults = Faults { end_multishot: 300, delay: 500, ..Faults::none() };
        let mut broker = broker_in(SimWorld::new(seed, faults));
        let mut stays = broker.open("stays");
        stays.ping();
        let _late = [broker.connect(1_000), broker.connect(1_000)];
        broker.control.send(Control::Stop);
        broker.turn();
        late += u64::from(broker.shard.counters().accepted < 3);
        broker.turns(100);
        assert!(broker.done, "seed {seed}: {} are left", broker.shard.net().socket_count());
    }
    assert!(late > 10, "only {late} were late");
}
