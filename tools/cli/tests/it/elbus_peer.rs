//! A client of elbus without manners, over a UNIX socket.

use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use coilgun_protocol::elbus::{
    GREETING, Operation, Qos, ServerFrame, ServerReading, encode_frame, read_server_frame,
};

use crate::process::Broker;

/// How long the broker may be silent when it has to say something.
const PATIENCE: Duration = Duration::from_secs(20);

/// Largest frame a test looks at.
const BODY_BYTES_MAX: usize = 4 << 20;

/// A connection.
pub(crate) struct ElbusPeer {
    stream: UnixStream,
    /// What was read and not understood yet.
    input: Vec<u8>,
}

/// What the broker said.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Told {
    Ping,
    Ack {
        op_id: u32,
        code: u8,
    },
    Message {
        sender: String,
        topic: Option<String>,
        payload: Vec<u8>,
    },
    /// The connection is over.
    End,
}

impl ElbusPeer {
    /// Connects and says nothing.
    pub(crate) fn connect(broker: &Broker) -> ElbusPeer {
        ElbusPeer::connect_to(&broker.folder.path().join("data/elbus.sock"))
    }

    /// The same with the socket at this path.
    pub(crate) fn connect_to(path: &Path) -> ElbusPeer {
        let stream = UnixStream::connect(path).expect("it listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a time limit above 0");
        stream.set_write_timeout(Some(PATIENCE)).expect("a time limit above 0");
        ElbusPeer { stream, input: Vec::new() }
    }

    /// Connects, says its name, and is let in.
    pub(crate) fn open(broker: &Broker, name: &[u8]) -> ElbusPeer {
        ElbusPeer::connect(broker).introduced(name)
    }

    /// Says its name, and is let in.
    pub(crate) fn introduced(mut self, name: &[u8]) -> ElbusPeer {
        self.write(&handshake(name));
        assert_eq!(self.raw(5), [&GREETING[..], &[1, 1]].concat(), "it is let in");
        self
    }

    /// Sends bytes; the broker may have closed already, which the next thing it says tells.
    pub(crate) fn write(&mut self, bytes: &[u8]) {
        match self.stream.write_all(bytes) {
            Ok(()) => {}
            Err(error) if is_closed(error.kind()) => {}
            Err(error) => panic!("the broker does not read: {error}"),
        }
    }

    /// Sends a frame.
    pub(crate) fn say(&mut self, op_id: u32, operation: Operation, qos: Qos, parts: &[&[u8]]) {
        let mut bytes = Vec::new();
        encode_frame(op_id, operation, qos, parts, &mut bytes);
        self.write(&bytes);
    }

    /// The next so many bytes, as they are.
    pub(crate) fn raw(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = vec![0; count];
        self.stream.read_exact(&mut bytes).expect("the broker says so much");
        bytes
    }

    /// Every byte up to the end of the connection.
    pub(crate) fn raw_rest(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        match self.stream.read_to_end(&mut bytes) {
            Ok(_) => bytes,
            Err(error) if is_closed(error.kind()) => bytes,
            Err(error) => panic!("the broker does not close: {error}"),
        }
    }

    /// The next thing the broker says, but for signs of life.
    pub(crate) fn next(&mut self) -> Told {
        // Ends because every turn reads bytes or returns.
        loop {
            if let Some(told) = self.understood() {
                if told != Told::Ping {
                    return told;
                }
                continue;
            }
            let mut bytes = [0; 64 * 1024];
            match self.stream.read(&mut bytes) {
                Ok(0) => return Told::End,
                Ok(count) => self.input.extend_from_slice(&bytes[..count]),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if is_closed(error.kind()) => return Told::End,
                Err(error) => panic!("the broker says nothing: {error}"),
            }
        }
    }

    fn understood(&mut self) -> Option<Told> {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("names are text");
        let (told, used) = match read_server_frame(&self.input, BODY_BYTES_MAX) {
            ServerReading::Incomplete(_) => return None,
            ServerReading::Malformed | ServerReading::TooLong(_) => panic!("no broker says this"),
            ServerReading::Frame(frame, used) => match frame {
                ServerFrame::Ping => (Told::Ping, used),
                ServerFrame::Ack { op_id, code } => (Told::Ack { op_id, code }, used),
                ServerFrame::Message { sender, topic, payload, .. } => {
                    let (sender, topic) = (text(sender), topic.map(text));
                    (Told::Message { sender, topic, payload: payload.to_vec() }, used)
                }
            },
        };
        self.input.drain(..used);
        Some(told)
    }

    /// Everything before has been carried out, and the connection goes on.
    pub(crate) fn goes_on(&mut self, what: &str) {
        self.say(77, Operation::Subscribe, Qos::PROCESSED, &[b"goes/on"]);
        assert_eq!(self.next(), Told::Ack { op_id: 77, code: 1 }, "{what}");
    }
}

/// What a client says to be let in.
pub(crate) fn handshake(name: &[u8]) -> Vec<u8> {
    let len = u16::try_from(name.len()).expect("names are short");
    [&GREETING[..], &len.to_le_bytes(), name].concat()
}

fn is_closed(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::ConnectionReset | ErrorKind::BrokenPipe)
}
