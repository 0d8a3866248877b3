//! Streams: made, described and deleted, appended to and read.

use std::future::Future;
use std::hash::{BuildHasher, RandomState};
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::asynchronous::client::Client;
use crate::asynchronous::follower::Follower;
use crate::asynchronous::producer::Producer;
use crate::asynchronous::waiting::Waiting;
use crate::error::ClientError;
use crate::stream::{
    AppendOptions, Appended, Batch, FollowOptions, ProducerOptions, ProducerState, StartAt,
    StreamInfo, StreamOptions, StreamSummary, offset_of,
};

/// What becomes of a batch that is on its way. Dropping it takes back what still waits for a connection;
/// what was sent stays sent.
#[derive(Debug)]
pub struct PendingAppend {
    waiting: Waiting,
}

impl Client {
    /// Makes a stream, and says what it is like.
    ///
    /// # Errors
    /// If there is one of this name, the name or the number of partitions is not allowed, the broker has
    /// no room or does not answer in time, or the connection breaks, so that nobody knows.
    pub async fn create_stream(
        &self,
        name: &str,
        options: StreamOptions,
    ) -> Result<StreamInfo, ClientError> {
        let timeout = self.timeout();
        let call =
            self.begin(|engine, now| engine.create_stream(now, name, options, timeout)).await?;
        call.await?.described()
    }

    /// Says what a stream is like.
    ///
    /// # Errors
    /// If there is none of this name, or the broker does not answer.
    pub async fn stream_info(&self, name: &str) -> Result<StreamInfo, ClientError> {
        let timeout = self.timeout();
        let call = self.begin(|engine, now| engine.describe_stream(now, name, timeout)).await?;
        call.await?.described()
    }

    /// Says which streams there are in the client's namespace, by name.
    ///
    /// # Errors
    /// If the broker has no streams or does not answer.
    pub async fn streams(&self) -> Result<Vec<StreamSummary>, ClientError> {
        let timeout = self.timeout();
        self.begin(|engine, now| engine.list_streams(now, timeout)).await?.await?.listed()
    }

    /// Deletes a stream with all its records.
    ///
    /// # Errors
    /// If there is none of this name, the broker does not answer in time, or the connection breaks, so
    /// that nobody knows.
    pub async fn delete_stream(&self, name: &str) -> Result<(), ClientError> {
        let timeout = self.timeout();
        let call = self.begin(|engine, now| engine.delete_stream(now, name, timeout)).await?;
        call.await.map(drop)
    }

    /// Appends a batch, and returns when it has come as far as `options` want: on the disk, unless they
    /// say otherwise. [`AckLevel::None`](crate::AckLevel::None) counts as
    /// [`AckLevel::Leader`](crate::AckLevel::Leader) here.
    ///
    /// # Errors
    /// If the broker refuses it or does not answer in time; if the connection breaks, or the code is
    /// `outcome_unknown`, nobody knows whether it is stored. A [`Producer`] tries again then, and is
    /// stored once.
    pub async fn append(
        &self,
        stream: &str,
        batch: &Batch,
        options: &AppendOptions,
    ) -> Result<Appended, ClientError> {
        self.begin_append(stream, batch, options).await?.await
    }

    /// Puts a batch on its way, and returns as soon as there is room: batches of one client to one
    /// partition are appended in this order. [`AckLevel::None`](crate::AckLevel::None) counts as
    /// [`AckLevel::Leader`](crate::AckLevel::Leader) here.
    ///
    /// # Errors
    /// If it cannot be sent.
    pub async fn begin_append(
        &self,
        stream: &str,
        batch: &Batch,
        options: &AppendOptions,
    ) -> Result<PendingAppend, ClientError> {
        let timeout = self.timeout();
        let begun = self.begin(|engine, now| engine.append(now, stream, batch, options, timeout));
        Ok(PendingAppend { waiting: begun.await? })
    }

    /// Appends a batch without an answer, whatever becomes of it; it goes out as what is
    /// [published](Client::publish) does.
    ///
    /// # Errors
    /// If it cannot be sent.
    pub async fn append_unacked(
        &self,
        stream: &str,
        batch: &Batch,
        options: &AppendOptions,
    ) -> Result<(), ClientError> {
        let shared = &self.handle().shared;
        std::future::poll_fn(|context| {
            shared.poll_with_room(context, |it| it.append_unacked(stream, batch, options))
        })
        .await
    }

    /// A producer whose batches are stored once, also if they have to be sent again.
    ///
    /// # Errors
    /// If the broker has no streams, or the client has ended. The broker is not asked before the first
    /// batch: whether there is such a stream is found then.
    pub async fn producer(
        &self,
        stream: &str,
        options: ProducerOptions,
    ) -> Result<Producer, ClientError> {
        self.handle().shared.with(|core| core.engine.check_streams())?;
        let drawn = RandomState::new().hash_one(());
        Ok(Producer::new(self.clone(), stream, ProducerState::new(options, drawn)))
    }

    /// Reads a partition of a stream, from `start` on and as it grows; returns when the broker reads.
    ///
    /// # Errors
    /// If there is no such stream or partition, or the start lies outside of what can be read.
    pub async fn follow(
        &self,
        stream: &str,
        partition: u32,
        start: StartAt,
        options: FollowOptions,
    ) -> Result<Follower, ClientError> {
        let from = match start {
            StartAt::Offset(offset) => offset,
            StartAt::First | StartAt::End | StartAt::BeforeEnd(_) => {
                let info = self.stream_info(stream).await?;
                offset_of(start, &info, partition)?
            }
        };
        Follower::begin(self, stream, partition, from, options).await
    }
}

impl Future for PendingAppend {
    type Output = Result<Appended, ClientError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.waiting.poll_answer(context).map(|answer| answer?.appended())
    }
}
