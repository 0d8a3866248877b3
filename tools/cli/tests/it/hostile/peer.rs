//! A client without manners: it sends any bytes, and goes in any way.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::fd::AsRawFd;
use std::time::Duration;

use coilgun_protocol::model::ErrorCode;
use coilgun_protocol::native::{
    Hello, Incoming, PREFACE_BYTES, Preface, ServerFrame, ServerReader,
};

use super::frames;
use crate::process::Broker;

/// How long the broker may be silent when it has to say something: longer than it lingers, waits for
/// a handshake, or lets a slow reader hold others back.
const PATIENCE: Duration = Duration::from_secs(10);

/// A connection of a client without manners.
#[derive(Debug)]
pub(crate) struct Peer {
    stream: TcpStream,
    reader: ServerReader,
    /// What was read and not understood yet.
    input: Vec<u8>,
}

/// What the broker said.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Said {
    Preface,
    Welcome {
        payload_bytes_max: u32,
    },
    Deliver {
        payload: Vec<u8>,
        missed: u32,
    },
    Outcome {
        correlation: u64,
        code: u16,
        receivers: u32,
    },
    Notice {
        code: u16,
        count: u64,
    },
    Error {
        code: u16,
    },
    GoAway {
        code: u16,
        drain_ms: u32,
    },
    Ping {
        token: u64,
    },
    Pong {
        token: u64,
    },
    /// It closed its side.
    End,
    /// It cut the connection off.
    Reset,
}

impl Said {
    /// Whether nothing more will be said.
    pub(crate) fn is_the_end(&self) -> bool {
        matches!(self, Said::End | Said::Reset)
    }
}

impl Peer {
    /// Connects over TCP and says nothing.
    pub(crate) fn connect(broker: &Broker) -> Peer {
        Peer::over(TcpStream::connect(&broker.tcp).expect("it listens"))
    }

    /// Connects and is let in, with every feature.
    pub(crate) fn open(broker: &Broker) -> Peer {
        let mut peer = Peer::connect(broker);
        peer.write(&frames::handshake());
        assert_eq!(peer.next(), Said::Preface);
        assert!(matches!(peer.next(), Said::Welcome { .. }), "it is let in");
        peer
    }

    fn over(stream: TcpStream) -> Peer {
        stream.set_read_timeout(Some(PATIENCE)).expect("a time limit above 0");
        stream.set_write_timeout(Some(PATIENCE)).expect("a time limit above 0");
        stream.set_nodelay(true).expect("it is TCP");
        Peer { stream, reader: ServerReader::default(), input: Vec::new() }
    }

    /// Connects and is let in with this HELLO.
    pub(crate) fn open_as(broker: &Broker, hello: Hello<'_>) -> Peer {
        let mut peer = Peer::connect(broker);
        peer.write(&frames::handshake_of(hello));
        assert_eq!(peer.next(), Said::Preface);
        assert!(matches!(peer.next(), Said::Welcome { .. }), "it is let in");
        peer
    }

    /// Subscribes, which succeeds.
    pub(crate) fn subscribe(&mut self, filter: &str) {
        self.write(&frames::subscribe(1, filter, b""));
        assert_eq!(self.next(), Said::Outcome { correlation: 8, code: 0, receivers: 0 });
    }

    /// Sends bytes; the broker may have closed already, which the next thing it says tells.
    pub(crate) fn write(&mut self, bytes: &[u8]) {
        match self.stream.write_all(bytes) {
            Ok(()) => {}
            Err(error) if is_closed(error.kind()) => {}
            Err(error) => panic!("the broker does not read: {error}"),
        }
    }

    /// The next thing the broker says.
    pub(crate) fn next(&mut self) -> Said {
        // Ends because every turn reads bytes, was broken off by a signal, or returns.
        loop {
            if let Some(said) = self.understood() {
                return said;
            }
            let mut bytes = [0; 64 * 1024];
            match self.stream.read(&mut bytes) {
                Ok(0) => return Said::End,
                Ok(count) => self.input.extend_from_slice(&bytes[..count]),
                // A signal to the process, such as a child that ends, breaks off a read that has a limit.
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if is_closed(error.kind()) => return Said::Reset,
                Err(error) => panic!("the broker says nothing: {error}"),
            }
        }
    }

    fn understood(&mut self) -> Option<Said> {
        let (said, used) = match self.reader.read(&self.input).expect("the broker speaks it") {
            Incoming::Incomplete { .. } => return None,
            Incoming::Preface { used, .. } => (Said::Preface, used),
            Incoming::Frame { frame, used } => (Said::from(frame), used),
        };
        self.input.drain(..used);
        Some(said)
    }

    /// The last thing the broker says before the connection ends.
    pub(crate) fn last(&mut self) -> Said {
        let mut last = self.next();
        // Ends with the connection.
        loop {
            let said = self.next();
            if said.is_the_end() {
                return last;
            }
            last = said;
        }
    }

    /// The broker says that this broke a rule, and ends the connection.
    pub(crate) fn is_refused_for(&mut self, code: ErrorCode, what: &str) {
        assert_eq!(self.last(), Said::Error { code: code as u16 }, "{what}");
    }

    /// Everything before has been carried out, and the connection goes on.
    pub(crate) fn goes_on(&mut self, what: &str) {
        self.write(&frames::ping(0x5ca1_ab1e));
        assert_eq!(self.next(), Said::Pong { token: 0x5ca1_ab1e }, "{what}");
    }

    /// The broker answers, if only with its preface, and closes.
    pub(crate) fn ends(&mut self, what: &str) -> Vec<Said> {
        let mut said = Vec::new();
        // Ends with the connection.
        loop {
            let one = self.next();
            if one.is_the_end() {
                return said;
            }
            said.push(one);
            assert!(said.len() < 100_000, "{what}: it never ends");
        }
    }

    /// The preface the broker sent although no version is shared.
    pub(crate) fn raw_preface(&mut self) -> Preface {
        let mut bytes = [0; PREFACE_BYTES];
        self.stream.read_exact(&mut bytes).expect("the broker answers a preface");
        Preface::decode(&bytes, coilgun_protocol::native::Peer::Server)
            .expect("a preface is valid")
            .expect("a preface is whole")
    }

    /// Every byte the broker still sends, up to the end.
    pub(crate) fn raw_rest(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        match self.stream.read_to_end(&mut bytes) {
            Ok(_) => bytes,
            Err(error) if is_closed(error.kind()) => bytes,
            Err(error) => panic!("the broker does not close: {error}"),
        }
    }

    /// Says that nothing more will come, and reads on.
    pub(crate) fn half_close(&mut self) {
        // A broker that has closed already has nothing to be told.
        let _ = self.stream.shutdown(Shutdown::Write);
    }

    /// Goes without a word: the broker's next send or receive fails.
    pub(crate) fn reset(self) {
        reset(self.stream);
    }
}

/// Closes a socket so that the other side is reset.
fn reset(stream: TcpStream) {
    let at_once = libc::linger { l_onoff: 1, l_linger: 0 };
    let len = libc::socklen_t::try_from(size_of::<libc::linger>()).expect("it is small");
    // SAFETY: the option's value is a structure that lives through the call.
    let result = unsafe {
        libc::setsockopt(
            stream.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_LINGER,
            (&raw const at_once).cast(),
            len,
        )
    };
    assert_eq!(result, 0, "a socket can be told how to close");
}

fn is_closed(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::ConnectionReset | ErrorKind::BrokenPipe)
}

impl From<ServerFrame<'_>> for Said {
    fn from(frame: ServerFrame<'_>) -> Said {
        match frame {
            ServerFrame::Welcome(it) => Said::Welcome { payload_bytes_max: it.payload_bytes_max },
            ServerFrame::Deliver(it) => {
                Said::Deliver { payload: it.payload.to_vec(), missed: it.missed }
            }
            ServerFrame::Outcome(it) => Said::Outcome {
                correlation: it.correlation.0,
                code: it.code,
                receivers: it.receivers,
            },
            ServerFrame::Notice(it) => Said::Notice { code: it.code, count: it.count },
            ServerFrame::Error(it) => Said::Error { code: it.code },
            ServerFrame::GoAway(it) => Said::GoAway { code: it.code, drain_ms: it.drain_ms },
            ServerFrame::Stream(it) => panic!("the broker has no streams: {it:?}"),
            ServerFrame::Ping { token } => Said::Ping { token },
            ServerFrame::Pong { token } => Said::Pong { token },
        }
    }
}
