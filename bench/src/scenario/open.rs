//! Opens what a scenario is played on.

use coilgun_protocol::model::{PublishFlags, Ticket};
use coilgun_server::net::ListenAddress;

use super::shape::{Scenario, Shape, Way};
use crate::error::BenchError;
use crate::interrupt::Interrupt;
use crate::traffic::connection::Connection;
use crate::traffic::echo_load::open_echo;
use crate::traffic::lane::{Lane, Then};
use crate::traffic::load::{Load, Wire};
use crate::traffic::native_load::{NativeClient, Publishing, publish_template};
use crate::traffic::placed::PlacedClients;

/// Subject of the request; as long as those that [`subject`] makes.
const REQUEST_SUBJECT: &str = "bench.call";
/// Where replies go.
const REPLY_SUBJECT: &str = "_INBOX.bench";
/// Travels with the request and its reply; one is in flight at a time.
const REQUEST_CORRELATION: Ticket = Ticket(7);

/// Opens the connections of a scenario to the server at `address`; when it returns, every
/// subscription stands.
///
/// # Errors
/// If a connection or a subscription cannot be made.
pub fn open(
    scenario: &Scenario,
    address: &ListenAddress,
    interrupt: &Interrupt,
) -> Result<Load, BenchError> {
    let payload_bytes = scenario.payload_bytes;
    match scenario.shape {
        Shape::Echo { connections } => open_echo(address, connections, payload_bytes, interrupt),
        Shape::ToItself { connections } => {
            open_to_itself(address, connections, payload_bytes, interrupt)
        }
        Shape::Pairs { pairs } => open_pairs(address, pairs, payload_bytes, interrupt),
        Shape::FanOut { publishers, subscribers } => {
            open_fan_out(address, publishers, subscribers, payload_bytes, interrupt)
        }
        Shape::PlacedPairs { pairs, way } => {
            let mut placed = PlacedClients::new(address, payload_bytes);
            let mut clients = Vec::with_capacity(pairs);
            for number in 0..pairs {
                let (from, to) = way.of_pair(number);
                clients.push((placed.on(from)?, placed.on(to)?));
            }
            join_pairs(clients, payload_bytes, interrupt)
        }
        Shape::Forks { publishers, way } => {
            let placed = PlacedClients::new(address, payload_bytes);
            open_forks(placed, publishers, way, payload_bytes, interrupt)
        }
        Shape::OpenedFirst { connections } => {
            join_pairs(open_first(address, connections, payload_bytes)?, payload_bytes, interrupt)
        }
        Shape::PlacedRequestReply { way } => {
            let (from, to) = way.of_pair(0);
            let mut placed = PlacedClients::new(address, payload_bytes);
            join_request_reply(placed.on(from)?, placed.on(to)?, payload_bytes, interrupt)
        }
        Shape::Nobody => Load::new(Vec::new(), Vec::new(), interrupt.clone()),
        Shape::RequestReply => open_request_reply(address, payload_bytes, interrupt),
    }
}

/// Length of the PUBLISH frame with which the scenarios publish such a payload, in bytes.
///
/// # Errors
/// If no broker accepts such a payload.
pub fn native_frame_bytes(payload_bytes: usize) -> Result<usize, BenchError> {
    let frame = publish_template(0, payload_bytes, Publishing::to(&subject(0)))?;
    Ok(frame.frame_bytes())
}

/// The subject of a lane; all are equally long.
fn subject(lane: usize) -> String {
    format!("bench.{lane:04}")
}

fn number(lane: usize) -> u16 {
    u16::try_from(lane).expect("a scenario has fewer than 65,536 lanes")
}

fn part_of_load(client: NativeClient) -> (Connection, Wire) {
    let (connection, wire) = client.into_parts();
    (connection, Wire::Native(wire))
}

fn open_to_itself(
    address: &ListenAddress,
    count: usize,
    payload_bytes: usize,
    interrupt: &Interrupt,
) -> Result<Load, BenchError> {
    let (mut connections, mut lanes) = (Vec::new(), Vec::new());
    for index in 0..count {
        let subject = subject(index);
        let mut client = NativeClient::open(address, payload_bytes)?;
        client.subscribe(&subject)?;
        connections.push(part_of_load(client));
        let frame = publish_template(number(index), payload_bytes, Publishing::to(&subject))?;
        lanes.push(Lane::new(frame, index, index, Then::Done { restart: index }));
    }
    Load::new(connections, lanes, interrupt.clone())
}

fn open_pairs(
    address: &ListenAddress,
    count: usize,
    payload_bytes: usize,
    interrupt: &Interrupt,
) -> Result<Load, BenchError> {
    let mut clients = Vec::with_capacity(count);
    for _ in 0..count {
        let publisher = NativeClient::open(address, payload_bytes)?;
        clients.push((publisher, NativeClient::open(address, payload_bytes)?));
    }
    join_pairs(clients, payload_bytes, interrupt)
}

fn open_forks(
    mut placed: PlacedClients,
    publishers: usize,
    way: Way,
    payload_bytes: usize,
    interrupt: &Interrupt,
) -> Result<Load, BenchError> {
    let (mut connections, mut lanes) = (Vec::new(), Vec::new());
    for publisher in 0..publishers {
        let from = connections.len();
        let (home, _) = way.of_pair(2 * publisher);
        connections.push(part_of_load(placed.on(home)?));
        for road in [2 * publisher, 2 * publisher + 1] {
            let (_, shard) = way.of_pair(road);
            let subject = subject(road);
            let mut subscriber = placed.on(shard)?;
            subscriber.subscribe(&subject)?;
            let frame = publish_template(number(road), payload_bytes, Publishing::to(&subject))?;
            lanes.push(Lane::new(frame, from, connections.len(), Then::Done { restart: road }));
            connections.push(part_of_load(subscriber));
        }
    }
    Load::new(connections, lanes, interrupt.clone())
}

/// Opens all connections, the publishers first, and then pairs them. Shards that were used in turns
/// have publishers and subscribers alike, and of four pairs two cross.
fn open_first(
    address: &ListenAddress,
    count: usize,
    payload_bytes: usize,
) -> Result<Vec<(NativeClient, NativeClient)>, BenchError> {
    assert!(count.is_multiple_of(8), "pairs are made of whole groups of four");
    let mut clients = Vec::with_capacity(count);
    for _ in 0..count {
        clients.push(NativeClient::open(address, payload_bytes)?);
    }
    let mut subscribers = clients.split_off(count / 2);
    for group in subscribers.chunks_exact_mut(4) {
        group.swap(2, 3);
    }
    Ok(clients.into_iter().zip(subscribers).collect())
}

/// Subscribes the second of each pair to what the first one will publish.
fn join_pairs(
    clients: Vec<(NativeClient, NativeClient)>,
    payload_bytes: usize,
    interrupt: &Interrupt,
) -> Result<Load, BenchError> {
    let (mut connections, mut lanes) = (Vec::new(), Vec::new());
    for (index, (publisher, mut subscriber)) in clients.into_iter().enumerate() {
        let subject = subject(index);
        subscriber.subscribe(&subject)?;
        connections.push(part_of_load(publisher));
        connections.push(part_of_load(subscriber));
        let frame = publish_template(number(index), payload_bytes, Publishing::to(&subject))?;
        lanes.push(Lane::new(frame, 2 * index, 2 * index + 1, Then::Done { restart: index }));
    }
    Load::new(connections, lanes, interrupt.clone())
}

fn open_fan_out(
    address: &ListenAddress,
    publishers: usize,
    subscribers: usize,
    payload_bytes: usize,
    interrupt: &Interrupt,
) -> Result<Load, BenchError> {
    let (mut connections, mut lanes) = (Vec::new(), Vec::new());
    let subject = subject(0);
    for index in 0..publishers {
        connections.push(part_of_load(NativeClient::open(address, payload_bytes)?));
        let frame = publish_template(number(index), payload_bytes, Publishing::to(&subject))?;
        let receivers = publishers..publishers + subscribers;
        lanes.push(Lane::to_all(frame, index, receivers, Then::Done { restart: index }));
    }
    for _ in 0..subscribers {
        let mut client = NativeClient::open(address, payload_bytes)?;
        client.subscribe(&subject)?;
        connections.push(part_of_load(client));
    }
    Load::new(connections, lanes, interrupt.clone())
}

fn open_request_reply(
    address: &ListenAddress,
    payload_bytes: usize,
    interrupt: &Interrupt,
) -> Result<Load, BenchError> {
    let requester = NativeClient::open(address, payload_bytes)?;
    let responder = NativeClient::open(address, payload_bytes)?;
    join_request_reply(requester, responder, payload_bytes, interrupt)
}

fn join_request_reply(
    mut requester: NativeClient,
    mut responder: NativeClient,
    payload_bytes: usize,
    interrupt: &Interrupt,
) -> Result<Load, BenchError> {
    requester.subscribe(REPLY_SUBJECT)?;
    responder.subscribe(REQUEST_SUBJECT)?;
    let request = Publishing {
        subject: REQUEST_SUBJECT,
        reply: REPLY_SUBJECT,
        flags: PublishFlags::REQUEST,
        correlation: REQUEST_CORRELATION,
    };
    let reply = Publishing::to(REPLY_SUBJECT);
    let lanes = vec![
        Lane::new(publish_template(0, payload_bytes, request)?, 0, 1, Then::Relay { lane: 1 }),
        Lane::new(publish_template(1, payload_bytes, reply)?, 1, 0, Then::Done { restart: 0 }),
    ];
    let connections = vec![part_of_load(requester), part_of_load(responder)];
    Load::new(connections, lanes, interrupt.clone())
}
