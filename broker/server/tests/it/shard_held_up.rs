//! What must not hold up a shard: connections that come too late, readers that never read.

use coilgun_server::env::sim::{Faults, SimWorld};
use coilgun_server::shard::{Control, ShardSettings};

use crate::native_peer::{SimBroker, plan};

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

/// What the kernel is sending to readers that do not read lies in receive blocks. Others can still
/// be read: such a send is taken back and begun again from copies.
#[test]
fn s6_readers_that_do_not_read_pin_no_receive_block() {
    let mut broker = broker_in(SimWorld::new(1, Faults::none()));
    let mut writer = broker.open("writer");
    let mut readers: Vec<_> = (0..12u8)
        .map(|number| {
            let mut reader = broker.connect(2_000);
            reader.hello("");
            broker.until(&mut reader, |reader| reader.is_open);
            reader.subscribe(1, &format!("to.{number}"), "");
            broker.barrier(&mut reader);
            reader
        })
        .collect();
    for number in 0..12u8 {
        // One of the three in every receive block is wanted.
        writer.publish("nobody", &[0; 22_000]);
        writer.publish(&format!("to.{number}"), &[number; 20_000]);
        writer.publish("nobody", &[0; 22_000]);
    }
    broker.barrier(&mut writer);
    let mut other = broker.open("other");
    broker.barrier(&mut other);
    for (number, reader) in readers.iter_mut().enumerate() {
        broker.until(reader, |reader| reader.seen.len() == 1);
        assert!(reader.seen[0].payload == [number as u8; 20_000], "the bytes are the same");
    }
    assert_eq!(broker.shard.counters().slow_consumers, 0);
}
