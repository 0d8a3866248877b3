//! The binary in the place of elbus' and busrt's servers.

use std::fs::{self, OpenOptions};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::{FileTypeExt, PermissionsExt, symlink};
use std::path::Path;
use std::process::{Command, Stdio};

use coilgun_protocol::elbus::{GREETING, Operation, Qos};
use tempfile::TempDir;

use crate::elbus_peer::{ElbusPeer, Told, handshake};
use crate::process::{Ended, Running, coilgun, folder, run};

/// A server in a folder of its own, where its relative paths are.
struct Server {
    process: Running,
    folder: TempDir,
}

impl Server {
    /// Starts one that binds `bus.sock`, and waits until it listens there.
    fn start(arguments: &[&str]) -> Server {
        let folder = folder();
        let mut command = coilgun(&["busrtd", "-B", "bus.sock", "-w", "1"]);
        command.args(arguments).current_dir(folder.path());
        let mut process = Running::start(command);
        process.wait_for("coilgun: listening on bus.sock");
        Server { process, folder }
    }

    fn open(&self, name: &str) -> ElbusPeer {
        connect(&self.folder).introduced(name.as_bytes())
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    /// Ends it in good order.
    fn stop(self) -> (Ended, TempDir) {
        self.process.signal(libc::SIGTERM);
        let ended = self.process.end();
        assert_eq!(ended.status, 0, "{}", ended.stderr);
        (ended, self.folder)
    }
}

fn connect(folder: &TempDir) -> ElbusPeer {
    ElbusPeer::connect_to(&folder.path().join("bus.sock"))
}

fn message(sender: &str, topic: Option<&str>, payload: &[u8]) -> Told {
    Told::Message {
        sender: sender.to_owned(),
        topic: topic.map(str::to_owned),
        payload: payload.to_vec(),
    }
}

/// What stands in a folder.
fn left_in(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("it is there");
    let name = |entry: std::io::Result<fs::DirEntry>| entry.expect("it is read").file_name();
    entries.map(|entry| name(entry).to_string_lossy().into_owned()).collect()
}

#[test]
fn it_serves_at_every_place_it_is_bound_to_and_leaves_none_of_them() {
    let mut server = Server::start(&["-B", "127.0.0.1:0", "-B", "localhost:0", "-P", "its.pid"]);
    for _ in 0..2 {
        let address = server.process.wait_for("coilgun: listening on ");
        let mut stream = TcpStream::connect(&address).expect("it listens");
        stream.write_all(&handshake(b"tcp")).expect("it reads");
        let mut greeting = [0; 5];
        stream.read_exact(&mut greeting).expect("it answers");
        assert_eq!(greeting, *[&GREETING[..], &[1, 1]].concat(), "{address}");
    }
    let mut peer = server.open("a");
    peer.goes_on("a UNIX socket");
    let pid = fs::read_to_string(server.path("its.pid")).expect("it is written");
    assert_eq!(pid, server.process.id().to_string());
    let (_, folder) = server.stop();
    assert_eq!(left_in(folder.path()), [""; 0]);
    // `.broker/warn`, to which everybody is subscribed, and then the end.
    let Told::Message { sender, topic, payload } = peer.next() else { panic!("it is announced") };
    assert_eq!((sender.as_str(), topic.as_deref()), (".broker", Some(".broker/warn")));
    assert!(payload.windows(8).any(|part| part == b"shutdown"), "{}", payload.escape_ascii());
    assert_eq!(peer.next(), Told::End);
}

#[test]
fn its_flags_mean_what_they_say() {
    let server = Server::start(&["--force-register", "-t", "0.5", "--queue-size", "16"]);
    let mut first = server.open("same");
    let mut second = server.open("same");
    assert_eq!(first.next(), Told::End, "the name went to another one");
    second.goes_on("it has the name now");
    // A sign of life every half timeout, and a handshake within it.
    assert_eq!(second.raw(6), [0; 6]);
    let mut silent = connect(&server.folder);
    assert_eq!(silent.raw_rest(), GREETING, "a handshake has half a second");
    server.stop();
    let server = Server::start(&["--idle-timeout", "0.3", "--overflow", "disconnect"]);
    let mut idle = server.open("idle");
    assert_eq!(idle.next(), Told::End, "it gave no sign of life");
    server.stop();
}

#[test]
fn what_is_written_to_a_fifo_is_said_by_the_broker() {
    let server = Server::start(&["-B", "fifo:bus.fifo", "--verbose"]);
    let path = server.path("bus.fifo");
    let there = fs::metadata(&path).expect("it is there");
    assert!(there.file_type().is_fifo());
    assert_eq!(there.permissions().mode() & 0o777, 0o622);
    let mut peer = server.open("x.y");
    peer.say(1, Operation::Subscribe, Qos::PROCESSED, &[b"news/#"]);
    assert_eq!(peer.next(), Told::Ack { op_id: 1, code: 1 });
    let write = |lines: &[u8]| {
        let mut fifo = OpenOptions::new().write(true).open(&path).expect("anybody may write");
        fifo.write_all(lines).expect("it reads");
    };
    write(b"x.y hello world\nx.* all\n=news/today sun\n");
    assert_eq!(peer.next(), message(".broker", None, b"hello"));
    assert_eq!(peer.next(), message(".broker", None, b"all"));
    assert_eq!(peer.next(), message(".broker", Some("news/today"), b"sun"));
    // What says nothing, what nobody hears, and a flood without an end: it goes on behind them.
    write(b"nothing\n\nnobody.here x\nx.y :m bad\n\xff\xfe x\n");
    write(&vec![b'z'; 200_000]);
    write(b"\nx.y .note\nx.y :act n=3 on=true\n");
    assert_eq!(peer.next(), message(".broker", None, b"\0note"));
    let call = b"\x01\0\0\0\0act\0\x82\xa1n\x03\xa2on\xc3";
    assert_eq!(peer.next(), message(".broker", None, call));
    let (ended, folder) = server.stop();
    assert_eq!(left_in(folder.path()), [""; 0]);
    for complaint in [
        "bus.fifo: it needs a target or =TOPIC, a space, and a message: nothing",
        "bus.fifo: \"bad\" is no KEY=VALUE: x.y :m bad",
        "bus.fifo: it is no UTF-8: \\xff\\xfe x",
        "bus.fifo: a line of more than 65536 bytes",
    ] {
        assert!(ended.stderr.contains(complaint), "{complaint}: {}", ended.stderr);
    }
}

#[test]
fn more_lines_than_wait_at_a_time_are_all_said_in_order() {
    let server = Server::start(&["-B", "fifo:bus.fifo"]);
    let mut peer = server.open("x");
    let mut fifo = OpenOptions::new().write(true).open(server.path("bus.fifo")).expect("a pipe");
    let lines: String = (0..20_000).map(|number| format!("x {number}\n")).collect();
    let writer = std::thread::spawn(move || fifo.write_all(lines.as_bytes()));
    for number in 0..20_000 {
        assert_eq!(peer.next(), message(".broker", None, number.to_string().as_bytes()));
    }
    writer.join().expect("it writes").expect("it is read");
    server.stop();
}

#[test]
fn websockets_are_taken_where_it_is_told_to() {
    let mut server = Server::start(&["-B", "ws://127.0.0.1:0"]);
    let address = server.process.wait_for("coilgun: listening on ws://");
    let mut stream = TcpStream::connect(&address).expect("it listens");
    let request = "GET / HTTP/1.1\r\nHost: bus\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                   Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    stream.write_all(request.as_bytes()).expect("it reads");
    // The greeting of elbus comes in the first binary message behind the answer.
    let (mut seen, greeting) = (Vec::new(), [&[0x82, 3][..], &GREETING].concat());
    while !seen.ends_with(&greeting) {
        let mut byte = [0];
        stream.read_exact(&mut byte).expect("it answers");
        seen.push(byte[0]);
    }
    let text = String::from_utf8_lossy(&seen).into_owned();
    assert!(text.starts_with("HTTP/1.1 101 "), "{text}");
    // The example of RFC 6455.
    assert!(
        text.to_lowercase().contains("sec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo="),
        "{text}"
    );
    server.stop();
}

/// A link to the binary under another name.
fn alias(folder: &TempDir, name: &str) -> Command {
    let path = folder.path().join(name);
    symlink(env!("CARGO_BIN_EXE_coilgun"), &path).expect("the folder is writable");
    let mut command = Command::new(path);
    command.env_clear().env("DISABLE_SYSLOG", "1").current_dir(folder.path()).stdin(Stdio::null());
    command
}

#[test]
fn under_the_names_of_their_servers_it_takes_their_flags() {
    for name in ["busrtd", "elbusd"] {
        let folder = folder();
        let mut command = alias(&folder, name);
        let flags = "-B bus.sock --bind=127.0.0.1:0 -w 64 -t 1.5 --buf-size 8192 --buf-ttl 10 \
                     --queue-size 100 --verbose";
        command.args(flags.split_whitespace());
        let mut process = Running::start(command);
        process.wait_for("coilgun: listening on bus.sock");
        connect(&folder).introduced(b"a").goes_on(name);
        process.signal(libc::SIGINT);
        assert_eq!(process.end().status, 0);
        assert_eq!(left_in(folder.path()), [name]);
    }
}

#[test]
fn in_the_background_it_is_there_when_the_command_returns() {
    let folder = folder();
    let mut command = alias(&folder, "busrtd");
    command.args(["-B", "bus.sock", "-D", "-P", "its.pid", "-w", "1"]);
    let output = command.output().expect("the binary runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut peer = connect(&folder).introduced(b"a");
    peer.goes_on("in the background");
    let pid = fs::read_to_string(folder.path().join("its.pid")).expect("it is written");
    let pid: libc::pid_t = pid.parse().expect("a number");
    // SAFETY: both take numbers. The process serves the connection above, so that the number is its own.
    unsafe {
        assert_eq!(libc::getsid(pid), libc::getpgid(pid), "it has a session of its own");
        assert_eq!(libc::kill(pid, libc::SIGTERM), 0);
    }
    // The connection is the last thing a broker lets go of before its files.
    while peer.next() != Told::End {}
    until(|| left_in(folder.path()) == ["busrtd"]);
}

/// Waits for what another process does on its own.
fn until(is_so: impl Fn() -> bool) {
    let begin = std::time::Instant::now();
    while !is_so() {
        assert!(begin.elapsed().as_secs() < 20, "it never is so");
        std::thread::yield_now();
    }
}

#[test]
fn in_the_background_it_cannot_fail_unheard() {
    let folder = folder();
    fs::write(folder.path().join("bus.sock"), b"mine").expect("the folder is writable");
    for flags in [["-B", "bus.sock"], ["-B", "fifo:x"], ["-B", "/no/such/folder/x"]] {
        let mut command = coilgun(&["busrtd", "-D"]);
        let output = command.args(flags).current_dir(folder.path()).output().expect("it runs");
        assert!(!output.status.success());
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(text.starts_with("coilgun: "), "{flags:?}: {text}");
    }
    assert_eq!(left_in(folder.path()), ["bus.sock"], "what is not its own is left as it is");
}

#[test]
fn what_cannot_be_is_said_at_once() {
    assert_eq!(run(&["busrtd"]).status, 2, "-B is required");
    for bind in ["bus", "fifo:", "1.2.3.4:host", "no.such.host.invalid:1"] {
        let ended = run(&["busrtd", "-B", bind]);
        assert_eq!(ended.status, 2, "{bind}: {}", ended.stderr);
    }
    for flags in [["-w", "0"], ["-t", "0"], ["--queue-size", "0"], ["--buf-ttl", "100001"]] {
        let ended = run(&[&["busrtd", "-B", "x.sock"], &flags[..]].concat());
        assert_eq!(ended.status, 2, "{flags:?}: {}", ended.stderr);
    }
    let folder = folder();
    fs::write(folder.path().join("x"), b"mine").expect("the folder is writable");
    let mut command = coilgun(&["busrtd", "-B", "a.sock", "-B", "fifo:x"]);
    let ended = Running::start({
        command.current_dir(folder.path());
        command
    })
    .end();
    assert_eq!(ended.status, 1);
    assert!(ended.stderr.contains("cannot make the fifo x: something else is there"));
    let mut command = coilgun(&["busrtd", "-B", "a.sock", "-P", "no/such/folder"]);
    let ended = Running::start({
        command.current_dir(folder.path());
        command
    })
    .end();
    assert_eq!(ended.status, 1);
    assert!(ended.stderr.contains("cannot write "), "{}", ended.stderr);
    assert_eq!(left_in(folder.path()), ["x"]);
}
