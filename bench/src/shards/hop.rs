//! The hop itself: two threads, each with an end of a mesh, and nothing else.
//!
//! A round trip is one message to the other thread and one back, one at a time. One way, a thread sends
//! batches as fast as they are taken, each batch handed over with one push, as a turn of a shard does;
//! the other one reads every message and gives the parcels back.

use std::time::Duration;

use coilgun_server::mesh::{ThreadPort, fabric};
use hdrhistogram::Histogram;
use serde::Serialize;

use super::link::{Link, Waiting};
use crate::cpu::{CpuSet, monotonic_ns, thread_cpu_ns};
use crate::error::BenchError;
use crate::sample::{Percentiles, ratio};
use crate::traffic::window::nanoseconds;

/// Longest round trip that is told apart, in nanoseconds.
const ROUND_TRIP_NS_MAX: u64 = 10_000_000_000;
/// Messages of a batch, one way.
const BATCHES: [u64; 3] = [1, 16, 256];

/// One measurement.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Hop {
    /// Its name.
    pub name: String,
    /// The cores of the two threads; none: any.
    pub cpus: Option<[usize; 2]>,
    /// What a thread does when it finds nothing.
    pub waiting: Waiting,
    /// Messages of a batch; none: one message goes to and fro.
    pub batch: Option<u64>,
}

/// What one measurement found in one round.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct HopSample {
    /// Its name.
    pub name: String,
    /// Messages that arrived; of a round trip the ones there.
    pub messages: u64,
    /// The same per second.
    pub messages_per_second: f64,
    /// Time for each message, in nanoseconds.
    pub ns_per_message: f64,
    /// CPU time of both threads for each message, in nanoseconds.
    pub cpu_ns_per_message: f64,
    /// Messages in one parcel, one way.
    pub messages_per_parcel: Option<f64>,
    /// Round trips of two hops each, in nanoseconds.
    pub round_trip_ns: Option<Percentiles>,
}

/// What a thread has to say.
struct Side {
    messages: u64,
    parcels: u64,
    cpu_ns: u64,
    /// From the first message on, in nanoseconds.
    elapsed_ns: u64,
    round_trips: Option<Histogram<u64>>,
}

/// Every measurement on these two cores: on both, and on the first of them only. Without cores, the
/// threads run where they may.
#[must_use]
pub fn hops(cpus: Option<[usize; 2]>) -> Vec<Hop> {
    let mut arrangements = Vec::new();
    match cpus {
        Some([first, second]) => {
            arrangements.push(("two-cores", Some([first, second]), Waiting::Spinning));
            arrangements.push(("two-cores", Some([first, second]), Waiting::Parked));
            // On one core, who spins keeps the other one from answering.
            arrangements.push(("one-core", Some([first, first]), Waiting::Yielding));
            arrangements.push(("one-core", Some([first, first]), Waiting::Parked));
        }
        None => {
            arrangements.push(("any-core", None, Waiting::Yielding));
            arrangements.push(("any-core", None, Waiting::Parked));
        }
    }
    let mut hops = Vec::new();
    for (place, cpus, waiting) in arrangements {
        let how = match waiting {
            Waiting::Spinning => "spinning",
            Waiting::Yielding => "yielding",
            Waiting::Parked => "parked",
        };
        let name = |what: &str| format!("hop/{place}/{how}/{what}");
        hops.push(Hop { name: name("round-trip"), cpus, waiting, batch: None });
        for batch in BATCHES {
            let name = name(&format!("batch-{batch}"));
            hops.push(Hop { name, cpus, waiting, batch: Some(batch) });
        }
    }
    hops
}

/// Measures for so long, on threads that end with this.
///
/// # Errors
/// If a thread cannot be started or bound, or there is no memory.
///
/// # Panics
/// If a message is lost.
pub fn measure(hop: &Hop, duration: Duration) -> Result<HopSample, BenchError> {
    let ports = fabric(2).map_err(BenchError::system("making a mesh"))?;
    let [sending, receiving] =
        <[ThreadPort; 2]>::try_from(ports).expect("a fabric of two has two ends");
    let (cpus, waiting) = (hop.cpus, hop.waiting);
    let (sender, receiver) = std::thread::scope(|scope| {
        let receiver = scope.spawn(move || {
            pin(cpus.map(|[_, second]| second))?;
            answer(Link::new(receiving, waiting)?, hop.batch.is_none())
        });
        let sender = scope.spawn(move || {
            pin(cpus.map(|[first, _]| first))?;
            let link = Link::new(sending, waiting)?;
            let ends_ns = monotonic_ns() + nanoseconds(duration);
            match hop.batch {
                Some(batch) => send_batches(link, batch, ends_ns),
                None => send_to_and_fro(link, ends_ns),
            }
        });
        (sender.join(), receiver.join())
    });
    let sender = sender.expect("a thread of a measurement does not panic")?;
    let receiver = receiver.expect("a thread of a measurement does not panic")?;
    assert_eq!(sender.messages, receiver.messages, "everything arrives");
    let messages = sender.messages as f64;
    let elapsed_ns = sender.elapsed_ns as f64;
    let cpu_ns = (sender.cpu_ns + receiver.cpu_ns) as f64;
    Ok(HopSample {
        name: hop.name.clone(),
        messages: sender.messages,
        messages_per_second: ratio(messages * 1e9, elapsed_ns).unwrap_or(0.0),
        ns_per_message: ratio(elapsed_ns, messages).unwrap_or(0.0),
        cpu_ns_per_message: ratio(cpu_ns, messages).unwrap_or(0.0),
        messages_per_parcel: hop.batch.and_then(|_| ratio(messages, sender.parcels as f64)),
        round_trip_ns: sender.round_trips.as_ref().and_then(Percentiles::of),
    })
}

fn pin(cpu: Option<usize>) -> Result<(), BenchError> {
    cpu.map_or(Ok(()), |cpu| CpuSet::only(cpu).and_then(|set| set.pin_current_thread()))
        .map_err(BenchError::system("moving a thread to its core"))
}

/// Sends batches until the time is over, and waits until all parcels are back.
fn send_batches(mut link: Link, batch: u64, ends_ns: u64) -> Result<Side, BenchError> {
    let (began_ns, cpu_ns) = (monotonic_ns(), thread_cpu_ns());
    let mut sent = 0;
    // Ends because time passes.
    while monotonic_ns() < ends_ns {
        link.take_back();
        let mut in_batch = 0;
        // Ends with the batch, or where there is no room for more of it.
        while in_batch < batch && link.send(sent) {
            in_batch += 1;
            sent += 1;
        }
        let is_full = in_batch < batch;
        link.flush(is_full);
        if is_full && !link.take_back() {
            link.wait()?;
        }
    }
    let elapsed_ns = monotonic_ns() - began_ns;
    let side = Side {
        messages: sent,
        parcels: link.parcels(),
        cpu_ns: thread_cpu_ns() - cpu_ns,
        elapsed_ns,
        round_trips: None,
    };
    finish(link)?;
    Ok(side)
}

/// Sends one message after the other, each when the one before has come back.
fn send_to_and_fro(mut link: Link, ends_ns: u64) -> Result<Side, BenchError> {
    let mut round_trips = Histogram::new_with_bounds(1, ROUND_TRIP_NS_MAX, 3)
        .expect("the bounds are constants that make a histogram");
    let (began_ns, cpu_ns) = (monotonic_ns(), thread_cpu_ns());
    let (mut now, mut sent) = (began_ns, 0);
    // Ends because time passes.
    while now < ends_ns {
        assert!(link.send(sent), "one message has room");
        sent += 1;
        link.flush(false);
        // Ends when the answer is there.
        while link.receive().is_none() {
            link.wait()?;
        }
        link.take_back();
        let then = monotonic_ns();
        round_trips.saturating_record((then - now).max(1));
        now = then;
    }
    let side = Side {
        messages: sent,
        parcels: link.parcels(),
        cpu_ns: thread_cpu_ns() - cpu_ns,
        elapsed_ns: now - began_ns,
        round_trips: Some(round_trips),
    };
    finish(link)?;
    Ok(side)
}

/// Says the end, and waits until nothing is lent any more.
fn finish(mut link: Link) -> Result<(), BenchError> {
    link.say_end();
    link.flush(true);
    // Ends because the other end gives everything back.
    while !link.is_quiet() {
        if !link.take_back() {
            link.wait()?;
        }
        link.flush(true);
    }
    Ok(())
}

/// Reads everything until the end is said; `is_to_and_fro`: sends one message back for each.
fn answer(mut link: Link, is_to_and_fro: bool) -> Result<Side, BenchError> {
    let cpu_ns = thread_cpu_ns();
    let (mut messages, mut is_over) = (0, false);
    // Ends because the sender says the end.
    while !is_over {
        let mut is_idle = true;
        // Ends where the ring is empty, as a turn does.
        while let Some((count, is_end)) = link.receive() {
            messages += count;
            is_over |= is_end;
            is_idle = false;
            if is_to_and_fro && count > 0 {
                assert!(link.send(messages), "one message has room");
            }
        }
        link.take_back();
        // Gives back what was read and hands over what was answered.
        link.flush(false);
        if is_idle {
            link.wait()?;
        }
    }
    let cpu_ns = thread_cpu_ns() - cpu_ns;
    Ok(Side { messages, parcels: link.parcels(), cpu_ns, elapsed_ns: 0, round_trips: None })
}
