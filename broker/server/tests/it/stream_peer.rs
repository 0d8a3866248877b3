//! A client of the native protocol for tests of streams: it waits for each answer, over a UNIX socket.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;

use coilgun_protocol::model::{
    AckLevel, AddFollowCredit, AppendConditions, BodyKind, ErrorCode, FollowFrom, FollowId, Offset,
    PartitionChoice, PartitionRow, Ticket,
};
use coilgun_protocol::native::{
    AppendFrame, AppendedFrame, ClientFrame, Features, FollowEndedFrame, FollowRequest, Hello,
    Incoming, Preface, Record, ServerFrame, ServerReader, StreamCreate, StreamFrame, StreamRequest,
    append_record, body_crc, encode_frame,
};

/// A client with what it has read.
pub(crate) struct StreamPeer {
    socket: UnixStream,
    reader: ServerReader,
    bytes: Vec<u8>,
    next_ticket: u64,
}

/// A frame of the broker, as far as these tests look at it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Heard {
    Welcome(Features),
    Outcome(Ticket, u16),
    Described(Ticket, Vec<PartitionRow>),
    Listed(Vec<(Vec<u8>, u32)>),
    Appended(AppendedFrame),
    Records { follow: FollowId, base_offset: u64, payloads: Vec<Vec<u8>> },
    Ended(FollowEndedFrame),
    Other(String),
}

#[expect(clippy::wildcard_enum_match_arm, reason = "whatever else is heard is wrong")]
impl StreamPeer {
    /// A client that was let in.
    pub(crate) fn connect(path: &Path) -> StreamPeer {
        StreamPeer::connect_in(path, "")
    }

    /// The same in a namespace; empty: the one that is meant if none is named.
    pub(crate) fn connect_in(path: &Path, namespace: &str) -> StreamPeer {
        let socket = UnixStream::connect(path).expect("the broker listens");
        let mut peer = StreamPeer {
            socket,
            reader: ServerReader::default(),
            bytes: Vec::new(),
            next_ticket: 0,
        };
        let mut bytes = Preface::OURS.encode().to_vec();
        let namespace = namespace.as_bytes();
        let hello = Hello { namespace, features: Features::STREAMS, ..Hello::default() };
        encode_frame(&ClientFrame::Hello(hello), &mut bytes).expect("it fits");
        peer.socket.write_all(&bytes).expect("it is sent");
        match peer.hear() {
            Heard::Welcome(features) => assert!(features.contains(Features::STREAMS)),
            other => panic!("it is let in, not {other:?}"),
        }
        peer
    }

    pub(crate) fn ticket(&mut self) -> Ticket {
        self.next_ticket += 1;
        Ticket(self.next_ticket)
    }

    pub(crate) fn send(&mut self, request: StreamRequest<'_>) {
        self.try_send(request).expect("it is sent");
    }

    /// Sends a frame to a broker that may die at any moment.
    pub(crate) fn try_send(&mut self, request: StreamRequest<'_>) -> io::Result<()> {
        self.try_send_all([request])
    }

    /// Sends frames in one write.
    pub(crate) fn try_send_all<'a>(
        &mut self,
        requests: impl IntoIterator<Item = StreamRequest<'a>>,
    ) -> io::Result<()> {
        let mut bytes = Vec::new();
        for request in requests {
            encode_frame(&ClientFrame::Stream(request), &mut bytes).expect("it fits");
        }
        self.socket.write_all(&bytes)
    }

    /// The next frame.
    pub(crate) fn hear(&mut self) -> Heard {
        self.try_hear().expect("the broker does not end the connection")
    }

    /// The next frame of a broker that may die at any moment.
    pub(crate) fn try_hear(&mut self) -> io::Result<Heard> {
        // Ends because the broker sends something, or the connection ends.
        loop {
            let (heard, used) = match self.reader.read(&self.bytes).expect("the broker is right") {
                Incoming::Preface { used, .. } => (None, used),
                Incoming::Frame { frame, used } => (Some(heard(&frame)), used),
                Incoming::Incomplete { .. } => {
                    let mut more = vec![0; 64 * 1024];
                    let count = self.socket.read(&mut more)?;
                    if count == 0 {
                        return Err(io::ErrorKind::UnexpectedEof.into());
                    }
                    self.bytes.extend_from_slice(&more[..count]);
                    continue;
                }
            };
            self.bytes.drain(..used);
            if let Some(heard) = heard {
                return Ok(heard);
            }
        }
    }

    /// Makes a stream; its partitions, or why not.
    pub(crate) fn create(
        &mut self,
        name: &str,
        count: u32,
    ) -> Result<Vec<PartitionRow>, ErrorCode> {
        let correlation = self.ticket();
        self.send(StreamRequest::Create(StreamCreate {
            correlation,
            name: name.as_bytes(),
            partition_count: count,
            co_located: false,
        }));
        self.described(correlation)
    }

    pub(crate) fn described(
        &mut self,
        correlation: Ticket,
    ) -> Result<Vec<PartitionRow>, ErrorCode> {
        match self.hear() {
            Heard::Described(of, rows) if of == correlation => Ok(rows),
            Heard::Outcome(of, number) if of == correlation => Err(code(number)),
            other => panic!("an answer to {correlation:?}, not {other:?}"),
        }
    }

    /// The same to a broker that may die at any moment.
    pub(crate) fn try_send_append(
        &mut self,
        stream: &str,
        partition: u32,
        level: AckLevel,
        conditions: AppendConditions,
        payloads: &[&[u8]],
    ) -> io::Result<Ticket> {
        let correlation = self.ticket();
        let mut body = Vec::new();
        for payload in payloads {
            let record = Record { payload, ..Record::default() };
            append_record(&record, &mut body).expect("it is no larger than a record may be");
        }
        self.try_send(StreamRequest::Append(AppendFrame {
            correlation,
            stream: stream.as_bytes(),
            partition: PartitionChoice::Index(partition),
            conditions,
            level,
            body_kind: BodyKind::Native,
            count: payloads.len() as u32,
            body_crc: body_crc(&body),
            body: &body,
        }))?;
        Ok(correlation)
    }

    /// The same of a broker that may die at any moment.
    pub(crate) fn try_follow(
        &mut self,
        follow: u64,
        stream: &str,
        partition: u32,
        from: FollowFrom,
        stop_at_end: bool,
    ) -> io::Result<ErrorCode> {
        let correlation = self.ticket();
        self.try_send(StreamRequest::Follow(FollowRequest {
            follow: FollowId(follow),
            correlation,
            stream: stream.as_bytes(),
            partition,
            from,
            credit_records: 1000,
            credit_bytes: 1 << 20,
            stop_at_end,
        }))?;
        match self.try_hear()? {
            Heard::Outcome(of, number) if of == correlation => Ok(code(number)),
            other => panic!("an outcome, not {other:?}"),
        }
    }

    pub(crate) fn add_credit(&mut self, follow: u64, records: u32, bytes: u32) {
        self.try_add_credit(follow, records, bytes).expect("it is sent");
    }

    /// The same to a broker that may die at any moment.
    pub(crate) fn try_add_credit(
        &mut self,
        follow: u64,
        records: u32,
        bytes: u32,
    ) -> io::Result<()> {
        let follow = FollowId(follow);
        self.try_send(StreamRequest::AddCredit(AddFollowCredit { follow, records, bytes }))
    }

    /// Reads a partition from its beginning to its end, in order.
    pub(crate) fn read_all(&mut self, follow: u64, stream: &str, partition: u32) -> Vec<Vec<u8>> {
        let from = FollowFrom::At(Offset(0));
        let followed = self.try_follow(follow, stream, partition, from, true);
        assert_eq!(followed.ok(), Some(ErrorCode::Ok));
        let mut all = Vec::new();
        // Ends with the partition.
        loop {
            match self.hear() {
                Heard::Records { follow: of, base_offset, payloads } => {
                    assert_eq!((of.0, base_offset), (follow, all.len() as u64), "no gap");
                    let bytes = payloads.iter().map(|it| it.len() as u32 + 64).sum();
                    self.add_credit(follow, payloads.len() as u32, bytes);
                    all.extend(payloads);
                }
                Heard::Ended(ended) => {
                    assert_eq!((ended.follow.0, ended.code), (follow, 0));
                    assert_eq!(ended.next_offset.0, all.len() as u64);
                    return all;
                }
                other => panic!("records or the end, not {other:?}"),
            }
        }
    }
}

pub(crate) fn code(number: u16) -> ErrorCode {
    ErrorCode::from_number(number).expect("the broker says what this version knows")
}

#[expect(clippy::wildcard_enum_match_arm, reason = "these tests look at no other frame")]
pub(crate) fn heard(frame: &ServerFrame<'_>) -> Heard {
    match frame {
        ServerFrame::Welcome(welcome) => Heard::Welcome(welcome.features),
        ServerFrame::Outcome(outcome) => Heard::Outcome(outcome.correlation, outcome.code),
        ServerFrame::Stream(StreamFrame::Described(it)) => {
            Heard::Described(it.correlation, it.partitions().collect())
        }
        ServerFrame::Stream(StreamFrame::Listed(it)) => {
            let rows = it.streams().map(|row| (row.name.to_vec(), row.partition_count));
            Heard::Listed(rows.collect())
        }
        ServerFrame::Stream(StreamFrame::Appended(it)) => Heard::Appended(*it),
        ServerFrame::Stream(StreamFrame::Records(it)) => {
            let records = it.records().expect("records are right");
            Heard::Records {
                follow: it.follow,
                base_offset: it.base_offset.0,
                payloads: records.iter().map(|record| record.payload.to_vec()).collect(),
            }
        }
        ServerFrame::Stream(StreamFrame::FollowEnded(it)) => Heard::Ended(*it),
        other => Heard::Other(format!("{other:?}")),
    }
}
