//! Messages about streams that are sent often, and how they lie in a parcel.

use coilgun_protocol::model::{
    AckLevel, AppendConditions, Appended, BodyKind, ClientId, ErrorCode, FollowId, Offset,
    PartitionId, Ticket, UnixMs,
};

use super::message::{Payload, ReplyTo};
use super::reading::Reader;
use super::writing::{Parts, write_payload, write_reply_to};

/// A batch on its way to the shard that owns its partition.
#[derive(Clone, Copy, Debug)]
pub struct StreamAppend<'a> {
    /// Whose it is, on the shard it comes from.
    pub client: ClientId,
    /// Its session's number for it; none: nobody hears of it.
    pub ticket: Ticket,
    /// The partition.
    pub partition: PartitionId,
    /// Its index in its stream.
    pub index: u32,
    /// How many records it holds.
    pub count: u32,
    /// How its body is written.
    pub body_kind: BodyKind,
    /// How far it must have come before it is answered.
    pub level: AckLevel,
    /// Who produces it, and which offset it must get.
    pub conditions: AppendConditions,
    /// Its body, which was checked.
    pub body: Payload<'a>,
}

/// A batch on its way to the shard that has its follower's connection.
#[derive(Clone, Copy, Debug)]
pub struct StreamRecords<'a> {
    /// The follower's client.
    pub client: ClientId,
    /// The client's number for the follower.
    pub follow: FollowId,
    /// Index of the partition in its stream.
    pub index: u32,
    /// The offset of its first record.
    pub base_offset: Offset,
    /// When it was appended.
    pub append_time: UnixMs,
    /// Behind the last record that could be read.
    pub end_offset: Offset,
    /// How many records it holds.
    pub count: u32,
    /// CRC-32C of the body.
    pub body_crc: u32,
    /// How the body is written.
    pub body_kind: BodyKind,
    /// The body.
    pub body: Payload<'a>,
}

pub(super) fn write_append(it: &StreamAppend<'_>, to: &mut impl Parts) {
    write_reply_to(ReplyTo { client: it.client, number: it.ticket.0 }, to);
    to.put(&it.partition.0.to_ne_bytes());
    to.put(&it.index.to_ne_bytes());
    to.put(&it.count.to_ne_bytes());
    to.put(&(it.body_kind as u16).to_ne_bytes());
    to.put(&[it.level as u8]);
    to.put(&it.conditions.encode());
    write_payload(it.body, to);
}

pub(super) fn read_append<'a>(reader: &mut Reader<'a>) -> Option<StreamAppend<'a>> {
    let ReplyTo { client, number } = reader.reply_to()?;
    Some(StreamAppend {
        client,
        ticket: Ticket(number),
        partition: PartitionId(reader.u64()?),
        index: reader.u32()?,
        count: reader.u32()?,
        body_kind: BodyKind::from_number(reader.u16()?)?,
        level: AckLevel::from_number(reader.u8()?)?,
        conditions: AppendConditions::decode(reader.take(AppendConditions::BYTES)?),
        body: reader.payload()?,
    })
}

pub(super) fn write_appended(it: &Appended, to: &mut impl Parts) {
    to.put(&it.ticket.0.to_ne_bytes());
    to.put(&(it.code as u16).to_ne_bytes());
    to.put(&it.partition.to_ne_bytes());
    to.put(&it.base_offset.0.to_ne_bytes());
    to.put(&it.append_time.0.to_ne_bytes());
    to.put(&[it.level as u8, u8::from(it.is_duplicate)]);
    to.put(&it.detail.to_ne_bytes());
}

pub(super) fn read_appended(reader: &mut Reader<'_>) -> Option<Appended> {
    Some(Appended {
        ticket: Ticket(reader.u64()?),
        code: ErrorCode::from_number(reader.u16()?)?,
        partition: reader.u32()?,
        base_offset: Offset(reader.u64()?),
        append_time: UnixMs(reader.u64()?),
        level: AckLevel::from_number(reader.u8()?)?,
        is_duplicate: reader.u8()? != 0,
        detail: reader.u64()?,
    })
}

pub(super) fn write_records(it: &StreamRecords<'_>, to: &mut impl Parts) {
    write_reply_to(ReplyTo { client: it.client, number: it.follow.0 }, to);
    to.put(&it.index.to_ne_bytes());
    to.put(&it.base_offset.0.to_ne_bytes());
    to.put(&it.append_time.0.to_ne_bytes());
    to.put(&it.end_offset.0.to_ne_bytes());
    to.put(&it.count.to_ne_bytes());
    to.put(&it.body_crc.to_ne_bytes());
    to.put(&(it.body_kind as u16).to_ne_bytes());
    write_payload(it.body, to);
}

pub(super) fn read_records<'a>(reader: &mut Reader<'a>) -> Option<StreamRecords<'a>> {
    let ReplyTo { client, number } = reader.reply_to()?;
    Some(StreamRecords {
        client,
        follow: FollowId(number),
        index: reader.u32()?,
        base_offset: Offset(reader.u64()?),
        append_time: UnixMs(reader.u64()?),
        end_offset: Offset(reader.u64()?),
        count: reader.u32()?,
        body_crc: reader.u32()?,
        body_kind: BodyKind::from_number(reader.u16()?)?,
        body: reader.payload()?,
    })
}

#[cfg(test)]
pub(super) mod samples {
    use coilgun_protocol::model::{ProducerEpoch, ProducerId, ProducerSequence};

    use super::*;

    const CLIENT: ClientId = ClientId { slot: 3, generation: 4 };

    pub(in crate::mesh) fn append(body: Payload<'_>) -> StreamAppend<'_> {
        StreamAppend {
            client: CLIENT,
            ticket: Ticket(5),
            partition: PartitionId(6),
            index: 7,
            count: 8,
            body_kind: BodyKind::Native,
            level: AckLevel::Leader,
            conditions: AppendConditions {
                producer: ProducerId(9),
                sequence: ProducerSequence(10),
                expected: Some(Offset(11)),
                epoch: ProducerEpoch(12),
            },
            body,
        }
    }

    pub(in crate::mesh) fn appended() -> Appended {
        Appended {
            ticket: Ticket(1),
            code: ErrorCode::UnexpectedOffset,
            partition: 2,
            base_offset: Offset(3),
            append_time: UnixMs(4),
            level: AckLevel::Durable,
            is_duplicate: true,
            detail: 5,
        }
    }

    pub(in crate::mesh) fn records(body: Payload<'_>) -> StreamRecords<'_> {
        StreamRecords {
            client: CLIENT,
            follow: FollowId(5),
            index: 6,
            base_offset: Offset(7),
            append_time: UnixMs(8),
            end_offset: Offset(9),
            count: 10,
            body_crc: 11,
            body_kind: BodyKind::Opaque,
            body,
        }
    }
}
