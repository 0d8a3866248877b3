//! The client for programs of elbus: every operation, over a socket and over memory.

use coilgun_client::elbus::{
    Client, Config, Confirm, Error, ErrorKind, EventChannel, FrameKind, QoS,
};
use coilgun_client::{Publication, SubscribeOptions};

use crate::real_broker::RealBroker;
use crate::runtime::run;

/// Both ways to a broker, one of them for each of two clients.
fn ways(broker: &RealBroker, name: &str) -> [Config; 2] {
    [
        Config::new(&broker.elbus_socket(), &format!("{name}.unix")),
        Config::in_process(broker.elbus_connector(), &format!("{name}.memory")),
    ]
}

async fn open(config: &Config) -> (Client, EventChannel) {
    let client = Client::connect(config).await.expect("it is let in");
    let frames = client.take_event_channel().expect("it was not taken");
    assert!(client.take_event_channel().is_none(), "there is one");
    (client, frames)
}

async fn done(confirm: Result<Confirm, Error>) {
    confirm.expect("the connection stands").await.expect("it is done");
}

/// The next message that is not about the broker.
async fn next(frames: &mut EventChannel) -> (FrameKind, String, Option<String>, Vec<u8>) {
    // Ends with a message.
    loop {
        let frame = frames.recv().await.expect("the connection stands");
        if frame.topic().is_none_or(|topic| !topic.starts_with(".broker/")) {
            let topic = frame.topic().map(str::to_owned);
            return (frame.kind(), frame.sender().to_owned(), topic, frame.into_payload());
        }
    }
}

#[test]
fn every_operation_over_a_socket_and_over_memory() {
    run(async {
        let broker = RealBroker::start();
        for [a, b] in [ways(&broker, "x"), {
            let mut y = ways(&broker, "y");
            y.reverse();
            y
        }] {
            let (a, _frames) = open(&a).await;
            let (b, mut frames) = open(&b).await;
            let (from, to) = (a.name().to_owned(), b.name().to_owned());
            let message =
                |payload: &[u8]| (FrameKind::Message, from.clone(), None, payload.to_vec());
            done(a.send(&to, b"one", QoS::Processed).await).await;
            assert_eq!(next(&mut frames).await, message(b"one"));
            done(a.send(&to, b"two", QoS::No).await).await;
            done(a.send(&to, b"", QoS::RealtimeProcessed).await).await;
            assert_eq!(next(&mut frames).await, message(b"two"));
            assert_eq!(next(&mut frames).await, message(b""));
            let large = vec![b'l'; 700_000];
            done(a.send(&to, &large, QoS::Processed).await).await;
            assert_eq!(next(&mut frames).await, message(&large));
            let nobody = a.send("nobody", b"x", QoS::Processed).await.expect("it is written");
            assert_eq!(nobody.await.map_err(|it| it.kind()), Err(ErrorKind::NotRegistered));
            let mask = format!("{}.*", &to[..1]);
            done(a.send_broadcast(&mask, b"all", QoS::Processed).await).await;
            let broadcast = (FrameKind::Broadcast, from.clone(), None, b"all".to_vec());
            assert_eq!(next(&mut frames).await, broadcast);
            topics(&a, &b, &mut frames).await;
            let secondary = a.register_secondary().await.expect("it is let in");
            let refused = secondary.register_secondary().await.map(drop);
            assert_eq!(refused.map_err(|it| it.kind()), Err(ErrorKind::NotSupported));
            done(secondary.send(&to, b"too", QoS::Processed).await).await;
            assert_eq!(next(&mut frames).await.1, format!("{from}%%0"));
        }
    });
}

async fn topics(a: &Client, b: &Client, frames: &mut EventChannel) {
    let publication = |topic: &str, payload: &[u8]| {
        let topic = Some(topic.to_owned());
        (FrameKind::Publish, a.name().to_owned(), topic, payload.to_vec())
    };
    done(b.exclude("t/no/#", QoS::Processed).await).await;
    done(b.subscribe_bulk(&["t/#", "s/+"], QoS::Processed).await).await;
    for topic in ["t/a", "t/no/a", "s/a", "s/a/b"] {
        done(a.publish(topic, topic.as_bytes(), QoS::Processed).await).await;
    }
    assert_eq!(next(frames).await, publication("t/a", b"t/a"));
    assert_eq!(next(frames).await, publication("s/a", b"s/a"));
    done(b.unexclude("t/no/#", QoS::Processed).await).await;
    done(b.unsubscribe("s/+", QoS::Processed).await).await;
    done(a.publish("s/a", b"late", QoS::Processed).await).await;
    done(a.publish_for("t/no/b", "another", b"x", QoS::Processed).await).await;
    done(a.publish_for("t/no/b", b.name(), b"y", QoS::Processed).await).await;
    assert_eq!(next(frames).await, publication("t/no/b", b"y"));
}

#[test]
fn native_clients_are_reached_and_reach() {
    run(async {
        let broker = RealBroker::start();
        let mut options = broker.options();
        options.name = "native".to_owned();
        let native = coilgun_client::Client::connect(options).await.expect("it is let in");
        let mut named = native.named().expect("it has a name");
        let mut subscriber =
            native.subscribe("t.>", &SubscribeOptions::default()).await.expect("it is a filter");
        let [config, _] = ways(&broker, "b");
        let (bus, mut frames) = open(&config).await;
        done(bus.subscribe("r/+", QoS::Processed).await).await;
        done(bus.publish("t/1", b"up", QoS::Processed).await).await;
        done(bus.send("native", b"by name", QoS::Processed).await).await;
        let message = subscriber.next().await.expect("it goes on");
        assert_eq!((message.subject(), message.payload()), (&b"t.1"[..], &b"up"[..]));
        let message = named.next().await.expect("it goes on");
        assert_eq!((message.sender(), message.payload()), (Some(&b"b.unix"[..]), &b"by name"[..]));
        native.publish(&Publication::to("r.7").with_payload(b"down")).await.expect("it is sent");
        let heard = next(&mut frames).await;
        assert_eq!(
            heard,
            (FrameKind::Publish, "native".into(), Some("r/7".into()), b"down".into())
        );
    });
}

#[test]
fn who_takes_messages_late_holds_back_who_sends_them() {
    run(async {
        let broker = RealBroker::start();
        let [a, b] = ways(&broker, "s");
        let (a, _frames) = open(&a).await;
        let (b, mut frames) = open(&b.queue_size(4)).await;
        let count = 50_000u32;
        let to = b.name().to_owned();
        let sender = tokio::spawn(async move {
            for number in 0..count {
                done(a.send(&to, &number.to_le_bytes(), QoS::No).await).await;
            }
            // Behind all of them.
            done(a.subscribe("end", QoS::Processed).await).await;
        });
        for number in 0..count {
            assert_eq!(next(&mut frames).await.3, number.to_le_bytes());
        }
        sender.await.expect("nothing is refused");
    });
}

#[test]
fn what_was_said_before_the_end_arrives() {
    run(async {
        let broker = RealBroker::start();
        let [a, b] = ways(&broker, "e");
        let (_b, mut frames) = open(&b).await;
        let (a, _frames) = open(&a).await;
        for number in 0..1_000u32 {
            done(a.send("e.memory", &number.to_le_bytes(), QoS::No).await).await;
        }
        drop(a);
        for number in 0..1_000u32 {
            assert_eq!(next(&mut frames).await.3, number.to_le_bytes());
        }
    });
}
