//! Users of a broker that runs, over TCP and UNIX sockets, on two shards (laws S26, S32).

use std::time::Duration;

use coilgun_client::blocking::Client;
use coilgun_client::{Address, Options, Publication};
use coilgun_protocol::model::ErrorCode;
use coilgun_server::Broker;
use coilgun_server::config::{Config, Guests, Limits, RulesConfig, UserConfig};
use coilgun_server::security::{HashCost, make_hash};

const CHEAP: HashCost = HashCost { memory_kib: 64, iterations: 1 };

fn user(name: &str, secret: &str, namespaces: &[&str]) -> UserConfig {
    UserConfig {
        name: name.to_owned(),
        password_hash: Some(make_hash(secret.as_bytes(), CHEAP).expect("it is cheap")),
        password_hash_file: None,
        namespaces: namespaces.iter().map(|it| (*it).to_owned()).collect(),
        publish: None,
        subscribe: None,
        request: None,
    }
}

struct Running {
    broker: Broker,
    addresses: Vec<Address>,
    _data: tempfile::TempDir,
}

fn start(change: impl FnOnce(&mut Config)) -> Running {
    let data = tempfile::tempdir().expect("there is a temporary directory");
    let rules = |deny: &str| RulesConfig { allow: None, deny: vec![deny.to_owned()] };
    let mut config = Config {
        listen: vec!["127.0.0.1:0".parse().expect("an address")],
        data: data.path().to_owned(),
        shards: 2,
        namespaces: vec!["plant".to_owned()],
        users: vec![
            user("boss", "hush", &["default", "plant"]),
            UserConfig {
                publish: Some(rules("secret.>")),
                subscribe: Some(rules("secret.>")),
                ..user("press", "hush hush", &["plant"])
            },
        ],
        limits: Limits { connections_max: 64, ..Limits::default() },
        ..Config::default()
    };
    change(&mut config);
    let broker = Broker::start(config).expect("the broker starts");
    let addresses = broker.addresses().iter().map(|address| {
        address.to_string().parse().expect("what the broker listens on is an address")
    });
    let addresses = addresses.collect();
    Running { broker, addresses, _data: data }
}

impl Running {
    fn stop(self) {
        self.broker.shutdown_handle().stop();
        self.broker.wait().expect("it ends in good order");
    }
}

fn code(options: Options) -> Option<ErrorCode> {
    match Client::connect(options) {
        Ok(client) => {
            client.close().expect("the broker ends the connection");
            None
        }
        Err(error) => Some(error.code().expect("the broker says why")),
    }
}

#[test]
fn s26_users_are_told_from_others_over_tcp_and_unix() {
    let running = start(|_| {});
    assert_eq!(running.addresses.len(), 2);
    for address in &running.addresses {
        let options = || Options::new(address.clone());
        assert_eq!(code(options()), Some(ErrorCode::AuthenticationRequired));
        for _ in 0..2 {
            assert_eq!(code(options().with_credentials("boss", b"hush")), None);
            let wrong = options().with_credentials("boss", b"hush hush");
            assert_eq!(code(wrong), Some(ErrorCode::WrongCredentials));
        }
        let unknown = options().with_credentials("eve", b"hush");
        assert_eq!(code(unknown), Some(ErrorCode::WrongCredentials));
        let press = || options().with_credentials("press", b"hush hush");
        assert_eq!(code(press()), None);
        let elsewhere = press().with_namespace("default");
        assert_eq!(code(elsewhere), Some(ErrorCode::PermissionDenied));
    }
    running.stop();
}

#[test]
fn s26_guests_are_let_in_where_the_configuration_says_and_into_default_only() {
    let running = start(|config| config.guests = Some(Guests::Loopback));
    for address in &running.addresses {
        assert_eq!(code(Options::new(address.clone())), None);
        let plant = Options::new(address.clone()).with_namespace("plant");
        assert_eq!(code(plant), Some(ErrorCode::AuthenticationRequired));
    }
    running.stop();
    let alone = start(|config| config.users.clear());
    let options = || Options::new(alone.addresses[0].clone());
    assert_eq!(code(options().with_namespace("plant")), None);
    let known = options().with_credentials("boss", b"hush");
    assert_eq!(code(known), Some(ErrorCode::CredentialsNotAccepted));
    alone.stop();
}

#[test]
fn s32_a_wildcard_does_not_see_what_its_user_must_not_see() {
    let running = start(|_| {});
    let connect = |user: &str, secret: &[u8]| {
        let options = Options::new(running.addresses[0].clone()).with_namespace("plant");
        Client::connect(options.with_credentials(user, secret)).expect("it is let in")
    };
    // Four connections, so that both shards have some of either.
    let mut all = [connect("boss", b"hush"), connect("boss", b"hush")];
    let mut presses = [connect("press", b"hush hush"), connect("press", b"hush hush")];
    for client in all.iter_mut().chain(&mut presses) {
        client.subscribe(">", &Default::default()).expect("it may subscribe to some of it");
        client.flush().expect("the broker answers");
    }
    for subject in ["secret.a", "open.a"] {
        let message = Publication::to(subject).with_payload("x");
        assert!(all[0].publish_acked(&message).is_ok());
    }
    let denied = presses[0].publish_acked(&Publication::to("secret.b"));
    assert_eq!(denied.expect_err("it must not").code(), Some(ErrorCode::PermissionDenied));
    let refused = presses[1].subscribe("secret.*", &Default::default());
    assert_eq!(refused.expect_err("it must not").code(), Some(ErrorCode::PermissionDenied));
    let seen = |client: &mut Client| {
        let message = client.next_message(Duration::from_secs(10)).expect("it is connected");
        String::from_utf8_lossy(message.expect("one comes").subject()).into_owned()
    };
    for client in &mut presses {
        assert_eq!(seen(client), "open.a");
    }
    for client in &mut all {
        assert_eq!([seen(client), seen(client)], ["secret.a", "open.a"]);
    }
    drop((all, presses));
    running.stop();
}

#[test]
fn s26_a_storm_of_clients_that_say_the_same_is_checked_once() {
    let running = start(|config| {
        // So costly that each check for itself would take far longer than all clients have.
        let cost = HashCost { memory_kib: 64 * 1024, iterations: 2 };
        config.users[0].password_hash = Some(make_hash(b"hush", cost).expect("it is allowed"));
    });
    let threads: Vec<_> = (0..32)
        .map(|number| {
            let address = running.addresses[number % 2].clone();
            std::thread::spawn(move || {
                code(Options::new(address).with_credentials("boss", b"hush"))
            })
        })
        .collect();
    for thread in threads {
        assert_eq!(thread.join().expect("it does not panic"), None);
    }
    running.stop();
}
