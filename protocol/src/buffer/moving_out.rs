//! References that stay unsent, copied into blocks of the buffer itself.

use super::chunk::BlockRange;
use super::out_buf::{OutBuf, Segment};

impl OutBuf {
    /// Moves every referenced range into blocks of this buffer, so that a slow reader pins no
    /// receive block (law S6). The first `in_flight` bytes stay where they are: the kernel may be
    /// reading them.
    ///
    /// Returns how many bytes were moved. If no block is left, the rest stays referenced.
    pub fn move_out_references(&mut self, in_flight: usize) -> usize {
        let mut moved = 0;
        let mut passed = 0;
        let mut filling = None;
        for _ in 0..self.segments.len() {
            let Some(segment) = self.segments.pop_front() else { break };
            let being_read = passed < in_flight;
            passed += segment.range.len();
            if segment.own || being_read {
                self.segments.push_back(segment);
            } else {
                moved += self.move_out(segment, &mut filling);
            }
        }
        moved
    }

    /// Copies one referenced segment to the end of the queue: into the block that is being filled,
    /// and into new ones when it is full.
    fn move_out(&mut self, segment: Segment, filling: &mut Option<BlockRange>) -> usize {
        let mut range = segment.range;
        let mut moved = 0;
        while !range.is_empty() {
            if filling.as_ref().is_none_or(|place| place.end() == place.block().capacity()) {
                *filling = self.pool.take().map(|block| BlockRange::new(block, 0, 0));
            }
            let Some(place) = filling else {
                self.segments.push_back(Segment { range, own: false });
                return moved;
            };
            let (start, block) = (place.end(), place.block().clone());
            let part = range.len().min(block.capacity() - start);
            // SAFETY: the block was taken for these copies, which fill it from the front; nobody
            // was shown the bytes behind its end.
            unsafe { block.unwritten(start, start + part) }.copy_from_slice(&range.bytes()[..part]);
            place.extend(part);
            let range_there = BlockRange::new(block, start, start + part);
            self.segments.push_back(Segment { range: range_there, own: true });
            range.advance(part);
            moved += part;
        }
        moved
    }
}
