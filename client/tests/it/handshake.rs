//! Connecting, being let in or not, and the good end.

use std::net::TcpListener;
use std::time::Duration;

use coilgun_client::blocking::Client;
use coilgun_client::{Address, ClientError, Options};
use coilgun_protocol::model::{ClientId, ErrorCode};
use coilgun_protocol::native::NativeConfig;

use crate::fake_broker::{FakeBroker, echo};

#[test]
fn a_client_learns_who_the_broker_is() {
    let (broker, client) = FakeBroker::with_client();
    let server = client.server();
    assert!(server.software.starts_with("coilgun/"), "{}", server.software);
    assert_eq!(server.client, ClientId { slot: 6, generation: 1 });
    assert_eq!(server.payload_bytes_max, 1024 * 1024);
    client.close().expect("the broker ends the connection");
    broker.join();
}

#[test]
fn a_unix_socket_is_as_good_as_tcp() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("broker.sock");
    let broker = FakeBroker::unix(&path, |stream| echo(stream, NativeConfig::default()));
    let mut client = Client::connect(Options::new(broker.address.clone())).expect("let in");
    client.flush().expect("the broker answers");
    client.close().expect("the broker ends the connection");
    broker.join();
}

#[test]
fn nobody_there_is_said_with_the_address() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = listener.local_addr().expect("it is bound").to_string();
    drop(listener);
    let error = Client::connect(Options::new(Address::Tcp(address.clone())))
        .expect_err("nobody listens there");
    assert!(error.to_string().contains(&address), "{error}");
    assert!(error.help().contains("coilgun serve"), "{}", error.help());
    let error = Client::connect(Options::new(Address::Unix("/nowhere/at.all".into())))
        .expect_err("there is no such path");
    assert!(matches!(error, ClientError::Connect { .. }), "{error}");
}

#[test]
fn a_refusal_carries_the_brokers_words() {
    let broker = FakeBroker::tcp(|stream| echo(stream, NativeConfig::default()));
    let options = Options::new(broker.address.clone()).with_credentials("eve", b"hush");
    let error = Client::connect(options).expect_err("this broker takes no credentials");
    assert_eq!(error.code(), Some(ErrorCode::CredentialsNotAccepted));
    assert!(error.is_fatal());
    assert!(error.help().starts_with("Connect without credentials"), "{}", error.help());
    broker.join();
}

#[test]
fn a_broker_that_says_nothing_is_not_waited_for_for_ever() {
    let (hold, held) = std::sync::mpsc::channel::<()>();
    let broker = FakeBroker::tcp(move |stream| {
        // Ends when the test drops its half.
        held.recv().expect_err("nothing is ever sent");
        drop(stream);
    });
    let options =
        Options::new(broker.address.clone()).with_connect_timeout(Duration::from_millis(30));
    let error = Client::connect(options).expect_err("there is no answer");
    assert!(error.to_string().ends_with("within 0.03 s"), "{error}");
    drop(hold);
    broker.join();
}
