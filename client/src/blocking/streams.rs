//! Streams: made, described and deleted, appended to and read.

use std::time::Duration;

use coilgun_protocol::model::FollowId;

use crate::blocking::client::{Client, random};
use crate::blocking::clock::Deadline;
use crate::engine::{Call, TakenRecord};
use crate::error::ClientError;
use crate::stream::{
    AppendOptions, Appended, Batch, FollowOptions, ProducerOptions, ProducerState, Retry, StartAt,
    StoredRecord, StreamInfo, StreamOptions, StreamSummary, offset_of,
};

/// A batch that is on its way, to be given to [`Client::finish_append`].
#[derive(Debug)]
#[must_use = "nobody hears what becomes of the batch otherwise"]
pub struct PendingAppend {
    call: Call,
}

/// What there is to be read.
#[derive(Clone, Debug)]
pub enum Followed {
    /// A record.
    Record(StoredRecord),
    /// This follower has had everything, and was to end there.
    End(FollowId),
    /// Nothing came in time.
    Nothing,
}

/// Appends batches to a stream, each of which is stored exactly once: what gets lost on the way is sent
/// again under the same number, and the broker knows it by that.
#[derive(Debug)]
pub struct Producer {
    stream: String,
    state: ProducerState,
}

impl Client {
    /// Makes a stream, and says what it is like.
    ///
    /// # Errors
    /// If there is one of this name, the name or the number of partitions is not allowed, the broker has
    /// no room or does not answer in time, or the connection breaks, so that nobody knows.
    pub fn create_stream(
        &mut self,
        name: &str,
        options: StreamOptions,
    ) -> Result<StreamInfo, ClientError> {
        let timeout = self.timeout;
        let (engine, now) = self.driver.engine_now();
        let call = engine.create_stream(now, name, options, timeout)?;
        self.described(call)
    }

    /// Says what a stream is like.
    ///
    /// # Errors
    /// If there is none of this name, or the broker does not answer.
    pub fn stream_info(&mut self, name: &str) -> Result<StreamInfo, ClientError> {
        let timeout = self.timeout;
        let (engine, now) = self.driver.engine_now();
        let call = engine.describe_stream(now, name, timeout)?;
        self.described(call)
    }

    fn described(&mut self, call: Call) -> Result<StreamInfo, ClientError> {
        self.driver.wait_for(call)?.described()
    }

    /// Says which streams there are in the client's namespace, by name.
    ///
    /// # Errors
    /// If the broker has no streams or does not answer.
    pub fn streams(&mut self) -> Result<Vec<StreamSummary>, ClientError> {
        let timeout = self.timeout;
        let (engine, now) = self.driver.engine_now();
        let call = engine.list_streams(now, timeout)?;
        self.driver.wait_for(call)?.listed()
    }

    /// Deletes a stream with all its records.
    ///
    /// # Errors
    /// If there is none of this name, the broker does not answer in time, or the connection breaks, so
    /// that nobody knows.
    pub fn delete_stream(&mut self, name: &str) -> Result<(), ClientError> {
        let timeout = self.timeout;
        let (engine, now) = self.driver.engine_now();
        let call = engine.delete_stream(now, name, timeout)?;
        self.driver.wait_for(call).map(drop)
    }

    /// Appends a batch, and returns when it has come as far as `options` want: on the disk, unless they
    /// say otherwise. [`AckLevel::None`](crate::AckLevel::None) counts as
    /// [`AckLevel::Leader`](crate::AckLevel::Leader) here.
    ///
    /// # Errors
    /// If the broker refuses it or does not answer in time; if the connection breaks, or the code is
    /// `outcome_unknown`, nobody knows whether it is stored. A [`Producer`] tries again then, and is
    /// stored once.
    pub fn append(
        &mut self,
        stream: &str,
        batch: &Batch,
        options: &AppendOptions,
    ) -> Result<Appended, ClientError> {
        let pending = self.begin_append(stream, batch, options)?;
        self.finish_append(pending)
    }

    /// Puts a batch on its way, and waits for nothing but room: batches of one client to one partition
    /// are appended in this order. [`AckLevel::None`](crate::AckLevel::None) counts as
    /// [`AckLevel::Leader`](crate::AckLevel::Leader) here.
    ///
    /// # Errors
    /// If it cannot be sent.
    pub fn begin_append(
        &mut self,
        stream: &str,
        batch: &Batch,
        options: &AppendOptions,
    ) -> Result<PendingAppend, ClientError> {
        self.make_room()?;
        let timeout = self.timeout;
        let (engine, now) = self.driver.engine_now();
        let call = engine.append(now, stream, batch, options, timeout)?;
        Ok(PendingAppend { call })
    }

    /// Waits until a batch has come as far as was wanted.
    ///
    /// # Errors
    /// As [`Client::append`].
    pub fn finish_append(&mut self, pending: PendingAppend) -> Result<Appended, ClientError> {
        self.driver.wait_for(pending.call)?.appended()
    }

    /// Appends a batch without an answer, whatever becomes of it; it goes out as what is
    /// [published](Client::publish) does.
    ///
    /// # Errors
    /// If it cannot be sent.
    pub fn append_unacked(
        &mut self,
        stream: &str,
        batch: &Batch,
        options: &AppendOptions,
    ) -> Result<(), ClientError> {
        self.make_room()?;
        self.driver.engine.append_unacked(stream, batch, options)
    }

    /// A producer whose batches are stored once, also if they have to be sent again.
    ///
    /// # Errors
    /// If the broker has no streams, or the client has ended. The broker is not asked before the first
    /// batch: whether there is such a stream is found then.
    pub fn producer(
        &mut self,
        stream: &str,
        options: ProducerOptions,
    ) -> Result<Producer, ClientError> {
        self.driver.engine.check_streams()?;
        let state = ProducerState::new(options, random());
        Ok(Producer { stream: stream.to_owned(), state })
    }

    /// Reads a partition of a stream, from `start` on and as it grows; returns when the broker reads.
    ///
    /// # Errors
    /// If there is no such stream or partition, or the start lies outside of what can be read.
    pub fn follow(
        &mut self,
        stream: &str,
        partition: u32,
        start: StartAt,
        options: FollowOptions,
    ) -> Result<FollowId, ClientError> {
        let from = match start {
            StartAt::Offset(offset) => offset,
            StartAt::First | StartAt::End | StartAt::BeforeEnd(_) => {
                let info = self.stream_info(stream)?;
                offset_of(start, &info, partition)?
            }
        };
        let timeout = self.timeout;
        let (engine, now) = self.driver.engine_now();
        let (call, follower) = engine.follow(now, stream, partition, from, options, timeout)?;
        if let Err(error) = self.driver.wait_for(call) {
            self.driver.engine.drop_follower(follower);
            return Err(error);
        }
        Ok(follower)
    }

    /// Stops reading; what came and was not taken is thrown away.
    pub fn unfollow(&mut self, follower: FollowId) {
        self.driver.engine.drop_follower(follower);
    }

    /// The next record of any follower, each in its turn, or the end of one. A timeout of zero takes
    /// what is there.
    ///
    /// # Errors
    /// If a follower has ended for another reason than that it was to, which is said once; or if the
    /// client has ended.
    pub fn next_record(&mut self, timeout: Duration) -> Result<Followed, ClientError> {
        self.next_of(timeout, crate::engine::Engine::ready_follower)
    }

    /// The next record of one follower, or its end.
    ///
    /// # Errors
    /// As [`Client::next_record`].
    pub fn next_record_of(
        &mut self,
        follower: FollowId,
        timeout: Duration,
    ) -> Result<Followed, ClientError> {
        self.next_of(timeout, |_| Some(follower))
    }

    fn next_of(
        &mut self,
        timeout: Duration,
        mut which: impl FnMut(&mut crate::engine::Engine) -> Option<FollowId>,
    ) -> Result<Followed, ClientError> {
        let mut deadline = Deadline::after(timeout);
        // Ends at the deadline at the latest, or with what arrives first.
        loop {
            if let Some(follower) = which(&mut self.driver.engine) {
                match self.driver.engine.take_record(follower) {
                    TakenRecord::Record(record) => return Ok(Followed::Record(record)),
                    TakenRecord::Nothing => {}
                    TakenRecord::End => {
                        self.driver.engine.drop_follower(follower);
                        return Ok(Followed::End(follower));
                    }
                    TakenRecord::Failed(error) => {
                        self.driver.engine.drop_follower(follower);
                        return Err(error);
                    }
                }
            }
            self.driver.write_some();
            if !self.driver.step(&mut deadline)? {
                return Ok(Followed::Nothing);
            }
        }
    }
}

impl Producer {
    /// Who it is: its number, also one that was drawn, and its epoch.
    #[must_use]
    pub fn options(&self) -> ProducerOptions {
        self.state.options()
    }

    /// Appends a batch, and tries again for as long as the time limit of the client allows if nobody
    /// knows what became of it, or the broker has no room just now. What
    /// [`AppendOptions::producer`] says is not used.
    ///
    /// A batch of which nobody knows what became is in doubt: after any error but a refusal at the first
    /// attempt. Then the same batch may be given once more, as often as it takes,
    /// and is stored once. Another one for the same partition is refused, because the broker would take it
    /// for the one in doubt. The way out is another producer: one that has a number of its own begins
    /// again with an epoch one higher than in [`Producer::options`], and what is still on its way of the
    /// earlier one is refused from its first batch on.
    ///
    /// # Errors
    /// If the broker refuses it, the time is over, or [`ClientError::InDoubt`].
    pub fn append(
        &mut self,
        client: &mut Client,
        batch: &Batch,
        options: &AppendOptions,
    ) -> Result<Appended, ClientError> {
        let until = Deadline::after(client.timeout);
        if self.state.lacks_stream(batch, options) {
            self.state.learn(&client.stream_info(&self.stream)?);
        }
        let mut pause = Retry::FIRST_PAUSE;
        // Ends when the time is over at the latest.
        loop {
            let options = self.state.begin(batch, *options)?;
            let error = match client.append(&self.stream, batch, &options) {
                Ok(appended) => {
                    self.state.stored(&options, batch);
                    return Ok(appended);
                }
                Err(error) => error,
            };
            let retry = self.state.failed(&options, &error);
            if retry == Retry::No || until.is_over() {
                return Err(error);
            }
            client.pass(pause)?;
            pause = Retry::longer(pause);
        }
    }
}
