//! Followers of partitions and the records that wait for them. They outlive connections.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use coilgun_protocol::model::{AddFollowCredit, FollowFrom, FollowId, Offset, Ticket, Timestamp};
use coilgun_protocol::native::{FollowRequest, RecordsFrame};

use crate::engine::calls::Call;
use crate::engine::fixed_state::FixedState;
use crate::error::ClientError;
use crate::stream::{FollowOptions, StoredRecord, stored};

/// A follower.
#[derive(Debug)]
pub(super) struct HeldFollower {
    stream: String,
    partition: u32,
    options: FollowOptions,
    /// The next record that the broker has to send.
    next: Offset,
    queue: VecDeque<StoredRecord>,
    queue_bytes: usize,
    /// What the broker may still send.
    credit_records: u32,
    credit_bytes: u32,
    stage: FollowerStage,
}

/// Where a follower stands.
#[derive(Debug)]
enum FollowerStage {
    /// It was asked for, and the call waits for the broker.
    Asked(Call),
    /// It is read for, or will be on the next connection.
    Live,
    /// Nothing more comes: it is at the end, or why not.
    Ended(Result<(), ClientError>),
}

/// What there is for a follower.
#[derive(Clone, Debug)]
pub enum TakenRecord {
    /// The next record.
    Record(StoredRecord),
    /// Nothing is there just now.
    Nothing,
    /// It was to stop at the end, and everything was handed out.
    End,
    /// Everything was handed out, and nothing more comes because of this.
    Failed(ClientError),
}

/// All followers of a client.
#[derive(Debug, Default)]
pub(super) struct Followers {
    held: BTreeMap<FollowId, HeldFollower>,
    last: u64,
    /// The one that was looked at last, so that each has its turn.
    turn: u64,
    /// Followers that were begun again on this connection, under the number of the frame.
    begun_again: HashMap<u64, FollowId, FixedState>,
    /// Followers that were refused on this connection, and when they are begun once more.
    later: BTreeSet<(Timestamp, FollowId)>,
    woken: Vec<FollowId>,
}

impl HeldFollower {
    pub(super) fn new(
        stream: &str,
        partition: u32,
        from: Offset,
        options: FollowOptions,
        call: Call,
    ) -> HeldFollower {
        HeldFollower {
            stream: stream.to_owned(),
            partition,
            options,
            next: from,
            queue: VecDeque::new(),
            queue_bytes: 0,
            credit_records: 0,
            credit_bytes: 0,
            stage: FollowerStage::Asked(call),
        }
    }

    /// What it is, for people.
    pub(super) fn what(&self) -> String {
        reading(&self.stream, self.partition)
    }

    /// How it begins on a connection: behind what came before.
    pub(super) fn begin(&mut self, follow: FollowId, correlation: Ticket) -> FollowRequest<'_> {
        (self.credit_records, self.credit_bytes) = self.room();
        FollowRequest {
            follow,
            correlation,
            stream: self.stream.as_bytes(),
            partition: self.partition,
            from: FollowFrom::At(self.next),
            credit_records: self.credit_records,
            credit_bytes: self.credit_bytes,
            stop_at_end: self.options.stop_at_end,
        }
    }

    /// For how many records and bytes more there is room.
    fn room(&self) -> (u32, u32) {
        let records = u32::try_from(self.queue.len()).unwrap_or(u32::MAX);
        let bytes = u32::try_from(self.queue_bytes).unwrap_or(u32::MAX);
        let FollowOptions { ahead_records, ahead_bytes, .. } = self.options;
        (ahead_records.saturating_sub(records), ahead_bytes.saturating_sub(bytes))
    }

    /// A batch came; whether the first records wait now that nobody was told of, or why it cannot be read.
    fn add(&mut self, frame: &RecordsFrame<'_>) -> Result<bool, ClientError> {
        // What lies before where it is takes none of the records, and all of the bytes.
        let wanted = frame.next_offset().0.saturating_sub(self.next.max(frame.base_offset).0);
        let wanted = u32::try_from(wanted).unwrap_or(u32::MAX);
        self.credit_records = self.credit_records.saturating_sub(wanted);
        let bytes = u32::try_from(frame.body.len()).unwrap_or(u32::MAX);
        self.credit_bytes = self.credit_bytes.saturating_sub(bytes);
        let before = self.queue.len();
        if let Err(reason) = stored(frame, self.next, &mut self.queue) {
            let (what, offset) = (self.what(), frame.base_offset.0);
            return Err(ClientError::Unreadable { what, offset, reason });
        }
        self.next = self.next.max(frame.next_offset());
        let new = self.queue.range(before..);
        self.queue_bytes += new.map(StoredRecord::credit_bytes).sum::<usize>();
        Ok(before == 0 && !self.queue.is_empty())
    }

    /// The credit to be given now, once it is worth a frame.
    fn credit(&mut self, follow: FollowId) -> Option<AddFollowCredit> {
        let (room_records, room_bytes) = self.room();
        let records = room_records.saturating_sub(self.credit_records);
        let bytes = room_bytes.saturating_sub(self.credit_bytes);
        let FollowOptions { ahead_records, ahead_bytes, .. } = self.options;
        let is_worth_it = records >= ahead_records.div_ceil(2) || bytes >= ahead_bytes.div_ceil(2);
        if !is_worth_it || !matches!(self.stage, FollowerStage::Live) {
            return None;
        }
        self.credit_records += records;
        self.credit_bytes += bytes;
        Some(AddFollowCredit { follow, records, bytes })
    }

    fn take(&mut self) -> TakenRecord {
        if let Some(record) = self.queue.pop_front() {
            self.queue_bytes -= record.credit_bytes();
            return TakenRecord::Record(record);
        }
        match &self.stage {
            FollowerStage::Asked(_) | FollowerStage::Live => TakenRecord::Nothing,
            FollowerStage::Ended(Ok(())) => TakenRecord::End,
            FollowerStage::Ended(Err(error)) => TakenRecord::Failed(error.clone()),
        }
    }

    /// The call that waits for it.
    pub(super) fn call(&self) -> Option<Call> {
        match self.stage {
            FollowerStage::Asked(call) => Some(call),
            FollowerStage::Live | FollowerStage::Ended(_) => None,
        }
    }

    fn is_over(&self) -> bool {
        matches!(self.stage, FollowerStage::Ended(_))
    }
}

/// What reading a partition is called, for people.
pub(super) fn reading(stream: &str, partition: u32) -> String {
    format!("reading of partition {partition} of {stream}")
}

impl Followers {
    pub(super) fn next_id(&mut self) -> FollowId {
        self.last += 1;
        FollowId(self.last)
    }

    pub(super) fn insert(&mut self, id: FollowId, held: HeldFollower) {
        self.held.insert(id, held);
    }

    /// One that still gets something, whether the broker knows it by now or not.
    pub(super) fn find(&mut self, id: FollowId) -> Option<&mut HeldFollower> {
        self.held.get_mut(&id).filter(|held| !held.is_over())
    }

    /// Forgets one, and says whether the broker may still read for it.
    pub(super) fn remove(&mut self, id: FollowId) -> bool {
        self.held.remove(&id).is_some_and(|held| !held.is_over())
    }

    /// Those that still get something, in order.
    pub(super) fn going_on(&self) -> Vec<FollowId> {
        self.held.iter().filter(|(_, held)| !held.is_over()).map(|(id, _)| *id).collect()
    }

    /// The broker reads for it.
    pub(super) fn is_live(&mut self, id: FollowId) {
        if let Some(held) = self.find(id) {
            held.stage = FollowerStage::Live;
        }
    }

    /// A batch came.
    ///
    /// # Errors
    /// If it cannot be read: its follower goes on no further.
    pub(super) fn add(&mut self, frame: &RecordsFrame<'_>) -> Result<(), ClientError> {
        // What comes for one that nobody holds any more was on its way when it was given up.
        let Some(held) = self.find(frame.follow) else { return Ok(()) };
        if held.add(frame)? {
            self.woken.push(frame.follow);
        }
        Ok(())
    }

    /// The next record of one, and the credit to be given for it.
    pub(super) fn take(&mut self, id: FollowId) -> (TakenRecord, Option<AddFollowCredit>) {
        let Some(held) = self.held.get_mut(&id) else { return (TakenRecord::End, None) };
        let taken = held.take();
        (taken, held.credit(id))
    }

    /// One for which there is something, each in its turn.
    pub(super) fn ready(&mut self) -> Option<FollowId> {
        let has_some = |held: &HeldFollower| !held.queue.is_empty() || held.is_over();
        let behind = self.held.range(FollowId(self.turn.saturating_add(1))..);
        let before = self.held.range(..=FollowId(self.turn));
        let ready = behind.chain(before).find(|(_, held)| has_some(held));
        let id = *ready?.0;
        self.turn = id.0;
        Some(id)
    }

    pub(super) fn is_any(&self) -> bool {
        !self.held.is_empty()
    }

    /// Whether no record waits.
    pub(super) fn are_empty(&self) -> bool {
        self.held.values().all(|held| held.queue.is_empty())
    }

    /// Nothing more comes for one.
    pub(super) fn end(&mut self, id: FollowId, how: Result<(), ClientError>) {
        if let Some(held) = self.find(id) {
            held.stage = FollowerStage::Ended(how);
            self.woken.push(id);
        }
    }

    pub(super) fn end_all(&mut self, error: &ClientError) {
        for id in self.going_on() {
            self.end(id, Err(error.clone()));
        }
    }

    /// The connection is lost: those in force begin again with the next one.
    pub(super) fn on_lost(&mut self) {
        self.begun_again.clear();
        self.later.clear();
    }

    pub(super) fn begin_again(&mut self, number: u64, id: FollowId) {
        self.begun_again.insert(number, id);
    }

    /// The follower that an outcome is about which was begun again.
    pub(super) fn begun_again(&mut self, number: u64) -> Option<FollowId> {
        self.begun_again.remove(&number)
    }

    /// Has one begin once more, then.
    pub(super) fn begin_later(&mut self, at: Timestamp, id: FollowId) {
        self.later.insert((at, id));
    }

    /// When the next one begins once more.
    pub(super) fn due(&self) -> Option<Timestamp> {
        self.later.first().map(|(at, _)| *at)
    }

    /// One that begins once more by now.
    pub(super) fn next_due(&mut self, now: Timestamp) -> Option<FollowId> {
        self.due().filter(|at| *at <= now)?;
        self.later.pop_first().map(|(_, id)| id)
    }

    pub(super) fn next_woken(&mut self) -> Option<FollowId> {
        self.woken.pop()
    }
}
