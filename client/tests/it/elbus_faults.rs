//! The client for programs of elbus against refusals and servers that misbehave.

use std::time::Duration;

use coilgun_client::elbus::{Client, Config, Error, ErrorKind, QoS};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::real_broker::RealBroker;
use crate::runtime::run;

/// What connecting fails with at a server that says these bytes at once, and then, if it is told to, goes.
async fn refused_by(bytes: &'static [u8], goes: bool) -> ErrorKind {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
    let address = listener.local_addr().expect("it is bound").to_string();
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("somebody connects");
        stream.write_all(bytes).await.expect("it is written");
        (!goes).then_some(stream)
    });
    let config = Config::new(&address, "a").timeout(Duration::from_millis(200));
    let error = Client::connect(&config).await.map(drop).expect_err("it is refused");
    server.await.expect("it serves");
    error.kind()
}

#[test]
fn handshakes_fail_with_what_the_server_says() {
    run(async {
        assert_eq!(refused_by(b"", false).await, ErrorKind::Timeout);
        assert_eq!(refused_by(b"", true).await, ErrorKind::Eof);
        assert_eq!(refused_by(b"SSH-2.0", false).await, ErrorKind::NotSupported);
        assert_eq!(refused_by(b"\xeb\x01\x00\x75", false).await, ErrorKind::NotSupported);
        assert_eq!(refused_by(b"\xeb\x01\x00\x01\x79", false).await, ErrorKind::Access);
        assert_eq!(refused_by(b"\xeb\x01\x00\x01\x72", false).await, ErrorKind::Data);
        let nobody = Config::new("127.0.0.1:1", "a");
        assert_eq!(
            Client::connect(&nobody).await.map(drop).map_err(|it| it.kind()),
            Err(ErrorKind::Io)
        );
        let broker = RealBroker::start();
        let config = Config::new(&broker.elbus_socket(), "a");
        let _first = Client::connect(&config).await.expect("it is let in");
        let second = Client::connect(&config).await.map(drop);
        assert_eq!(second.map_err(|it| it.kind()), Err(ErrorKind::Busy));
    });
}

/// A server that lets one client in; both ends.
async fn let_in(timeout: Duration) -> (Client, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
    let address = listener.local_addr().expect("it is bound").to_string();
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("somebody connects");
        stream.write_all(b"\xeb\x01\x00\x01\x01").await.expect("it is written");
        let mut handshake = [0; 6];
        stream.read_exact(&mut handshake).await.expect("it shakes hands");
        assert_eq!(handshake, *b"\xeb\x01\x00\x01\x00a");
        stream
    });
    let config = Config::new(&address, "a").timeout(timeout);
    let client = Client::connect(&config).await.expect("it is let in");
    (client, server.await.expect("it serves"))
}

#[test]
fn a_server_that_stops_reading_ends_the_connection_in_time() {
    run(async {
        let (client, _stream) = let_in(Duration::from_millis(200)).await;
        let payload = vec![0; 100_000];
        // Ends because nobody reads.
        let error: Error = loop {
            if let Err(error) = client.send("b", &payload, QoS::No).await.map(drop) {
                break error;
            }
        };
        assert_eq!(error.kind(), ErrorKind::Timeout);
        while client.is_connected() {
            tokio::task::yield_now().await;
        }
    });
}

#[test]
fn an_answer_that_does_not_come_is_waited_for_no_longer_than_said() {
    run(async {
        let (client, mut stream) = let_in(Duration::from_millis(100)).await;
        let confirm = client.send("b", b"x", QoS::Processed).await.expect("it is written");
        assert_eq!(confirm.await.map_err(|it| it.kind()), Err(ErrorKind::Timeout));
        // It comes late, for nobody; the connection goes on.
        stream.write_all(b"\xfe\x01\x00\x00\x00\x01").await.expect("it is written");
        let confirm = client.send("b", b"y", QoS::Processed).await.expect("it is written");
        stream.write_all(b"\xfe\x02\x00\x00\x00\x71").await.expect("it is written");
        assert_eq!(confirm.await.map_err(|it| it.kind()), Err(ErrorKind::NotRegistered));
    });
}

#[test]
fn it_gives_signs_of_life_by_itself() {
    run(async {
        let (_client, mut stream) = let_in(Duration::from_millis(40)).await;
        let mut signs = [1; 27];
        stream.read_exact(&mut signs).await.expect("they come");
        assert_eq!(signs, [0; 27]);
    });
}

#[test]
fn nonsense_ends_the_connection_and_everything_that_waits() {
    run(async {
        let (client, mut stream) = let_in(Duration::from_secs(5)).await;
        let mut frames = client.take_event_channel().expect("it was not taken");
        let confirm = client.send("b", b"x", QoS::Processed).await.expect("it is written");
        stream.write_all(&[0x55; 100]).await.expect("it is written");
        assert_eq!(confirm.await.map_err(|it| it.kind()), Err(ErrorKind::Data));
        assert_eq!(frames.recv().await, None);
        assert!(!client.is_connected());
        let refused = client.publish("t", b"", QoS::No).await.map(drop);
        assert_eq!(refused.map_err(|it| it.kind()), Err(ErrorKind::Data));
    });
}
