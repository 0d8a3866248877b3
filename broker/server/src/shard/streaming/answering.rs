//! What producers are told, on whatever shard they are.

use coilgun_core::stream::{Ack, AppendRefusal, Requester};
use coilgun_protocol::model::{
    AckLevel, Appended, ClientId, ErrorCode, Event, Offset, PartitionId, StreamEvent, Ticket,
    Timestamp, UnixMs,
};
use coilgun_storage::journal::Refused;

use super::super::turn::Shard;
use crate::env::Env;
use crate::mesh::Message;
use crate::streams::NotTaken;

impl<E: Env> Shard<E> {
    /// An append has come as far as was asked for.
    pub(super) fn answer_ack(
        &mut self,
        now: Timestamp,
        partition: PartitionId,
        to: Requester,
        ack: Ack,
        append_time: UnixMs,
    ) {
        let appended = Appended {
            ticket: to.ticket,
            code: ErrorCode::Ok,
            partition: self.index_of(partition),
            base_offset: ack.base_offset,
            append_time: if ack.is_duplicate { UnixMs::default() } else { append_time },
            level: ack.level,
            is_duplicate: ack.is_duplicate,
            detail: 0,
        };
        self.answer_append(now, to, appended);
    }

    /// Nobody knows what becomes of an append (law L14).
    pub(super) fn answer_unknown(&mut self, now: Timestamp, partition: PartitionId, to: Requester) {
        let index = self.index_of(partition);
        let code = ErrorCode::OutcomeUnknown;
        self.answer_append(now, to, refusal(to.ticket, index, code, 0));
    }

    /// The index of a partition in its stream.
    fn index_of(&self, partition: PartitionId) -> u32 {
        self.streams.place_of(partition).map_or(0, |(_, index)| index)
    }

    /// Answers an append, here or on the home shard of its client.
    pub(super) fn answer_append(&mut self, now: Timestamp, to: Requester, appended: Appended) {
        if to.home == self.mesh.shard() {
            return self.on_appended(now, to.client, appended);
        }
        if appended.ticket.is_some() {
            self.mesh.say(to.home, &Message::Appended { client: to.client, appended });
        }
    }

    /// A client of this shard hears what became of its append.
    pub(in super::super) fn on_appended(
        &mut self,
        now: Timestamp,
        id: ClientId,
        appended: Appended,
    ) {
        if appended.ticket.is_some() {
            self.tell(now, id, &Event::Stream(StreamEvent::Appended(appended)));
            self.stream_answer_came(id);
        }
    }

    /// A client is owed one answer less.
    fn stream_answer_came(&mut self, id: ClientId) {
        let Some(client) = self.clients.get_mut(id) else { return };
        client.appends_owed -= 1;
        if client.appends_owed == 0 {
            self.on_nothing_owed(id);
        }
    }
}

/// That an append was refused, or has an unknown outcome.
pub(super) fn refusal(ticket: Ticket, partition: u32, code: ErrorCode, detail: u64) -> Appended {
    Appended {
        ticket,
        code,
        partition,
        base_offset: Offset(0),
        append_time: UnixMs(0),
        level: AckLevel::None,
        is_duplicate: false,
        detail,
    }
}

/// What a producer is told if its partition refuses, and what that is about.
pub(super) fn code_of(refusal: &AppendRefusal) -> (ErrorCode, u64) {
    match refusal {
        AppendRefusal::UnexpectedOffset { next } => (ErrorCode::UnexpectedOffset, next.0),
        AppendRefusal::Fenced { epoch } => (ErrorCode::ProducerFenced, epoch.0.into()),
        AppendRefusal::SequenceGap { expected } | AppendRefusal::SequenceOverlaps { expected } => {
            (ErrorCode::SequenceGap, expected.0)
        }
        AppendRefusal::SequenceTooOld { oldest } => (ErrorCode::SequenceForgotten, oldest.0),
        AppendRefusal::UnknownProducer => (ErrorCode::UnknownProducer, 0),
        AppendRefusal::PendingBytesFull
        | AppendRefusal::PendingAppendsFull
        | AppendRefusal::ProducersFull
        | AppendRefusal::DuplicatesFull => (ErrorCode::StreamBusy, 0),
        AppendRefusal::TooLarge => (ErrorCode::BatchTooLarge, 0),
        AppendRefusal::Empty => (ErrorCode::InvalidBatch, 0),
        AppendRefusal::ReadOnly => (ErrorCode::PartitionReadOnly, 0),
        AppendRefusal::Poisoned => (ErrorCode::StreamsUnavailable, 0),
        AppendRefusal::Deleted => (ErrorCode::StreamDeleted, 0),
    }
}

/// What a producer is told if nothing was tried.
pub(super) fn code_of_not_taken(why: NotTaken) -> ErrorCode {
    match why {
        // Its stream is being made, or was just deleted.
        NotTaken::NoPartition | NotTaken::Journal(Refused::NoRoom) => ErrorCode::StreamBusy,
        NotTaken::Journal(Refused::Full) => ErrorCode::StorageFull,
        NotTaken::Journal(Refused::TooLarge) => ErrorCode::BatchTooLarge,
        NotTaken::Journal(Refused::Closed) => ErrorCode::StreamsUnavailable,
    }
}
