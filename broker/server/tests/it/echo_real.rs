//! The network on the real kernel, driven inside glommio, over TCP and UNIX.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;

use coilgun_server::echo::Echo;
use coilgun_server::env::{LinuxEnv, Turn, Waker, Work, run};
use coilgun_server::net::{ListenAddress, Listener};
use coilgun_server::setup::{MemoryPlan, build_network};
use glommio::{LocalExecutorBuilder, Placement};

/// An echo that ends once it has served a number of connections.
struct Until {
    echo: Echo<LinuxEnv>,
    connections: u64,
}

impl Turn for Until {
    fn now(&mut self) -> coilgun_protocol::model::Timestamp {
        self.echo.now()
    }

    fn turn(&mut self, now: coilgun_protocol::model::Timestamp) -> std::io::Result<Work> {
        let work = self.echo.turn(now)?;
        let net = self.echo.net();
        let done = net.counters().accepted == self.connections && net.socket_count() == 0;
        Ok(if done { Work::Done } else { work })
    }

    fn nap(&mut self, ns: u64) -> std::io::Result<bool> {
        self.echo.nap(ns)
    }

    fn prepare_park(&mut self) -> std::io::Result<bool> {
        self.echo.prepare_park()
    }

    fn end_park(&mut self) {
        self.echo.end_park();
    }
}

/// Starts an echo server for a number of connections; returns where it listens, and its thread.
fn start(address: ListenAddress, connections: u64) -> (ListenAddress, impl FnOnce()) {
    let listener = Listener::bind(&address).expect("the address is free");
    let bound = listener.address().clone();
    let thread = LocalExecutorBuilder::new(Placement::Unbound)
        .spawn(move || async move {
            let waker = Waker::new().expect("there are descriptors");
            let mut env = LinuxEnv::new(waker.clone());
            let plan = MemoryPlan { receive_blocks: 16, ..MemoryPlan::default() };
            let mut net = build_network(&mut env, &plan).expect("the kernel gives a ring");
            net.listen(listener.descriptor(), listener.kind());
            let mut until = Until { echo: Echo::new(env, net, 1 << 20), connections };
            run(&mut until, &waker, 0).await.expect("the ring works");
        })
        .expect("an executor starts");
    (bound, move || thread.join().expect("the echo ends in good order"))
}

fn exchange(mut stream: impl Read + Write + Send, mut reader: impl Read + Send, bytes: usize) {
    let sent: Vec<u8> = (0..bytes).map(|at| (at * 7 + at / 251) as u8).collect();
    let mut received = vec![0; bytes];
    std::thread::scope(|scope| {
        scope.spawn(|| stream.write_all(&sent).expect("the echo reads"));
        reader.read_exact(&mut received).expect("the echo writes");
    });
    assert!(received == sent, "bytes changed on the way");
}

#[test]
fn bytes_come_back_over_tcp() {
    let any: SocketAddr = "127.0.0.1:0".parse().expect("an address");
    let (bound, join) = start(ListenAddress::Tcp(any), 3);
    let ListenAddress::Tcp(address) = bound else { panic!("it listens on TCP") };
    for bytes in [1, 70_000, 20_000_000] {
        let stream = TcpStream::connect(address).expect("the echo accepts");
        let reader = stream.try_clone().expect("there are descriptors");
        exchange(stream, reader, bytes);
    }
    join();
}

#[test]
fn bytes_come_back_over_unix_and_the_file_goes() {
    let path = PathBuf::from(format!("/tmp/coilgun-echo-{}.sock", std::process::id()));
    let (_, join) = start(ListenAddress::Unix(path.clone()), 2);
    for bytes in [3, 9_000_000] {
        let stream = UnixStream::connect(&path).expect("the echo accepts");
        let reader = stream.try_clone().expect("there are descriptors");
        exchange(stream, reader, bytes);
    }
    join();
    assert!(!path.exists(), "the socket's file is removed");
}
