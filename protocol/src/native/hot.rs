//! The frames that are sent often: fixed heads, and bodies that are cut by the lengths in them.
//!
//! ```text
//! PUBLISH body            | subject | reply | headers | payload |
//! DELIVER body   | sender | subject | reply | headers | payload |      the rest is the payload
//! ```

use super::error::DecodeError;
use super::framer::Frame;
use super::header::{FrameHeader, HEADER_BYTES};
use super::operation::{HeadKind, Operation};
use super::schema_generated::{
    CreditHead, DeliverHead, NoticeHead, OutcomeHead, PublishHead, TokenHead, UnsubscribeHead,
};
use crate::model::limits::SUBJECT_BYTES_MAX;
use crate::model::{
    AddCredit, Delivery, ErrorCode, Headers, Notice, Outcome, PublishFlags, SubscriptionId, Ticket,
    Unsubscribe,
};

/// Length of header and head of a PUBLISH frame in bytes.
pub const PUBLISH_PREFIX_BYTES: usize = HEADER_BYTES + size_of::<PublishHead>();
/// Length of header and head of a DELIVER frame in bytes.
pub(super) const DELIVER_PREFIX_BYTES: usize = HEADER_BYTES + size_of::<DeliverHead>();

/// Where the reserved fields begin in their frames.
const PUBLISH_RESERVED_AT: u8 = 28;
const DELIVER_RESERVED_AT: u8 = 42;
const UNSUBSCRIBE_RESERVED_AT: u8 = 28;
const CREDIT_RESERVED_AT: u8 = 20;
const OUTCOME_RESERVED_AT: u8 = 22;
const NOTICE_RESERVED_AT: u8 = 18;

/// The largest length of a subject as heads say it.
const SUBJECT_LEN_MAX: u16 = SUBJECT_BYTES_MAX as u16;

/// How the body of a message is cut; all parts lie inside it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Parts {
    pub(super) sender: usize,
    pub(super) subject: usize,
    pub(super) reply: usize,
    pub(super) headers: usize,
    pub(super) payload: usize,
}

/// A message for the client, as it travels.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DeliverFrame<'a> {
    /// The client's number for the subscription; [`SubscriptionId::NAME`]: it was reached by name.
    pub subscription: SubscriptionId,
    /// The publisher's correlation; none: it gave none.
    pub correlation: Ticket,
    /// How many milliseconds the requester waits; 0: it does not say.
    pub deadline_ms: u32,
    /// Messages the subscription missed since its previous delivery: it had no credit, or they were
    /// dropped because the client did not read fast enough.
    pub missed: u32,
    /// [`PublishFlags::REQUEST`] and [`PublishFlags::MORE`], as the publisher set them.
    pub flags: PublishFlags,
    /// Name of the client that published it; empty: it has none, or names were not agreed on.
    pub sender: &'a [u8],
    /// Native text of the subject it was published to.
    pub subject: &'a [u8],
    /// Native text of the subject for replies; empty: none.
    pub reply: &'a [u8],
    /// The headers; empty: none.
    pub headers: Headers<'a>,
    /// The payload.
    pub payload: &'a [u8],
}

/// What became of a frame of the client.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OutcomeFrame {
    /// The correlation of the frame this answers.
    pub correlation: Ticket,
    /// For a publish: how many receivers the message was put on its way to.
    pub receivers: u32,
    /// 0, or the number of an error, which may be one that this version does not know.
    pub code: u16,
}

/// Something happened to the connection, which goes on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NoticeFrame {
    /// Number of what happened in the table of errors; it may be one this version does not know.
    pub code: u16,
    /// How many messages since the last notice of this code, or for how many milliseconds.
    pub count: u64,
}

impl OutcomeFrame {
    /// Whether nothing went wrong.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        self.code == ErrorCode::Ok as u16
    }

    /// The error, if this version knows its number.
    #[must_use]
    pub fn error_code(&self) -> Option<ErrorCode> {
        ErrorCode::from_number(self.code)
    }
}

/// The head of a PUBLISH frame, and how its body is cut. Headers and payload are not looked at.
#[inline]
pub(super) fn read_publish(frame: &Frame<'_>) -> Result<(PublishHead, Parts), DecodeError> {
    let head = PublishHead(frame.fixed_head());
    let operation = Operation::Publish;
    if head.reserved() != 0 {
        return Err(DecodeError::Reserved { operation, offset: PUBLISH_RESERVED_AT });
    }
    let (subject, reply) = (head.subject_len(), head.reply_len());
    let parts = cut(frame, 0, subject, reply, head.headers_len())?;
    Ok((head, parts))
}

/// Cuts a body by the lengths in its head.
#[inline]
fn cut(
    frame: &Frame<'_>,
    sender: u16,
    subject: u16,
    reply: u16,
    headers: u32,
) -> Result<Parts, DecodeError> {
    if subject.max(reply) > SUBJECT_LEN_MAX {
        return Err(subject_error(frame.operation(), subject, reply));
    }
    let before = u64::from(sender) + u64::from(subject) + u64::from(reply) + u64::from(headers);
    let body_bytes = (frame.bytes().len() - frame.body_offset()) as u64;
    let Some(payload) = body_bytes.checked_sub(before) else {
        let operation = frame.operation();
        return Err(DecodeError::PartsTooLong { operation, bytes: before, body_bytes });
    };
    Ok(Parts {
        sender: sender.into(),
        subject: subject.into(),
        reply: reply.into(),
        headers: headers as usize,
        payload: payload as usize,
    })
}

#[cold]
fn subject_error(operation: Operation, subject: u16, reply: u16) -> DecodeError {
    let (part, bytes) =
        if subject > SUBJECT_LEN_MAX { ("subject", subject) } else { ("reply subject", reply) };
    DecodeError::SubjectTooLong { operation, part, bytes, bytes_max: SUBJECT_LEN_MAX }
}

/// The 32 bytes before the body of a PUBLISH frame.
///
/// # Panics
/// If a length does not fit its field: who calls has checked the parts against their limits.
#[inline]
pub(super) fn publish_prefix_bytes(
    parts: Parts,
    correlation: Ticket,
    deadline_ms: u32,
    flags: PublishFlags,
) -> [u8; PUBLISH_PREFIX_BYTES] {
    let Parts { sender: _, subject, reply, headers, payload } = parts;
    let head = PublishHead::new(
        correlation.0,
        deadline_ms,
        narrow_u32(headers),
        narrow_u16(subject),
        narrow_u16(reply),
        0,
    );
    let length = head.0.len() + subject + reply + headers + payload;
    prefix(Operation::Publish, flags.0, length, head.0)
}

/// The 48 bytes before the body of a DELIVER frame.
///
/// # Panics
/// If a length does not fit its field: the router lets no such subject through, and sessions let
/// no such reply subject or block of headers in.
#[inline]
pub(super) fn deliver_prefix_bytes(
    delivery: &Delivery<'_>,
    sender: &[u8],
    flags: PublishFlags,
) -> [u8; DELIVER_PREFIX_BYTES] {
    let head = DeliverHead::new(
        delivery.subscription.0,
        delivery.correlation.0,
        delivery.deadline_ms,
        delivery.missed,
        narrow_u32(delivery.headers.len()),
        narrow_u16(delivery.subject.len()),
        narrow_u16(delivery.reply.len()),
        narrow_u16(sender.len()),
        0,
        0,
    );
    let length = head.0.len()
        + sender.len()
        + delivery.subject.len()
        + delivery.reply.len()
        + delivery.headers.len()
        + delivery.payload.len();
    prefix(Operation::Deliver, flags.0, length, head.0)
}

/// A header and the head behind it.
#[inline]
pub(super) fn prefix<const HEAD: usize, const ALL: usize>(
    operation: Operation,
    flags: u8,
    length: usize,
    head: [u8; HEAD],
) -> [u8; ALL] {
    const { assert!(HEADER_BYTES + HEAD == ALL, "the prefix is header and head") };
    let header =
        FrameHeader { length: narrow_u32(length), operation, flags, head_len: HEAD as u16 };
    let mut bytes = [0; ALL];
    bytes[..HEADER_BYTES].copy_from_slice(&header.encode());
    bytes[HEADER_BYTES..].copy_from_slice(&head);
    bytes
}

#[inline]
fn narrow_u16(len: usize) -> u16 {
    u16::try_from(len).expect("subjects and names were checked against their limits")
}

#[inline]
fn narrow_u32(len: usize) -> u32 {
    u32::try_from(len).expect("headers and payloads were checked against their limits")
}

/// Reads a DELIVER frame, its headers included.
pub(super) fn read_deliver<'a>(frame: &Frame<'a>) -> Result<DeliverFrame<'a>, DecodeError> {
    let head = DeliverHead(frame.fixed_head());
    if head.reserved_a() != 0 || head.reserved_b() != 0 {
        let operation = Operation::Deliver;
        return Err(DecodeError::Reserved { operation, offset: DELIVER_RESERVED_AT });
    }
    let (sender, subject, reply) = (head.sender_len(), head.subject_len(), head.reply_len());
    let parts = cut(frame, sender, subject, reply, head.headers_len())?;
    let (sender, rest) = frame.body().split_at(parts.sender);
    let (subject, rest) = rest.split_at(parts.subject);
    let (reply, rest) = rest.split_at(parts.reply);
    let (headers, payload) = rest.split_at(parts.headers);
    Ok(DeliverFrame {
        subscription: SubscriptionId(head.subscription()),
        correlation: Ticket(head.correlation()),
        deadline_ms: head.deadline_ms(),
        missed: head.missed(),
        flags: PublishFlags(frame.flags()),
        sender,
        subject,
        reply,
        headers: if headers.is_empty() { Headers::default() } else { Headers::parse(headers)? },
        payload,
    })
}

/// A whole PING or PONG frame.
#[must_use]
pub(super) fn token_frame(operation: Operation, token: u64) -> [u8; 16] {
    assert!(operation.head() == HeadKind::Struct(8), "only PING and PONG carry a token alone");
    let head = TokenHead::new(token).0;
    prefix(operation, 0, head.len(), head)
}

/// The token of a PING or PONG frame.
#[must_use]
pub(super) fn read_token(frame: &Frame<'_>) -> u64 {
    TokenHead(frame.fixed_head()).token()
}

/// A whole OUTCOME frame.
#[must_use]
pub(super) fn outcome_frame(outcome: &Outcome) -> [u8; 24] {
    let head = OutcomeHead::new(outcome.ticket.0, outcome.receivers, outcome.code as u16, 0).0;
    prefix(Operation::Outcome, 0, head.len(), head)
}

/// Reads an OUTCOME frame.
pub(super) fn read_outcome(frame: &Frame<'_>) -> Result<OutcomeFrame, DecodeError> {
    let head = OutcomeHead(frame.fixed_head());
    if head.reserved() != 0 {
        let operation = Operation::Outcome;
        return Err(DecodeError::Reserved { operation, offset: OUTCOME_RESERVED_AT });
    }
    Ok(OutcomeFrame {
        correlation: Ticket(head.correlation()),
        receivers: head.receivers(),
        code: head.code(),
    })
}

/// A whole NOTICE frame.
#[must_use]
pub(super) fn notice_frame(notice: &Notice) -> [u8; 24] {
    let head = NoticeHead::new(notice.count, notice.code as u16, 0, 0).0;
    prefix(Operation::Notice, 0, head.len(), head)
}

/// Reads a NOTICE frame.
pub(super) fn read_notice(frame: &Frame<'_>) -> Result<NoticeFrame, DecodeError> {
    let head = NoticeHead(frame.fixed_head());
    if head.reserved_a() != 0 || head.reserved_b() != 0 {
        let operation = Operation::Notice;
        return Err(DecodeError::Reserved { operation, offset: NOTICE_RESERVED_AT });
    }
    Ok(NoticeFrame { code: head.code(), count: head.count() })
}

/// A whole UNSUBSCRIBE frame.
#[must_use]
pub(super) fn unsubscribe_frame(unsubscribe: &Unsubscribe) -> [u8; 32] {
    let Unsubscribe { subscription, ticket, deliveries_max } = *unsubscribe;
    let head = UnsubscribeHead::new(subscription.0, ticket.0, deliveries_max, 0).0;
    prefix(Operation::Unsubscribe, 0, head.len(), head)
}

/// Reads an UNSUBSCRIBE frame.
pub(super) fn read_unsubscribe(frame: &Frame<'_>) -> Result<Unsubscribe, DecodeError> {
    let head = UnsubscribeHead(frame.fixed_head());
    if head.reserved() != 0 {
        let operation = Operation::Unsubscribe;
        return Err(DecodeError::Reserved { operation, offset: UNSUBSCRIBE_RESERVED_AT });
    }
    Ok(Unsubscribe {
        subscription: SubscriptionId(head.subscription()),
        ticket: Ticket(head.correlation()),
        deliveries_max: head.deliveries_max(),
    })
}

/// A whole CREDIT frame.
#[must_use]
pub(super) fn credit_frame(credit: &AddCredit) -> [u8; 24] {
    let head = CreditHead::new(credit.subscription.0, credit.messages, 0).0;
    prefix(Operation::Credit, 0, head.len(), head)
}

/// Reads a CREDIT frame.
pub(super) fn read_credit(frame: &Frame<'_>) -> Result<AddCredit, DecodeError> {
    let head = CreditHead(frame.fixed_head());
    if head.reserved() != 0 {
        let operation = Operation::Credit;
        return Err(DecodeError::Reserved { operation, offset: CREDIT_RESERVED_AT });
    }
    Ok(AddCredit { subscription: SubscriptionId(head.subscription()), messages: head.messages() })
}

const _: () = assert!(size_of::<PublishHead>() == 24 && size_of::<DeliverHead>() == 40);
const _: () = assert!(size_of::<UnsubscribeHead>() == 24 && size_of::<CreditHead>() == 16);
const _: () = assert!(size_of::<TokenHead>() == 8 && size_of::<OutcomeHead>() == 16);
const _: () = assert!(size_of::<NoticeHead>() == 16);
