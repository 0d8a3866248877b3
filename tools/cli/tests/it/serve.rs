//! The broker as a process: where it listens, and how it ends.

use coilgun_protocol::elbus::{GREETING, Operation, Qos};

use crate::elbus_peer::{ElbusPeer, Told, handshake};
use crate::process::{Broker, Running, coilgun, folder};

#[test]
fn a_broker_says_where_it_listens_and_ends_well_on_sigterm() {
    let mut broker = Broker::start(&[]);
    assert_eq!(broker.unix, "unix:data/coilgun.sock");
    let socket = broker.folder.path().join("data/coilgun.sock");
    assert!(socket.exists());
    broker.signal(libc::SIGTERM);
    broker.wait_for("coilgun: saying good-bye");
    let (ended, _folder) = broker.end();
    assert_eq!(ended.status, 0, "{}", ended.stderr);
    assert!(ended.stdout.is_empty());
    assert!(!socket.exists(), "the socket's file goes with the broker");
}

#[test]
fn clients_are_told_that_the_broker_shuts_down() {
    let broker = Broker::start(&[]);
    let client = broker.start_client(&["sub", "news", "--json"]);
    broker.signal(libc::SIGINT);
    let told = client.end();
    assert_eq!(told.status, 1);
    assert!(told.stderr.contains("\"name\":\"shutting_down\""), "{}", told.stderr);
    let (ended, _folder) = broker.end();
    assert_eq!(ended.status, 0, "{}", ended.stderr);
}

#[test]
fn a_second_signal_ends_at_once() {
    for (second, status) in [(libc::SIGTERM, 143), (libc::SIGINT, 130)] {
        // It would wait ten minutes for a client that does not leave.
        let mut broker = Broker::start(&["--drain-ms", "600000"]);
        let address = broker.tcp.clone();
        let mut holding = std::net::TcpStream::connect(address).expect("it listens");
        let mut hello = coilgun_protocol::native::Preface::OURS.encode().to_vec();
        coilgun_protocol::native::Hello::default().encode(&mut hello).expect("it is short");
        std::io::Write::write_all(&mut holding, &hello).expect("it reads");
        let mut answer = [0; 16];
        std::io::Read::read_exact(&mut holding, &mut answer).expect("it lets the client in");
        broker.signal(libc::SIGTERM);
        broker.wait_for("coilgun: saying good-bye");
        broker.signal(second);
        let (ended, _folder) = broker.end();
        assert_eq!(ended.status, status, "{}", ended.stderr);
    }
}

#[test]
fn an_address_in_use_names_its_flag() {
    let broker = Broker::start(&[]);
    let folder = folder();
    let mut command = coilgun(&["serve", "--listen", &broker.tcp, "--data", "data"]);
    let second = Running::start({
        command.current_dir(folder.path());
        command
    });
    let ended = second.end();
    assert_eq!(ended.status, 1);
    assert!(ended.stderr.contains(&broker.tcp), "{}", ended.stderr);
    assert!(ended.stderr.contains("--listen ADDRESS"), "{}", ended.stderr);
    broker.stop();
}

#[test]
fn a_data_directory_belongs_to_one_broker() {
    let broker = Broker::start(&[]);
    let mut command =
        coilgun(&["serve", "--listen", "127.0.0.1:0", "--unix", "none", "--data", "data"]);
    command.current_dir(broker.folder.path());
    let ended = Running::start(command).end();
    assert_eq!(ended.status, 1);
    assert!(ended.stderr.contains("--data DIRECTORY"), "{}", ended.stderr);
    broker.stop();
}

/// The processors on which the thread of a broker's first shard may run.
fn processors_of_the_shard(broker: &Broker) -> String {
    let tasks = std::fs::read_dir(format!("/proc/{}/task", broker.id())).expect("it runs");
    let shard = tasks.map(|task| task.expect("it runs").path()).find(|task| {
        std::fs::read_to_string(task.join("comm")).is_ok_and(|name| name == "coilgun-shard-0\n")
    });
    let status = shard.expect("the shard has a thread of its name").join("status");
    let status = std::fs::read_to_string(status).expect("it runs");
    let list = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"));
    list.expect("the kernel says it").trim().to_owned()
}

#[test]
fn s36_a_shard_is_bound_to_a_processor_only_if_that_is_asked_for() {
    let own = std::fs::read_to_string("/proc/self/status").expect("this is Linux");
    let own = own.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"));
    let own = own.expect("the kernel says it").trim();
    let free = Broker::start(&[]);
    assert_eq!(processors_of_the_shard(&free), own);
    free.stop();
    let bound = Broker::start(&["--pin", "--shards", "1"]);
    let first: String = own.chars().take_while(char::is_ascii_digit).collect();
    assert_eq!(processors_of_the_shard(&bound), first);
    bound.stop();
}

#[test]
fn a_hangup_has_the_clients_of_elbus_read_again() {
    let folder = folder();
    let write = |text: &str| {
        std::fs::write(folder.path().join("c.toml"), text).expect("the folder is writable");
    };
    write("[[elbus_client]]\nname = \"a\"\npublish = { allow = [\"x/#\"] }\n");
    let mut command = coilgun(&["serve", "--config", "c.toml", "--listen", "127.0.0.1:0"]);
    command.args(["--data", "data", "--shards", "2"]).current_dir(folder.path());
    let mut broker = Running::start(command);
    broker.wait_for("coilgun: listening on data/elbus.sock (elbus)");
    let connect = || ElbusPeer::connect_to(&folder.path().join("data/elbus.sock"));
    let mut a = connect().introduced(b"a");
    a.say(1, Operation::Publish, Qos::PROCESSED, &[b"y", b""]);
    assert_eq!(a.next(), Told::Ack { op_id: 1, code: 0x79 });
    let mut b = connect();
    b.write(&handshake(b"b"));
    assert_eq!(b.raw_rest(), [&GREETING[..], &[1, 0x79]].concat());
    write("[[elbus_client]]\nname = \"a%%b\"\n");
    broker.signal(libc::SIGHUP);
    let why = broker.wait_for("coilgun: the configuration stays as it was: ");
    assert_eq!(why, "elbus_client \"a%%b\": name: no primary client is called so");
    a.goes_on("nothing has changed");
    write("[[elbus_client]]\nname = \"b\"\n");
    broker.signal(libc::SIGHUP);
    broker.wait_for("coilgun: read the configuration again: 1 elbus_client entries");
    assert_eq!(a.next(), Told::End);
    connect().introduced(b"b").goes_on("it is listed now");
    broker.signal(libc::SIGTERM);
    assert_eq!(broker.end().status, 0);
}
