//! SIGTERM while clients are at work.

use coilgun_protocol::model::ErrorCode;

use super::frames;
use super::peer::{Peer, Said};
use crate::process::Broker;

/// Publishes until the connection ends; returns how many messages were acked.
fn publish_until_the_end(mut peer: Peer) -> std::thread::JoinHandle<(u32, bool)> {
    std::thread::spawn(move || {
        let (mut acked, mut told) = (0u32, false);
        // Ends with the connection.
        loop {
            peer.write(&frames::publish("work", &acked.to_le_bytes()));
            // Ends with the answer, or with the connection.
            loop {
                let said = peer.next();
                if said.is_the_end() {
                    return (acked, told);
                }
                if matches!(said, Said::Outcome { code: 0, receivers: 1, .. }) {
                    acked += 1;
                    break;
                }
                let shuts_down = ErrorCode::ShuttingDown as u16;
                let goes = matches!(said, Said::GoAway { code, .. } if code == shuts_down);
                assert!(goes, "{said:?}");
                told = true;
            }
        }
    })
}

fn numbers_until_the_end(mut peer: Peer) -> std::thread::JoinHandle<Vec<u32>> {
    std::thread::spawn(move || {
        let said = peer.ends("with the broker");
        let number = |it: &Said| {
            let Said::Deliver { payload, .. } = it else { return None };
            Some(u32::from_le_bytes(payload[..4].try_into().expect("four bytes")))
        };
        said.iter().filter_map(number).collect()
    })
}

#[test]
fn what_was_acked_before_the_end_is_delivered() {
    let mut broker = Broker::start(&["--drain-ms", "300"]);
    let mut reader = Peer::open(&broker);
    reader.subscribe("work");
    let mut waiting = Peer::open(&broker);
    waiting.subscribe("started");
    let publisher = publish_until_the_end(Peer::open(&broker));
    let numbers = numbers_until_the_end(reader);
    let mut other = Peer::open(&broker);
    (0..200).for_each(|_| other.goes_on("under load"));
    broker.signal(libc::SIGTERM);
    broker.wait_for("coilgun: saying good-bye");
    let (ended, _folder) = broker.end();
    assert_eq!(ended.status, 0, "{}", ended.stderr);
    let (acked, told) = publisher.join().expect("the publisher was served");
    let numbers = numbers.join().expect("the reader was served");
    assert!(told, "the publisher is told");
    assert!(acked > 100, "{acked} messages were acked");
    assert!(numbers.len() >= acked as usize, "{acked} acked, {} delivered", numbers.len());
    assert!(numbers.iter().copied().eq(0..numbers.len() as u32), "in order, each once");
    let gone = waiting.ends("with the broker");
    assert!(matches!(gone.first(), Some(Said::GoAway { .. })), "{gone:?}");
}

#[test]
fn a_second_signal_ends_at_once_under_load() {
    let mut broker = Broker::start(&["--drain-ms", "600000"]);
    let mut reader = Peer::open(&broker);
    reader.subscribe("work");
    let publisher = publish_until_the_end(Peer::open(&broker));
    let numbers = numbers_until_the_end(reader);
    broker.signal(libc::SIGTERM);
    broker.wait_for("coilgun: saying good-bye");
    broker.signal(libc::SIGTERM);
    let (ended, _folder) = broker.end();
    assert_eq!(ended.status, 143, "{}", ended.stderr);
    publisher.join().expect("the publisher was served");
    numbers.join().expect("the reader was served");
}
