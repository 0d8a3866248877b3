//! A client without any IO: bytes in, bytes out.

use std::collections::{HashMap, VecDeque};

use coilgun_protocol::elbus::{
    GREETING, Operation, PING, Qos, ServerFrame, ServerReading, encode_frame, read_server_frame,
};

use super::error::{Error, ErrorKind};
use super::frame::Frame;
use crate::engine::FixedState;

/// Largest body of a frame that is read.
const BODY_BYTES_MAX: usize = 256 * 1024 * 1024;

/// Where the handshake stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Stage {
    /// The broker greets.
    Greeting,
    /// It says whether it speaks this version.
    Version,
    /// It says whether the name is good.
    Name,
    /// The client is in.
    Open,
}

/// A client; `W` is who waits for an answer.
#[derive(Debug)]
pub(super) struct Engine<W> {
    name: String,
    stage: Stage,
    input: Vec<u8>,
    output: Vec<u8>,
    last_op_id: u32,
    waiting: HashMap<u32, W, FixedState>,
    /// Frames that nobody has taken yet.
    frames: VecDeque<Frame>,
    frames_max: usize,
    /// Whether somebody takes frames: then the broker waits for room, else the oldest goes.
    is_heard: bool,
}

/// What became of some input.
#[derive(Debug)]
pub(super) struct Heard<W> {
    /// The client was let in.
    pub(super) is_let_in: bool,
    /// Answers, each for one who waits.
    pub(super) answers: Vec<(W, Result<(), Error>)>,
}

impl<W> Engine<W> {
    /// A client that is not let in yet.
    pub(super) fn new(name: &str, frames_max: usize) -> Engine<W> {
        Engine {
            name: name.to_owned(),
            stage: Stage::Greeting,
            input: Vec::new(),
            output: Vec::new(),
            last_op_id: 0,
            waiting: HashMap::default(),
            frames: VecDeque::new(),
            frames_max,
            is_heard: false,
        }
    }

    /// Bytes that are to be sent.
    pub(super) fn output_bytes(&self) -> usize {
        self.output.len()
    }

    /// Takes what is to be sent, in place of what was in `buffer`.
    pub(super) fn take_output(&mut self, buffer: &mut Vec<u8>) {
        buffer.clear();
        std::mem::swap(buffer, &mut self.output);
    }

    /// Gives a sign of life.
    pub(super) fn ping(&mut self) {
        if self.stage == Stage::Open {
            self.output.extend_from_slice(&PING);
        }
    }

    /// Asks for an operation whose body is `parts` with zeros between them; `who` waits for the answer,
    /// if the quality of service has one. Returns its number.
    pub(super) fn operation(
        &mut self,
        operation: Operation,
        qos: Qos,
        parts: &[&[u8]],
        who: Option<W>,
    ) -> u32 {
        self.last_op_id = self.last_op_id.checked_add(1).unwrap_or(1);
        encode_frame(self.last_op_id, operation, qos, parts, &mut self.output);
        if let Some(who) = who {
            self.waiting.insert(self.last_op_id, who);
        }
        self.last_op_id
    }

    /// Nobody waits for this answer any more.
    pub(super) fn forget(&mut self, op_id: u32) {
        self.waiting.remove(&op_id);
    }

    /// Everybody who still waits.
    pub(super) fn take_waiting(&mut self) -> Vec<W> {
        self.waiting.drain().map(|(_, who)| who).collect()
    }

    /// From now on somebody takes frames, or nobody does any more.
    pub(super) fn set_heard(&mut self, is_heard: bool) {
        self.is_heard = is_heard;
    }

    /// Whether nothing is to be read until frames are taken.
    pub(super) fn is_full(&self) -> bool {
        self.is_heard && self.frames.len() >= self.frames_max
    }

    /// The next frame.
    pub(super) fn next_frame(&mut self) -> Option<Frame> {
        self.frames.pop_front()
    }

    /// Takes in what the broker sent.
    ///
    /// # Errors
    /// If the broker refuses the client, or says what no broker says.
    pub(super) fn on_bytes(&mut self, bytes: &[u8]) -> Result<Heard<W>, Error> {
        self.input.extend_from_slice(bytes);
        let mut heard = Heard { is_let_in: false, answers: Vec::new() };
        let mut used = self.shake_hands(&mut heard)?;
        // Ends because every frame takes bytes away.
        while self.stage == Stage::Open && !self.is_full() {
            let input = std::mem::take(&mut self.input);
            let read = self.on_frame(&input[used..], &mut heard);
            self.input = input;
            match read? {
                0 => break,
                count => used += count,
            }
        }
        self.input.drain(..used);
        Ok(heard)
    }

    fn shake_hands(&mut self, heard: &mut Heard<W>) -> Result<usize, Error> {
        let mut used = 0;
        // Ends because every step takes bytes away.
        loop {
            let rest = &self.input[used..];
            match self.stage {
                Stage::Greeting if rest.len() >= GREETING.len() => {
                    if !rest.starts_with(&GREETING) {
                        let text = "the other side speaks another protocol";
                        return Err(Error::new(ErrorKind::NotSupported, text));
                    }
                    used += GREETING.len();
                    self.output.extend_from_slice(&GREETING);
                    self.stage = Stage::Version;
                }
                Stage::Version if !rest.is_empty() => {
                    Error::of_code(rest[0])?;
                    used += 1;
                    let len = u16::try_from(self.name.len())
                        .map_err(|_| Error::new(ErrorKind::Data, "the name is too long"))?;
                    self.output.extend_from_slice(&len.to_le_bytes());
                    self.output.extend_from_slice(self.name.as_bytes());
                    self.stage = Stage::Name;
                }
                Stage::Name if !rest.is_empty() => {
                    Error::of_code(rest[0])?;
                    used += 1;
                    self.stage = Stage::Open;
                    heard.is_let_in = true;
                }
                Stage::Greeting | Stage::Version | Stage::Name | Stage::Open => return Ok(used),
            }
        }
    }

    /// Takes in one frame, and returns how many bytes it had; 0: it is not whole.
    fn on_frame(&mut self, input: &[u8], heard: &mut Heard<W>) -> Result<usize, Error> {
        let malformed = || Error::new(ErrorKind::Data, "the broker breaks the protocol");
        let (frame, used) = match read_server_frame(input, BODY_BYTES_MAX) {
            ServerReading::Frame(frame, used) => (frame, used),
            ServerReading::Incomplete(_) => return Ok(0),
            ServerReading::Malformed | ServerReading::TooLong(_) => return Err(malformed()),
        };
        match frame {
            ServerFrame::Ping => {}
            ServerFrame::Ack { op_id, code } => {
                // Nobody waits for some: they were forgotten.
                if let Some(who) = self.waiting.remove(&op_id) {
                    heard.answers.push((who, Error::of_code(code)));
                }
            }
            ServerFrame::Message { kind, realtime, sender, topic, payload } => {
                let text =
                    |bytes: &[u8]| String::from_utf8(bytes.to_vec()).map_err(|_| malformed());
                let frame = Frame {
                    kind: kind.into(),
                    sender: text(sender)?,
                    topic: topic.map(text).transpose()?,
                    payload: payload.to_vec(),
                    realtime,
                };
                if self.frames.len() >= self.frames_max {
                    // Only where nobody takes frames.
                    self.frames.pop_front();
                }
                self.frames.push_back(frame);
            }
        }
        Ok(used)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(frames_max: usize) -> Engine<u8> {
        let mut engine = Engine::new("a", frames_max);
        let mut output = Vec::new();
        assert!(!engine.on_bytes(&GREETING).expect("it is the greeting").is_let_in);
        engine.take_output(&mut output);
        assert_eq!(output, GREETING);
        engine.ping();
        engine.on_bytes(&[1]).expect("the version is fine");
        engine.take_output(&mut output);
        assert_eq!(output, [1, 0, b'a'], "and no sign of life in between");
        assert!(engine.on_bytes(&[1]).expect("the name is good").is_let_in);
        engine
    }

    /// A message to it, with this payload.
    fn message(payload: &[u8]) -> Vec<u8> {
        let len = u32::try_from(2 + payload.len()).expect("it is short");
        [&[0x12][..], &len.to_le_bytes(), &[1, b'b', 0], payload].concat()
    }

    #[test]
    fn answers_find_who_waits_for_them() {
        let mut engine = open(9);
        let first = engine.operation(Operation::Subscribe, Qos::PROCESSED, &[b"x"], Some(7));
        let second = engine.operation(Operation::Message, Qos::PROCESSED, &[b"b", b""], Some(8));
        engine.operation(Operation::Message, Qos::NO, &[b"b", b""], None);
        engine.forget(first);
        let ack = |op_id: u32, code: u8| [&[0xFE][..], &op_id.to_le_bytes(), &[code]].concat();
        let heard = engine.on_bytes(&[ack(first, 1), ack(second, 0x71)].concat());
        let answers = heard.expect("they are acknowledgements").answers;
        assert_eq!(answers.len(), 1);
        assert_eq!(answers[0].0, 8);
        let error = answers[0].1.clone().expect_err("nobody is there");
        assert_eq!(error.kind(), ErrorKind::NotRegistered);
    }

    #[test]
    fn bytes_may_come_one_by_one_and_frames_wait_for_who_takes_them() {
        let mut engine = open(2);
        engine.set_heard(true);
        for byte in message(b"x").iter().chain(&message(b"y")).chain(&message(b"z")) {
            engine.on_bytes(&[*byte]).expect("they are messages");
        }
        assert!(engine.is_full());
        let mut taken = Vec::new();
        // Ends when all are taken.
        while let Some(frame) = engine.next_frame() {
            assert_eq!((frame.sender(), frame.is_realtime()), ("b", true));
            taken.push(frame.into_payload());
            engine.on_bytes(&[]).expect("what was held is read");
        }
        assert_eq!(taken, [b"x", b"y", b"z"]);
    }

    #[test]
    fn without_anybody_to_take_them_the_oldest_go() {
        let mut engine = open(2);
        for payload in [b"x", b"y", b"z"] {
            engine.on_bytes(&message(payload)).expect("it is a message");
        }
        assert!(!engine.is_full());
        assert_eq!(engine.next_frame().map(Frame::into_payload), Some(b"y".to_vec()));
    }

    #[test]
    fn refusals_and_nonsense_end_it() {
        let refused = |bytes: &[u8]| {
            let mut engine = Engine::<u8>::new("a", 1);
            engine.on_bytes(bytes).expect_err("it is refused").kind()
        };
        assert_eq!(refused(b"HTTP/1.1"), ErrorKind::NotSupported);
        assert_eq!(refused(&[0xEB, 1, 0, 0x75]), ErrorKind::NotSupported);
        assert_eq!(refused(&[0xEB, 1, 0, 1, 0x76]), ErrorKind::Busy);
        assert_eq!(refused(&[0xEB, 1, 0, 1, 0x79]), ErrorKind::Access);
        assert_eq!(open(1).on_bytes(&[0x55; 9]).expect_err("no frame").kind(), ErrorKind::Data);
    }
}
