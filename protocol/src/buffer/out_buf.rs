//! What is on its way out of one connection.
//!
//! ```text
//! segments   [ copied | copied | referenced | copied ]      oldest first
//!              ^ sent up to here                  ^ open: the next copy is appended here
//! ```
//!
//! A session writes frames at the end; the network sends from the front and says how much is gone.
//! Bytes that the kernel may be reading stay where they are until it says so (law S1). An empty
//! `OutBuf` holds no block (law S9).

use std::collections::VecDeque;

use super::chunk::{BlockRange, Chunk};
use super::marks::FrameMarks;
use super::pool::Pool;

/// Bytes on their way out, in order.
#[derive(Debug)]
pub struct OutBuf {
    pub(super) pool: Pool,
    pub(super) segments: VecDeque<Segment>,
    pub(super) pending_bytes: usize,
    /// Where the frames begin that may be dropped; nothing where none may.
    pub(super) marks: Option<Box<FrameMarks>>,
    copy_max: usize,
    exhausted: bool,
    in_a_hurry: bool,
    copied: CopyCount,
}

#[derive(Debug)]
pub(super) struct Segment {
    pub(super) range: BlockRange,
    /// Whether the block is this buffer's own. Of the segments in one block the last one in the
    /// queue ends where the block is filled up to.
    pub(super) own: bool,
}

/// One run of bytes to send: address and length stay valid until they were consumed.
pub type OutSegment<'a> = &'a [u8];

/// How much was copied into output blocks (law S10).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct CopyCount {
    /// Payloads that were copied.
    pub payloads: u64,
    /// Bytes of them.
    pub payload_bytes: u64,
}

impl OutBuf {
    /// An empty buffer that takes its blocks from `pool` and copies payloads up to `copy_max` bytes.
    ///
    /// # Panics
    /// If a block of the pool has no room for a payload of `copy_max` bytes.
    #[must_use]
    pub fn new(pool: Pool, copy_max: usize) -> OutBuf {
        assert!(copy_max <= pool.block_bytes(), "what is copied fits a block");
        OutBuf {
            pool,
            segments: VecDeque::new(),
            pending_bytes: 0,
            marks: None,
            copy_max,
            exhausted: false,
            in_a_hurry: false,
            copied: CopyCount::default(),
        }
    }

    /// Appends `len` bytes in one run and returns them to be filled in completely.
    ///
    /// Returns nothing if no block is left: then the connection must be closed, see
    /// [`OutBuf::is_exhausted`], and nothing more is appended.
    ///
    /// # Panics
    /// If `len` is more than a block.
    #[inline]
    pub fn append(&mut self, len: usize) -> Option<&mut [u8]> {
        assert!(len <= self.pool.block_bytes(), "one run fits one block");
        if self.exhausted {
            return None;
        }
        let fits = match self.segments.back() {
            Some(last) => last.own && last.range.block().capacity() - last.range.end() >= len,
            None => false,
        };
        if !fits && !self.begin_run(len) {
            self.exhausted = true;
            return None;
        }
        self.pending_bytes += len;
        let last = self.segments.back_mut().expect("there is one now");
        let start = last.range.end();
        last.range.extend(len);
        // SAFETY: this buffer is the only writer of its own block, and the bytes behind the old end
        // of the range were never handed out, or are those of a frame that was dropped unsent and to
        // which nobody refers any more.
        Some(unsafe { last.range.block().unwritten(start, start + len) })
    }

    /// Begins an own segment with room for `len` bytes: in the block of the last one if only a
    /// reference lies between them, so that heads of large messages share blocks; in a new block
    /// otherwise. Returns whether there was one.
    ///
    /// The last own segment of the queue always ends where its block is filled up to.
    fn begin_run(&mut self, len: usize) -> bool {
        let behind_last = self
            .segments
            .len()
            .checked_sub(2)
            .map(|at| (&self.segments[at], &self.segments[at + 1]))
            .filter(|(before, last)| before.own && !last.own)
            .map(|(before, _)| (before.range.block(), before.range.end()))
            .filter(|(block, end)| block.capacity() - end >= len)
            .map(|(block, end)| BlockRange::new(block.clone(), end, end));
        let new = || self.pool.take().map(|block| BlockRange::new(block, 0, 0));
        let Some(range) = behind_last.or_else(new) else { return false };
        self.segments.push_back(Segment { range, own: true });
        true
    }

    /// Appends a copy of `bytes`, cut at block ends where needed.
    pub fn copy(&mut self, bytes: &[u8]) {
        for part in bytes.chunks(self.pool.block_bytes()) {
            if let Some(room) = self.append(part.len()) {
                room.copy_from_slice(part);
            }
        }
    }

    /// Appends a payload: by reference if it is large and lies in a block, as a copy otherwise.
    pub fn payload(&mut self, payload: Chunk<'_>) {
        if self.references(payload) {
            let range = payload.range().expect("a payload that is referenced lies in a block");
            self.reference(range);
        } else {
            self.count_copy(payload.len());
            self.copy(payload.bytes());
        }
    }

    /// Whether [`OutBuf::payload`] would refer to `payload` instead of copying it (law S6).
    #[inline]
    #[must_use]
    pub fn references(&self, payload: Chunk<'_>) -> bool {
        payload.len() > self.copy_max && payload.is_backed()
    }

    /// Counts a payload that the session copied itself into room it had from [`OutBuf::append`].
    #[inline]
    pub fn count_copy(&mut self, payload_bytes: usize) {
        if payload_bytes > 0 {
            self.copied.payloads += 1;
            self.copied.payload_bytes += payload_bytes as u64;
        }
    }

    /// Appends bytes that stay where they are until they are sent.
    pub fn reference(&mut self, range: BlockRange) {
        if !self.exhausted && !range.is_empty() {
            self.pending_bytes += range.len();
            self.segments.push_back(Segment { range, own: false });
        }
    }

    /// Most bytes that [`OutBuf::append`] takes in one run: a block.
    #[inline]
    #[must_use]
    pub fn run_bytes_max(&self) -> usize {
        self.pool.block_bytes()
    }

    /// Bytes that were appended and not yet consumed.
    #[inline]
    #[must_use]
    pub fn pending_bytes(&self) -> usize {
        self.pending_bytes
    }

    /// Whether nothing is waiting.
    #[inline]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.pending_bytes == 0
    }

    /// Whether a block was needed and none was left. What was appended since is incomplete.
    #[must_use]
    pub fn is_exhausted(&self) -> bool {
        self.exhausted
    }

    /// Whether anything that waits lies in a block of somebody else.
    #[must_use]
    pub fn has_references(&self) -> bool {
        self.segments.iter().any(|segment| !segment.own)
    }

    /// Whether anything that waits lies in a block of `pool`, which is not this buffer's own.
    #[must_use]
    pub fn references_to(&self, pool: &Pool) -> bool {
        self.segments.iter().any(|segment| !segment.own && pool.is(segment.range.block()))
    }

    /// What was copied since [`OutBuf::take_copied`] was last called.
    #[must_use]
    pub fn copied(&self) -> CopyCount {
        self.copied
    }

    /// Something that was written shall not wait for more to go out with it.
    #[inline]
    pub fn hurry(&mut self) {
        self.in_a_hurry = true;
    }

    /// Whether that was said since the last call.
    pub fn take_hurry(&mut self) -> bool {
        core::mem::take(&mut self.in_a_hurry)
    }

    /// What was copied since the last call, for who keeps the sum of many buffers.
    pub fn take_copied(&mut self) -> CopyCount {
        core::mem::take(&mut self.copied)
    }

    /// The runs that wait to be sent, oldest first.
    pub fn segments(&self) -> impl Iterator<Item = OutSegment<'_>> {
        self.segments.iter().map(|segment| segment.range.bytes()).filter(|run| !run.is_empty())
    }

    /// Says that the first `count` bytes are sent and will not be looked at again.
    ///
    /// # Panics
    /// If fewer are waiting.
    pub fn consume(&mut self, count: usize) {
        assert!(count <= self.pending_bytes, "only what waits can be sent");
        self.pending_bytes -= count;
        if let Some(marks) = &mut self.marks {
            marks.consume(count);
        }
        let mut left = count;
        while left > 0 {
            let first = self.segments.front_mut().expect("what waits is in a segment");
            let now = left.min(first.range.len());
            first.range.advance(now);
            left -= now;
            if first.range.is_empty() {
                self.segments.pop_front();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::region::Region;
    use super::*;

    fn pool(blocks: usize) -> Pool {
        Pool::new(Region::heap(blocks * 64), 64)
    }

    fn waiting(out: &OutBuf) -> Vec<u8> {
        out.segments().collect::<Vec<_>>().concat()
    }

    fn block_with(pool: &Pool, bytes: &[u8]) -> BlockRange {
        let block = pool.take().expect("a block is free");
        // SAFETY: the block was just taken, nothing else refers to it.
        unsafe { block.unwritten(0, bytes.len()) }.copy_from_slice(bytes);
        BlockRange::new(block, 0, bytes.len())
    }

    #[test]
    fn s9_an_empty_buffer_holds_no_block() {
        let pool = pool(2);
        let mut out = OutBuf::new(pool.clone(), 16);
        out.copy(b"hello");
        out.consume(2);
        out.copy(b" you");
        assert_eq!(waiting(&out), b"llo you");
        assert_eq!(pool.free_count(), 1);
        out.consume(7);
        assert!(out.is_empty());
        assert_eq!(pool.free_count(), 2);
    }

    #[test]
    fn s6_small_payloads_are_copied_and_large_ones_referenced() {
        let (own, receive) = (pool(2), pool(2));
        let mut out = OutBuf::new(own.clone(), 16);
        let small = block_with(&receive, &[1; 16]);
        let large = block_with(&receive, &[2; 17]);
        out.payload(small.chunk());
        out.payload(large.chunk());
        out.payload(Chunk::plain(&[3; 17]));
        assert_eq!(out.copied(), CopyCount { payloads: 2, payload_bytes: 33 });
        drop((small, large));
        assert_eq!(receive.free_count(), 1, "the large one is still referenced");
        assert_eq!(waiting(&out), [[1; 16].as_slice(), &[2; 17], &[3; 17]].concat());
        out.consume(33);
        assert_eq!(receive.free_count(), 2);
    }

    #[test]
    fn s6_references_move_out_in_order() {
        let (own, receive) = (pool(4), pool(3));
        let mut out = OutBuf::new(own.clone(), 4);
        out.copy(b"head");
        out.reference(block_with(&receive, &[7; 60]));
        out.copy(b"tail");
        out.reference(block_with(&receive, b"!"));
        out.consume(10);
        let before = waiting(&out);
        assert_eq!(out.move_out_references(0), 55);
        assert_eq!(waiting(&out), before);
        assert_eq!(receive.free_count(), 3, "no receive block is pinned any more");
        out.reference(block_with(&receive, b"read by the kernel"));
        assert_eq!(out.move_out_references(before.len() + 1), 0, "S1: what is being sent stays");
        out.consume(before.len() + 18);
        out.copy(&before);
        out.copy(b"more");
        assert_eq!(waiting(&out), [before.as_slice(), b"more"].concat());
    }

    /// The head of a message with a large payload is short; it shall not take a block of its own.
    #[test]
    fn s6_short_runs_between_references_share_a_block() {
        let (own, receive) = (pool(3), pool(16));
        let mut out = OutBuf::new(own.clone(), 4);
        let mut expected = Vec::new();
        for number in 0..8u8 {
            out.copy(&[number; 6]);
            out.reference(block_with(&receive, &[number; 20]));
            expected.extend_from_slice(&[number; 26]);
        }
        assert_eq!(own.free_count(), 2, "48 bytes are less than one block");
        assert_eq!(waiting(&out), expected);
        out.consume(26 + 3);
        assert_eq!(out.move_out_references(3), 2 * 64, "two blocks are left, and are filled");
        assert_eq!(waiting(&out), expected[29..]);
        out.consume(8 * 26 - 29);
        assert_eq!((own.free_count(), receive.free_count()), (3, 16));
    }

    #[test]
    fn exhaustion_is_remembered_and_loses_no_earlier_byte() {
        let pool = pool(1);
        let mut out = OutBuf::new(pool.clone(), 4);
        out.copy(&[1; 60]);
        assert!(out.append(10).is_none());
        assert!(out.is_exhausted());
        out.copy(b"x");
        assert_eq!(waiting(&out), [1; 60]);
        assert_eq!(out.pending_bytes(), 60);
    }
}
