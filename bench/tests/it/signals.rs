//! What signals do: servers end in good order, and no process stays behind.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use coilgun_bench::peers::child::{ChildProcess, Program, process_descriptor};
use coilgun_bench::traffic::poller::wait_readable;

const BENCH: &str = env!("CARGO_BIN_EXE_coilgun-bench");
const PATIENCE: Duration = Duration::from_secs(20);

/// A run that would take hours, once its servers stand, and descriptors of its children.
fn long_run(folder: &Path) -> (Child, Vec<OwnedFd>) {
    let mut run = Command::new(BENCH)
        .args(["run", "--connect", "127.0.0.1:1", "--only", "echo-rtt", "--cpus", "none"])
        .args(["--rounds", "1000", "--seconds", "0.01"])
        .env("TMPDIR", folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let stderr = run.stderr.as_mut().expect("it is piped");
    let mut line = String::new();
    BufReader::with_capacity(1, stderr).read_line(&mut line).expect("it reports progress");
    assert!(line.starts_with("round 1/1000"), "{line}");
    let pid = run.id();
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"))
        .expect("the system lists children");
    let watched: Vec<OwnedFd> = children
        .split_whitespace()
        .map(|pid| pid.parse().expect("a number"))
        .map(|pid| process_descriptor(pid).expect("the child runs"))
        .collect();
    assert_eq!(watched.len(), 1, "the echo server is its only child");
    (run, watched)
}

fn send_signal(pid: u32, signal: libc::c_int) {
    // SAFETY: a signal to a child that was not waited for, whose number is therefore its own.
    let result = unsafe { libc::kill(pid as libc::pid_t, signal) };
    assert_eq!(result, 0, "a signal can be sent to a child");
}

fn assert_gone(processes: &[OwnedFd]) {
    for process in processes {
        let is_gone = wait_readable(process.as_raw_fd(), PATIENCE).expect("it can be waited for");
        assert!(is_gone, "a server stayed behind");
    }
}

#[test]
fn an_interrupted_run_says_so_and_cleans_up() {
    let folder = tempfile::tempdir().expect("there is room for files");
    let (mut run, children) = long_run(folder.path());
    send_signal(run.id(), libc::SIGINT);
    let mut said = String::new();
    let stderr = run.stderr.as_mut().expect("it is piped");
    stderr.read_to_string(&mut said).expect("it reports the end");
    let status = run.wait().expect("it ends");
    assert_eq!(status.code(), Some(1), "{said}");
    assert!(said.ends_with("coilgun-bench: interrupted\n"), "{said}");
    assert_gone(&children);
    let left = fs::read_dir(folder.path()).expect("the folder is there").count();
    assert_eq!(left, 0, "files stayed behind");
}

#[test]
fn the_servers_of_a_run_that_is_killed_end_with_it() {
    let folder = tempfile::tempdir().expect("there is room for files");
    let (mut run, children) = long_run(folder.path());
    send_signal(run.id(), libc::SIGKILL);
    run.wait().expect("it ends");
    assert_gone(&children);
}

#[test]
fn an_echo_server_ends_in_good_order_while_clients_are_connected() {
    let folder = tempfile::tempdir().expect("there is room for files");
    let program = Program {
        name: "echo server",
        path: PathBuf::from(BENCH),
        arguments: vec!["echo-server".into()],
        cpus: Vec::new(),
    };
    let child = ChildProcess::start(&program, folder.path()).expect("the program starts");
    let address = first_line(&child);
    let mut clients = Vec::new();
    for index in 0..3u8 {
        let mut client = TcpStream::connect(address.as_str()).expect("the echo accepts");
        client.write_all(&[index; 100]).expect("the echo reads");
        let mut back = [0; 100];
        client.read_exact(&mut back).expect("the echo writes");
        assert_eq!(back, [index; 100]);
        clients.push(client);
    }
    child.stop().expect("it ends and says that all is well");
    for mut client in clients {
        assert_eq!(client.read(&mut [0]).expect("the connection is ended, not broken"), 0);
    }
}

/// Waits until a child has written its first line.
fn first_line(child: &ChildProcess) -> String {
    // Ends because the line comes, or the child ends and the test fails.
    loop {
        if let Some((line, _)) = child.output().split_once('\n') {
            return line.to_owned();
        }
        assert!(!child.wait(Duration::from_millis(1)).expect("it can be waited for"), "it ended");
    }
}
