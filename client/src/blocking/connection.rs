//! A socket with the bytes that wait on either side of it.
//!
//! ```text
//! input   | used up | begin ... whole frames ... part of a frame | filled ... room to read |
//! output  | sent | waiting |
//! ```

use std::io::{self, ErrorKind};

use coilgun_protocol::native::{DecodeError, Incoming, ServerFrame, ServerReader};

use crate::address::Address;
use crate::blocking::clock::Deadline;
use crate::blocking::socket::Socket;
use crate::error::ClientError;

/// What one read asks for at least.
const READ_BYTES: usize = 64 * 1024;
/// Room for input that is kept although nothing is in it.
const INPUT_KEPT_BYTES: usize = 1024 * 1024;

/// One connection to a broker.
#[derive(Debug)]
pub(crate) struct Connection {
    socket: Socket,
    reader: ServerReader,
    is_preface_read: bool,
    input: Vec<u8>,
    /// Where the first byte lies that was not used up.
    begin: usize,
    /// Where the bytes end that were read.
    filled: usize,
    /// Nothing can be said before this many bytes lie behind `begin`.
    need: usize,
    output: Vec<u8>,
    /// How much of the output is gone.
    sent: usize,
    /// Writing failed; what the broker said before is still read.
    is_output_broken: bool,
}

/// The frame at the front of the input.
#[derive(Debug)]
pub(crate) struct Front<'a> {
    /// What it says.
    pub(crate) frame: ServerFrame<'a>,
    /// How many bytes it takes, for [`Connection::consume`].
    pub(crate) used: usize,
}

impl Connection {
    /// Connects; nothing is sent yet.
    pub(crate) fn open(address: &Address, deadline: &Deadline) -> io::Result<Connection> {
        Ok(Connection {
            socket: Socket::connect(address, deadline)?,
            reader: ServerReader::default(),
            is_preface_read: false,
            input: vec![0; READ_BYTES],
            begin: 0,
            filled: 0,
            need: 0,
            output: Vec::new(),
            sent: 0,
            is_output_broken: false,
        })
    }

    /// Where frames to be sent are appended.
    pub(crate) fn output(&mut self) -> &mut Vec<u8> {
        &mut self.output
    }

    /// How many bytes wait to be sent.
    pub(crate) fn output_len(&self) -> usize {
        self.output.len() - self.sent
    }

    /// The frame at the front of what was read, if a whole one is there. It stays there until
    /// [`Connection::consume`].
    pub(crate) fn front(&mut self) -> Result<Option<Front<'_>>, DecodeError> {
        if !self.is_preface_read && !self.read_preface()? {
            return Ok(None);
        }
        if self.filled - self.begin < self.need {
            return Ok(None);
        }
        match self.reader.read(&self.input[self.begin..self.filled])? {
            Incoming::Frame { frame, used } => Ok(Some(Front { frame, used })),
            Incoming::Incomplete { need } => {
                self.need = need;
                Ok(None)
            }
            Incoming::Preface { .. } => unreachable!("the preface was read, and there is one"),
        }
    }

    fn read_preface(&mut self) -> Result<bool, DecodeError> {
        match self.reader.read(&self.input[self.begin..self.filled])? {
            Incoming::Preface { used, .. } => {
                self.is_preface_read = true;
                self.consume(used);
                Ok(true)
            }
            Incoming::Incomplete { .. } => Ok(false),
            Incoming::Frame { .. } => unreachable!("the preface comes before any frame"),
        }
    }

    /// Drops the frame at the front.
    pub(crate) fn consume(&mut self, used: usize) {
        assert!(used <= self.filled - self.begin, "what is used up was read");
        self.begin += used;
        self.need = 0;
        if self.begin == self.filled {
            self.begin = 0;
            self.filled = 0;
            if self.input.len() > INPUT_KEPT_BYTES {
                self.input.truncate(INPUT_KEPT_BYTES);
                self.input.shrink_to_fit();
            }
        }
    }

    /// Writes what there is room for, waits until something can be read or written, and reads once.
    /// Returns when it did any of this or the deadline is over.
    ///
    /// # Errors
    /// If the connection is lost.
    pub(crate) fn exchange(&mut self, deadline: &Deadline) -> Result<(), ClientError> {
        let waits_for_room = self.output_len() > 0;
        self.write_some();
        if waits_for_room && self.output_len() == 0 {
            // Whoever only wanted to be rid of it has nothing to wait for.
            return Ok(());
        }
        let ready = self.socket.wait(self.output_len() > 0, deadline).map_err(ClientError::io)?;
        if ready.writable {
            self.write_some();
        }
        if ready.readable { self.read_some() } else { Ok(()) }
    }

    /// Writes what there is room for.
    ///
    /// A failure is no error yet: the broker may have said why before it went, and reading finds
    /// that out, or finds the end.
    pub(crate) fn write_some(&mut self) {
        // Ends because every turn sends at least one byte, or is the last.
        while self.output_len() > 0 {
            match self.socket.write(&self.output[self.sent..]) {
                Ok(count) if count > 0 => self.sent += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Ok(_) | Err(_) => {
                    self.is_output_broken = true;
                    self.sent = self.output.len();
                }
            }
        }
        if self.output_len() == 0 {
            self.output.clear();
            self.sent = 0;
        }
    }

    /// Whether everything was written that there was to write.
    pub(crate) fn is_flushed(&self) -> bool {
        self.output_len() == 0 && !self.is_output_broken
    }

    fn read_some(&mut self) -> Result<(), ClientError> {
        self.make_room();
        match self.socket.read(&mut self.input[self.filled..]) {
            Ok(0) => Err(ClientError::Gone),
            Ok(count) => {
                self.filled += count;
                Ok(())
            }
            Err(error) if is_momentary(&error) => Ok(()),
            Err(error) if error.kind() == ErrorKind::ConnectionReset => Err(ClientError::Gone),
            Err(error) => Err(ClientError::io(error)),
        }
    }

    /// Makes room for one read. The room grows with what has arrived, never with what was announced.
    fn make_room(&mut self) {
        if self.input.len() - self.filled >= READ_BYTES {
            return;
        }
        self.input.copy_within(self.begin..self.filled, 0);
        self.filled -= self.begin;
        self.begin = 0;
        if self.input.len() - self.filled < READ_BYTES {
            self.input.resize(self.filled + READ_BYTES.max(self.filled / 2), 0);
        }
    }
}

/// Whether the same call may succeed the next time.
fn is_momentary(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;
    use std::time::{Duration, Instant};

    use super::*;

    /// There is nothing to read, and nobody waits for that: the deadline is far away.
    #[test]
    fn who_waits_for_room_goes_on_once_everything_is_written() {
        let folder = tempfile::tempdir().expect("there is a temporary directory");
        let path = folder.path().join("socket");
        let listener = UnixListener::bind(&path).expect("a socket");
        let patience = Deadline::after(Duration::from_secs(3600));
        let mut connection = Connection::open(&Address::Unix(path), &patience).expect("it listens");
        let _peer = listener.accept().expect("it connects");
        let began = Instant::now();
        connection.output().extend_from_slice(b"all of it");
        connection.exchange(&patience).expect("the connection holds");
        assert!(connection.is_flushed());
        assert!(began.elapsed() < Duration::from_secs(3000), "it waited for something to read");
    }
}
