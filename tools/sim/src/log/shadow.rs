//! The model of a log: what was appended, in order, and how much of that is certain.

use std::collections::BTreeMap;

use coilgun_storage::disk::sim::{Dice, SimWorld};
use coilgun_storage::format::{
    Entry, Holds, LogPosition, MANIFEST_FILE_NAME, Manifest, SegmentSequence, read_entry,
    segment_file_name,
};
use coilgun_storage::journal::ReadRequest;
use coilgun_storage::recovery::Report;

use super::batch::Batch;
use super::state::{LogState, Rebuilt};
use crate::finding::{Finding, demand};

/// What must and may be in the log.
#[derive(Clone, Debug, Default)]
pub(super) struct Shadow {
    /// Every batch that was ever appended and is not void, in the order of the log.
    order: Vec<Batch>,
    /// What follows from all of them.
    pub(super) state: LogState,
    /// So many of them are certain: they were acked, or handed out by a log that was opened.
    certain: usize,
    /// Where the certain ones stand, as far as anybody said so.
    places: BTreeMap<usize, LogPosition>,
    /// Segments up to here were to be given back.
    to_release: SegmentSequence,
}

impl Shadow {
    /// How many batches are certain.
    pub(super) fn certain(&self) -> usize {
        self.certain
    }

    /// How many batches there are.
    pub(super) fn len(&self) -> usize {
        self.order.len()
    }

    /// A batch was appended.
    pub(super) fn on_appended(&mut self, batch: Batch) {
        assert!(self.state.add(&batch), "the simulation appends at the end");
        self.order.push(batch);
    }

    /// The next batches of the order are durable.
    pub(super) fn on_durable(
        &mut self,
        batches: &[Batch],
        places: &[LogPosition],
    ) -> Result<(), Finding> {
        let expected = self.order.get(self.certain..self.certain + batches.len());
        demand(expected == Some(batches), "what is durable is what was appended", || {
            format!("after {} batches {batches:?}, not {expected:?}", self.certain)
        })?;
        self.places.extend((self.certain..).zip(places.iter().copied()));
        self.certain += batches.len();
        Ok(())
    }

    /// Holds every batch that is certain against what stands on the disk, as far as its segment was not
    /// given back. Says how many that are.
    pub(super) fn check_disk(&self, world: &SimWorld) -> Result<u64, Finding> {
        let manifest = manifest(world)?;
        let mut files: BTreeMap<SegmentSequence, Vec<u8>> = BTreeMap::new();
        for (segment, row) in manifest.segments() {
            if matches!(row.holds, Holds::Sealed { .. }) {
                let bytes = world.contents(&segment_file_name(row.file)).unwrap_or_default();
                files.insert(segment, bytes);
            }
        }
        let mut checked = 0;
        for (index, place) in &self.places {
            if place.segment <= manifest.released {
                continue;
            }
            let entry =
                files.get(&place.segment).and_then(|bytes| bytes.get(place.byte as usize..));
            let found = match entry.map(read_entry) {
                Some(Ok((Entry::Append(head, body), _))) => Some(Batch::of(&head, body)),
                _ => None,
            };
            demand(
                found == Some(self.order[*index]),
                "what is kept stands where it stood",
                || format!("{found:?} at {place}, not {:?}", self.order[*index]),
            )?;
            checked += 1;
        }
        Ok(checked)
    }

    /// A place in a partition, and how far everything in it is certain; nothing if that is nowhere.
    pub(super) fn readable(&self, partition: u64, dice: &mut Dice) -> Option<(u64, u64)> {
        let last = self.order[..self.certain].iter().rfind(|batch| batch.partition == partition)?;
        let up_to = last.base_offset + u64::from(last.count);
        Some((dice.below(up_to as usize) as u64, up_to))
    }

    /// Somebody has read.
    pub(super) fn on_read(&self, request: &ReadRequest, read: &[Batch]) -> Result<(), Finding> {
        let holds = |batch: &&Batch| {
            batch.partition == request.partition
                && batch.base_offset + u64::from(batch.count) > request.from
        };
        if read.is_empty() {
            return demand(self.is_released(request), "what is kept can be read", || {
                format!("{request:?} gave nothing")
            });
        }
        let expected: Vec<Batch> =
            self.order.iter().filter(holds).take(read.len().max(1)).copied().collect();
        demand(read == expected, "readers see what was appended, in order", || {
            format!("{request:?} gave {read:?}, not {expected:?}")
        })
    }

    /// Whether the first record of a request is in a segment that was to be given back.
    pub(super) fn is_released(&self, request: &ReadRequest) -> bool {
        let first = self.order.iter().position(|batch| {
            batch.partition == request.partition
                && batch.base_offset + u64::from(batch.count) > request.from
        });
        let place = first.and_then(|first| self.places.get(&first));
        place.is_none_or(|place| place.segment <= self.to_release)
    }

    /// The segments up to this one are to be given back.
    pub(super) fn on_release(&mut self, last: SegmentSequence) {
        self.to_release = self.to_release.max(last);
    }

    /// A log was opened, and this is what came back.
    pub(super) fn on_recovered(
        &mut self,
        rebuilt: &Rebuilt,
        report: &Report,
    ) -> Result<(), Finding> {
        let found = rebuilt.state.batch_count();
        demand(report.log.holes.is_empty(), "there is no hole where no bit turned over", || {
            format!("{:?}", report.log.holes)
        })?;
        demand(rebuilt.starts == 1, "a checkpoint in a slot is complete", || {
            format!("replay began {} times", rebuilt.starts)
        })?;
        demand(rebuilt.misfit.is_none(), "partitions have no gap", || {
            format!("{:?} does not fit", rebuilt.misfit)
        })?;
        demand(found >= self.certain, "what was durable is there", || {
            format!("{found} of {} certain batches came back: {report:?}", self.certain)
        })?;
        demand(found <= self.order.len(), "only what was appended is there", || {
            format!("{found} batches came back, {} were appended", self.order.len())
        })?;
        let mut expected = LogState::default();
        self.order[..found].iter().for_each(|batch| {
            expected.add(batch);
        });
        demand(rebuilt.state == expected, "what is there is unchanged and in order", || {
            format!("{:?}, not {expected:?}", rebuilt.state)
        })?;
        let handed_out = &self.order[found - rebuilt.batches.len().min(found)..found];
        let same = handed_out.iter().eq(rebuilt.batches.iter().map(|(_, batch)| batch));
        demand(same, "replay hands out what was appended", || {
            format!("{:?}, not {handed_out:?}", rebuilt.batches)
        })?;
        let from = found - rebuilt.batches.len();
        let places = rebuilt.batches.iter().map(|(place, _)| *place);
        self.places.extend((from..found).zip(places));
        // What did not come back now never may: somebody else has its offsets.
        self.order.truncate(found);
        self.state = expected;
        self.certain = found;
        Ok(())
    }
}

fn manifest(world: &SimWorld) -> Result<Manifest, Finding> {
    let bytes = world.contents(MANIFEST_FILE_NAME).unwrap_or_default();
    Manifest::from_bytes(&bytes)
        .map_err(|fault| Finding::new("there is a manifest", fault.to_string()))
}
