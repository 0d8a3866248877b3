//! What arrives from one partition.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use coilgun_protocol::model::{FollowId, Offset};
use futures_core::Stream;

use crate::asynchronous::client::{Client, Handle};
use crate::asynchronous::waiting::Waiting;
use crate::engine::TakenRecord;
use crate::error::ClientError;
use crate::stream::{FollowOptions, StoredRecord};

/// The records of one partition, in order and without a gap, as a stream. It survives the loss of the
/// connection, and goes on behind the last record that came. Dropping it ends the reading, and what
/// waits for it is thrown away.
#[derive(Debug)]
pub struct Follower {
    handle: Arc<Handle>,
    id: FollowId,
    is_over: bool,
}

impl Follower {
    pub(super) async fn begin(
        client: &Client,
        stream: &str,
        partition: u32,
        from: Offset,
        options: FollowOptions,
    ) -> Result<Follower, ClientError> {
        let handle = client.handle();
        let (now, timeout) = (handle.shared.now(), handle.timeout);
        let begun = handle
            .shared
            .with(|core| core.engine.follow(now, stream, partition, from, options, timeout));
        let (call, id) = begun?;
        Waiting::new(handle, call).await?;
        Ok(Follower { handle: Arc::clone(handle), id, is_over: false })
    }

    /// The next record; nothing, once everything was handed out and the options say that reading ends
    /// there. A future that is dropped loses no record.
    ///
    /// # Errors
    /// Once, behind the last record, if reading ends for another reason: the stream was deleted, what
    /// comes next cannot be read, the client has ended.
    pub async fn next(&mut self) -> Option<Result<StoredRecord, ClientError>> {
        std::future::poll_fn(|context| Pin::new(&mut *self).poll_next(context)).await
    }

    /// The number under which records name it.
    #[must_use]
    pub fn id(&self) -> FollowId {
        self.id
    }
}

impl Stream for Follower {
    type Item = Result<StoredRecord, ClientError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.is_over {
            return Poll::Ready(None);
        }
        let id = self.id;
        let taken = self.handle.shared.with(|core| {
            let taken = core.engine.take_record(id);
            match taken {
                TakenRecord::Nothing => core.wait_for_records(id, context.waker()),
                TakenRecord::Record(_) => core.changed = true,
                TakenRecord::End | TakenRecord::Failed(_) => {}
            }
            taken
        });
        match taken {
            TakenRecord::Record(record) => Poll::Ready(Some(Ok(record))),
            TakenRecord::Nothing => Poll::Pending,
            TakenRecord::End => {
                self.is_over = true;
                Poll::Ready(None)
            }
            TakenRecord::Failed(error) => {
                self.is_over = true;
                Poll::Ready(Some(Err(error)))
            }
        }
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.handle.shared.with(|core| core.forget_follower(self.id));
    }
}
