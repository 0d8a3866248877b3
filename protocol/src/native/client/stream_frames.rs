//! What a client sends and reads of streams.

use super::super::append::{APPEND_PREFIX_BYTES, AppendFrame, AppendedFrame, append_prefix_bytes};
use super::super::control::{
    FollowRequest, StreamCreate, StreamDescribedFrame, StreamList, StreamListedFrame, StreamNamed,
};
use super::super::follow::{FollowEndedFrame, RecordsFrame, follow_credit_frame, unfollow_frame};
use super::encode::EncodeError;
use crate::model::limits::{BATCH_BYTES_MAX, STREAM_NAME_BYTES_MAX};
use crate::model::{AddFollowCredit, Unfollow};

/// A frame of the client about streams.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum StreamRequest<'a> {
    /// The client makes a stream.
    Create(StreamCreate<'a>),
    /// The client deletes a stream with all its records.
    Delete(StreamNamed<'a>),
    /// The client asks which streams there are.
    List(StreamList),
    /// The client asks what a stream is like.
    Describe(StreamNamed<'a>),
    /// The client appends a batch.
    Append(AppendFrame<'a>),
    /// The client reads a partition as it grows.
    Follow(FollowRequest<'a>),
    /// The client lets a follower read more.
    AddCredit(AddFollowCredit),
    /// The client stops reading.
    Unfollow(Unfollow),
}

/// A frame of the broker about streams.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum StreamFrame<'a> {
    /// What a stream is like.
    Described(StreamDescribedFrame<'a>),
    /// Which streams there are.
    Listed(StreamListedFrame<'a>),
    /// What became of a batch.
    Appended(AppendedFrame),
    /// A batch for a follower.
    Records(RecordsFrame<'a>),
    /// A follower has ended by itself.
    FollowEnded(FollowEndedFrame),
}

/// Header and head of an APPEND frame, for who sends name and body behind it without copying them.
///
/// # Errors
/// If the name or the batch is longer than any broker accepts.
pub fn append_prefix(append: &AppendFrame<'_>) -> Result<[u8; APPEND_PREFIX_BYTES], EncodeError> {
    check_name(append.stream)?;
    if append.body.len() > BATCH_BYTES_MAX {
        return Err(EncodeError::BatchTooLarge { bytes: append.body.len() });
    }
    Ok(append_prefix_bytes(append))
}

fn check_name(name: &[u8]) -> Result<(), EncodeError> {
    if name.len() > STREAM_NAME_BYTES_MAX {
        return Err(EncodeError::StreamNameTooLong { bytes: name.len() });
    }
    Ok(())
}

/// Appends a frame to `out`.
pub(super) fn encode_stream_request(
    request: &StreamRequest<'_>,
    out: &mut Vec<u8>,
) -> Result<(), EncodeError> {
    match request {
        StreamRequest::Append(append) => {
            out.extend_from_slice(&append_prefix(append)?);
            out.extend_from_slice(append.stream);
            out.extend_from_slice(append.body);
        }
        StreamRequest::AddCredit(credit) => out.extend_from_slice(&follow_credit_frame(credit)),
        StreamRequest::Unfollow(unfollow) => out.extend_from_slice(&unfollow_frame(unfollow)),
        StreamRequest::List(list) => list.encode(out),
        StreamRequest::Create(create) => {
            check_name(create.name)?;
            create.encode(out)?;
        }
        StreamRequest::Delete(named) => {
            check_name(named.name)?;
            named.encode_delete(out)?;
        }
        StreamRequest::Describe(named) => {
            check_name(named.name)?;
            named.encode_describe(out)?;
        }
        StreamRequest::Follow(follow) => {
            check_name(follow.stream)?;
            follow.encode(out)?;
        }
    }
    Ok(())
}
