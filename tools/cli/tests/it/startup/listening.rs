//! Places where a broker cannot listen, and what others left there.

use std::fs;
use std::os::fd::AsRawFd;
use std::os::unix::fs::symlink;
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::process::{Running, coilgun, folder};

use super::refused::Refused;
use super::restricted::{CAP_NET_BIND_SERVICE, without_capability};

/// A folder for one test.
struct Folder {
    folder: TempDir,
    open: fs::File,
}

impl Folder {
    fn new() -> Folder {
        let folder = folder();
        let open = fs::File::open(folder.path()).expect("the folder is there");
        Folder { folder, open }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    /// A place in it, under a name that fits the address of a socket however deep the build is.
    fn short(&self, name: &str) -> PathBuf {
        Path::new("/proc/self/fd").join(self.open.as_raw_fd().to_string()).join(name)
    }
}

/// A broker in `folder` that listens on a UNIX socket alone.
fn on_unix(folder: &Path, path: &str) -> Command {
    let mut command = coilgun(&["serve", "--listen", "none", "--unix", path, "--data", "data"]);
    command.args(["--connections-max", "10"]).current_dir(folder);
    command
}

/// A broker in `folder` that listens on TCP alone.
fn on_tcp(folder: &Path, address: &str) -> Command {
    let mut command = coilgun(&["serve", "--listen", address, "--unix", "none", "--data", "data"]);
    command.args(["--connections-max", "10"]).current_dir(folder);
    command
}

/// A broker has to listen there, and to take its socket with it when it ends.
fn starts(folder: &Path, path: &str) {
    let mut broker = Running::start(on_unix(folder, path));
    assert_eq!(broker.wait_for("coilgun: listening on "), path);
    let mut client = coilgun(&["pub", "news", "text"]);
    client.env("COILGUN_SERVER", format!("unix:{path}")).current_dir(folder);
    assert_eq!(Running::start(client).end().status, 0, "it serves there");
    broker.signal(libc::SIGTERM);
    let ended = broker.end();
    assert_eq!(ended.status, 0, "{}", ended.stderr);
    assert!(!folder.join(path).exists(), "the socket goes with the broker");
}

#[test]
fn an_address_of_another_machine_is_refused() {
    let folder = Folder::new();
    // Set apart for documentation: no machine has it.
    let mut command = on_tcp(folder.path(), "192.0.2.1:7700");
    command.arg("--insecure");
    Refused::run(command, 1)
        .says(&["192.0.2.1:7700 is no address of this machine"], &["--listen ADDRESS"]);
}

#[test]
fn a_privileged_port_is_refused_to_whoever_may_not() {
    let first = fs::read_to_string("/proc/sys/net/ipv4/ip_unprivileged_port_start");
    let first: u16 = first.expect("a kernel says it").trim().parse().expect("a number");
    // Where every port is free to all, nothing is refused.
    let Some(port @ 1..) = first.checked_sub(1) else { return };
    let folder = Folder::new();
    let address = format!("127.0.0.1:{port}");
    let mut command = on_tcp(folder.path(), &address);
    without_capability(&mut command, CAP_NET_BIND_SERVICE);
    Refused::run(command, 1)
        .says(&[&address, "privileged port"], &["--listen ADDRESS", "CAP_NET_BIND_SERVICE"]);
}

#[test]
fn what_is_no_socket_is_left_as_it_is() {
    let folder = Folder::new();
    let at = |name: &str| folder.path().join(name);
    fs::write(at("file"), "precious").expect("the folder is writable");
    fs::create_dir(at("directory")).expect("the folder is writable");
    symlink("nowhere", at("link")).expect("the folder is writable");
    for (name, what) in [("file", "a file"), ("directory", "a directory"), ("link", "a symbolic")] {
        Refused::run(on_unix(folder.path(), name), 1)
            .says(&[&format!("{name} is {what}"), "left as it is"], &["--unix PATH"]);
    }
    assert_eq!(fs::read(at("file")).expect("it is there"), b"precious");
    assert!(at("directory").is_dir());
    assert_eq!(fs::read_link(at("link")).expect("it is there"), Path::new("nowhere"));
    assert!(!at("nowhere").exists());
}

#[test]
fn a_datagram_socket_is_left_as_it_is() {
    let folder = Folder::new();
    let path = folder.short("s");
    let socket = UnixDatagram::bind(&path).expect("the folder is writable");
    Refused::run(on_unix(folder.path(), "s"), 1)
        .says(&["s is a socket of another kind", "left as it is"], &["--unix PATH"]);
    let sender = UnixDatagram::unbound().expect("a socket");
    sender.send_to(b"here", &path).expect("it is still there");
    assert_eq!(socket.recv(&mut [0; 8]).expect("it came"), 4);
}

#[test]
fn a_socket_where_somebody_listens_is_in_use() {
    let folder = Folder::new();
    let path = folder.short("s");
    let listener = UnixListener::bind(&path).expect("the folder is writable");
    Refused::run(on_unix(folder.path(), "s"), 1)
        .says(&["s is in use by another process"], &["--unix PATH"]);
    listener.accept().expect("the broker has looked");
    UnixStream::connect(&path).expect("it still listens");
}

#[test]
fn a_listener_that_accepts_nobody_does_not_hold_the_start_up() {
    let folder = Folder::new();
    let path = folder.short("s");
    let listener = UnixListener::bind(&path).expect("the folder is writable");
    // SAFETY: listen takes a descriptor and a number, and may be called again on the same socket.
    assert_eq!(unsafe { libc::listen(listener.as_raw_fd(), 0) }, 0);
    let _waiting = UnixStream::connect(&path).expect("one may wait");
    Refused::run(on_unix(folder.path(), "s"), 1)
        .says(&["s is in use by another process"], &["--unix PATH"]);
    assert!(path.exists());
}

#[test]
fn an_abandoned_socket_is_taken_over() {
    let folder = Folder::new();
    let path = folder.short("s");
    drop(UnixListener::bind(&path).expect("the folder is writable"));
    assert!(path.exists(), "its file is left behind");
    starts(folder.path(), "s");
}

#[test]
fn a_path_has_at_most_107_bytes() {
    let folder = Folder::new();
    starts(folder.path(), &"a".repeat(107));
    let path = "b".repeat(108);
    Refused::run(on_unix(folder.path(), &path), 1)
        .says(&[&path, "has 108 bytes", "at most 107"], &["--unix PATH", "shorter"]);
    assert!(!folder.path().join(path).exists());
}

#[test]
fn a_socket_needs_a_directory() {
    let folder = Folder::new();
    fs::write(folder.path().join("file"), "").expect("the folder is writable");
    for parent in ["missing", "file"] {
        let path = format!("{parent}/s");
        let what = format!("there is no directory {parent} for the socket {path}");
        Refused::run(on_unix(folder.path(), &path), 1).says(&[&what], &["--unix PATH"]);
    }
}
