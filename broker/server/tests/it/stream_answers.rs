//! What a client of streams is answered, where the broker does not die.

use coilgun_protocol::model::{
    AckLevel, AppendConditions, ErrorCode, FollowFrom, PartitionRow, Ticket,
};
use coilgun_protocol::native::{AppendedFrame, StreamList, StreamNamed, StreamRequest};

use crate::stream_peer::{Heard, StreamPeer, code};

#[expect(clippy::wildcard_enum_match_arm, reason = "whatever else is heard is wrong")]
impl StreamPeer {
    pub(crate) fn describe(&mut self, name: &str) -> Result<Vec<PartitionRow>, ErrorCode> {
        let correlation = self.ticket();
        let name = name.as_bytes();
        self.send(StreamRequest::Describe(StreamNamed { correlation, name }));
        self.described(correlation)
    }

    pub(crate) fn delete(&mut self, name: &str) -> ErrorCode {
        let correlation = self.ticket();
        let name = name.as_bytes();
        self.send(StreamRequest::Delete(StreamNamed { correlation, name }));
        match self.hear() {
            Heard::Outcome(of, number) if of == correlation => code(number),
            other => panic!("an outcome, not {other:?}"),
        }
    }

    pub(crate) fn list(&mut self) -> Vec<(Vec<u8>, u32)> {
        let correlation = self.ticket();
        self.send(StreamRequest::List(StreamList { correlation }));
        match self.hear() {
            Heard::Listed(streams) => streams,
            other => panic!("a list, not {other:?}"),
        }
    }

    /// Sends an append of these payloads.
    pub(crate) fn send_append(
        &mut self,
        stream: &str,
        partition: u32,
        level: AckLevel,
        conditions: AppendConditions,
        payloads: &[&[u8]],
    ) -> Ticket {
        let sent = self.try_send_append(stream, partition, level, conditions, payloads);
        sent.expect("it is sent")
    }

    /// Appends, and waits for the answer.
    pub(crate) fn append(
        &mut self,
        stream: &str,
        partition: u32,
        payloads: &[&[u8]],
    ) -> AppendedFrame {
        let level = AckLevel::Durable;
        let ticket =
            self.send_append(stream, partition, level, AppendConditions::default(), payloads);
        self.appended(ticket)
    }

    pub(crate) fn appended(&mut self, ticket: Ticket) -> AppendedFrame {
        match self.hear() {
            Heard::Appended(appended) if appended.correlation == ticket => appended,
            other => panic!("an answer to {ticket:?}, not {other:?}"),
        }
    }

    pub(crate) fn follow(
        &mut self,
        follow: u64,
        stream: &str,
        partition: u32,
        from: FollowFrom,
        stop_at_end: bool,
    ) -> ErrorCode {
        let followed = self.try_follow(follow, stream, partition, from, stop_at_end);
        followed.expect("the broker does not end the connection")
    }
}
