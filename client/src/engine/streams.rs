//! Calls about streams: what a program asks, and what the broker answers.

use std::time::Duration;

use coilgun_protocol::model::{AckLevel, Ticket, Timestamp};
use coilgun_protocol::native::{
    AppendFrame, AppendedFrame, ClientFrame, Features, OutcomeFrame, StreamCreate,
    StreamDescribedFrame, StreamFrame, StreamList, StreamListedFrame, StreamNamed, StreamRequest,
};

use crate::engine::answer::{Answer, StreamAnswer};
use crate::engine::calls::{Call, Kind, StreamKind};
use crate::engine::incoming::accepted;
use crate::engine::machine::Engine;
use crate::error::ClientError;
use crate::stream::{AppendOptions, Appended, Batch, StreamInfo, StreamOptions, StreamSummary};

impl Engine {
    /// Makes a stream: [`StreamAnswer::Described`] when it is there.
    ///
    /// # Errors
    /// If the broker has no streams, too much waits for the next connection, or the client has ended.
    pub fn create_stream(
        &mut self,
        now: Timestamp,
        name: &str,
        options: StreamOptions,
        timeout: Duration,
    ) -> Result<Call, ClientError> {
        let kind = StreamKind::Describe { what: format!("creation of {name}"), so_far: None };
        self.stream_call(now, kind, timeout, |correlation| {
            StreamRequest::Create(StreamCreate {
                correlation,
                name: name.as_bytes(),
                partition_count: options.partitions,
                co_located: options.co_located,
            })
        })
    }

    /// Asks what a stream is like: [`StreamAnswer::Described`].
    ///
    /// # Errors
    /// As [`Engine::create_stream`].
    pub fn describe_stream(
        &mut self,
        now: Timestamp,
        name: &str,
        timeout: Duration,
    ) -> Result<Call, ClientError> {
        let kind = StreamKind::Describe { what: format!("stream {name}"), so_far: None };
        self.stream_call(now, kind, timeout, |correlation| {
            StreamRequest::Describe(StreamNamed { correlation, name: name.as_bytes() })
        })
    }

    /// Deletes a stream with all its records: [`Answer::Done`].
    ///
    /// # Errors
    /// As [`Engine::create_stream`].
    pub fn delete_stream(
        &mut self,
        now: Timestamp,
        name: &str,
        timeout: Duration,
    ) -> Result<Call, ClientError> {
        let kind = StreamKind::Delete { stream: name.to_owned() };
        self.stream_call(now, kind, timeout, |correlation| {
            StreamRequest::Delete(StreamNamed { correlation, name: name.as_bytes() })
        })
    }

    /// Asks which streams there are: [`StreamAnswer::Listed`], by name.
    ///
    /// # Errors
    /// As [`Engine::create_stream`].
    pub fn list_streams(&mut self, now: Timestamp, timeout: Duration) -> Result<Call, ClientError> {
        let kind = StreamKind::List { so_far: Vec::new() };
        self.stream_call(now, kind, timeout, |correlation| {
            StreamRequest::List(StreamList { correlation })
        })
    }

    /// Appends a batch: [`StreamAnswer::Appended`] when it has come as far as `options` want, which is
    /// [`AckLevel::Leader`] at least.
    ///
    /// # Errors
    /// As [`Engine::create_stream`].
    pub fn append(
        &mut self,
        now: Timestamp,
        stream: &str,
        batch: &Batch,
        options: &AppendOptions,
        timeout: Duration,
    ) -> Result<Call, ClientError> {
        let frame = batch.frame(stream, options);
        let kind = StreamKind::Append { stream: stream.to_owned() };
        let level = options.level.max(AckLevel::Leader);
        self.stream_call(now, kind, timeout, |correlation| {
            StreamRequest::Append(AppendFrame { correlation, level, ..frame })
        })
    }

    /// Appends a batch, and nobody hears what becomes of it. It goes out, now or on the next connection,
    /// as what is published does, and [`Engine::flush`] speaks for it as far as its way to the broker.
    ///
    /// # Errors
    /// As [`Engine::create_stream`].
    pub fn append_unacked(
        &mut self,
        stream: &str,
        batch: &Batch,
        options: &AppendOptions,
    ) -> Result<(), ClientError> {
        self.check_streams()?;
        let frame = AppendFrame { level: AckLevel::None, ..batch.frame(stream, options) };
        let request = ClientFrame::Stream(StreamRequest::Append(frame));
        self.outgoing.push(&request, None).map(drop)
    }

    /// Begins a call about streams. Its frame waits for the next connection where there is none.
    pub(super) fn stream_call<'a>(
        &mut self,
        now: Timestamp,
        kind: StreamKind,
        timeout: Duration,
        request: impl FnOnce(Ticket) -> StreamRequest<'a>,
    ) -> Result<Call, ClientError> {
        self.check_streams()?;
        let call = self.calls.insert(Kind::Stream(kind), now, timeout);
        let frame = ClientFrame::Stream(request(Ticket(call.0)));
        self.send_call(call, &frame)?;
        Ok(call)
    }

    /// Says whether anything can be asked about streams just now.
    ///
    /// # Errors
    /// If the broker has none, or the client has ended.
    pub fn check_streams(&self) -> Result<(), ClientError> {
        self.check_open()?;
        self.require_streams()
    }

    fn require_streams(&self) -> Result<(), ClientError> {
        let lacks = |info: &crate::ServerInfo| !info.features.contains(Features::STREAMS);
        if self.info.as_ref().is_some_and(lacks) {
            return Err(ClientError::NotOffered("streams"));
        }
        Ok(())
    }

    /// The broker let the client in: whether it has streams. Where it has none, what waits for some ends.
    pub(super) fn has_streams(&mut self) -> bool {
        if let Err(error) = self.require_streams() {
            self.calls.end_all(
                |entry| matches!(entry.kind, Kind::Stream(_)) && !entry.is_sent,
                |_| Err(error.clone()),
            );
            self.followers.end_all(&error);
            return false;
        }
        true
    }

    /// A frame about streams.
    pub(super) fn on_stream(&mut self, frame: &StreamFrame<'_>) {
        match frame {
            StreamFrame::Records(records) => self.on_records(records),
            StreamFrame::Appended(appended) => self.on_appended(appended),
            StreamFrame::FollowEnded(ended) => self.on_follow_ended(ended),
            StreamFrame::Described(described) => self.on_described(described),
            StreamFrame::Listed(listed) => self.on_listed(listed),
        }
    }

    /// An outcome for a call about streams: how it ends, unless it goes on.
    pub(super) fn on_stream_outcome(
        &mut self,
        kind: StreamKind,
        outcome: OutcomeFrame,
    ) -> Option<Result<Answer, ClientError>> {
        let done = |what: String| accepted(outcome, || what).map(|()| Answer::Done);
        match kind {
            StreamKind::Delete { stream } => Some(done(format!("deletion of {stream}"))),
            StreamKind::Follow { follower, what } => {
                if outcome.is_ok() {
                    self.followers.is_live(follower);
                } else {
                    self.followers.remove(follower);
                }
                Some(done(what))
            }
            // These are answered by frames of their own, unless they are refused.
            StreamKind::Describe { what, .. } => done(what).err().map(Err),
            StreamKind::List { .. } => done("list of streams".to_owned()).err().map(Err),
            StreamKind::Append { stream } => done(format!("append to {stream}")).err().map(Err),
        }
    }

    fn on_described(&mut self, frame: &StreamDescribedFrame<'_>) {
        let call = Call(frame.correlation.0);
        let Some(entry) = self.calls.pending(call) else { return };
        let Kind::Stream(StreamKind::Describe { so_far, .. }) = &mut entry.kind else { return };
        if StreamInfo::add(so_far, frame) {
            return;
        }
        let info = so_far.take().expect("the frame was added");
        self.calls.end(call, Ok(Answer::Stream(StreamAnswer::Described(Box::new(info)))));
    }

    fn on_listed(&mut self, frame: &StreamListedFrame<'_>) {
        let call = Call(frame.correlation.0);
        let Some(entry) = self.calls.pending(call) else { return };
        let Kind::Stream(StreamKind::List { so_far }) = &mut entry.kind else { return };
        if StreamSummary::add(so_far, frame) {
            return;
        }
        let mut all = core::mem::take(so_far);
        all.sort_by(|a, b| a.name.cmp(&b.name));
        self.calls.end(call, Ok(Answer::Stream(StreamAnswer::Listed(all))));
    }

    fn on_appended(&mut self, frame: &AppendedFrame) {
        let call = Call(frame.correlation.0);
        let Some(entry) = self.calls.pending(call) else { return };
        let Kind::Stream(StreamKind::Append { stream }) = &entry.kind else { return };
        let result = if frame.is_ok() {
            Ok(Answer::Stream(StreamAnswer::Appended(Appended::new(frame))))
        } else {
            let what = format!("append to {stream}");
            Err(ClientError::refused_about(what, frame.code, frame.detail))
        };
        self.calls.end(call, result);
    }
}
