//! What calls end with.

#[cfg(any(feature = "async", feature = "blocking"))]
use crate::error::ClientError;
use crate::message::Message;
use crate::stream::{Appended, StreamInfo, StreamSummary};

/// How a call ended, or what came for one that goes on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Answer {
    /// It is done.
    Done,
    /// The message is in the outboxes of so many receivers.
    Receivers(u32),
    /// A reply; the call goes on, unless it asked for one reply only.
    Reply(Message),
    /// No more replies follow.
    End,
    /// Something about streams.
    Stream(StreamAnswer),
}

/// How a call about streams ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum StreamAnswer {
    /// What a stream is like.
    Described(Box<StreamInfo>),
    /// Which streams there are.
    Listed(Vec<StreamSummary>),
    /// What became of a batch.
    Appended(Appended),
}

#[cfg(any(feature = "async", feature = "blocking"))]
impl Answer {
    /// What a stream is like.
    ///
    /// # Errors
    /// If it is another answer, which a call that asked for this one has only once the client has ended.
    pub(crate) fn described(self) -> Result<StreamInfo, ClientError> {
        let Answer::Stream(StreamAnswer::Described(info)) = self else {
            return Err(ClientError::Closed);
        };
        Ok(*info)
    }

    /// Which streams there are.
    ///
    /// # Errors
    /// As [`Answer::described`].
    pub(crate) fn listed(self) -> Result<Vec<StreamSummary>, ClientError> {
        let Answer::Stream(StreamAnswer::Listed(all)) = self else {
            return Err(ClientError::Closed);
        };
        Ok(all)
    }

    /// What became of a batch.
    ///
    /// # Errors
    /// As [`Answer::described`].
    pub(crate) fn appended(self) -> Result<Appended, ClientError> {
        let Answer::Stream(StreamAnswer::Appended(appended)) = self else {
            return Err(ClientError::Closed);
        };
        Ok(appended)
    }
}
