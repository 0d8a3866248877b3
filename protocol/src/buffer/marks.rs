//! Frames on their way out that may be dropped before they leave (law S19).
//!
//! ```text
//! written   | frame 5 | other | frame 9 | frame 9 |
//!             ^ mark            ^ mark    ^ mark      begin, end, and whose frame it is
//! ```
//!
//! Only frames that lie wholly behind what was sent and what the kernel is sending can be dropped:
//! a peer never sees half of one. What carries no mark is never dropped.

use std::collections::VecDeque;

use super::chunk::BlockRange;
use super::out_buf::{OutBuf, Segment};
use super::pool::Pool;

/// Marks for which an empty buffer keeps its memory.
const MARKS_KEPT: usize = 1024;

/// The marks of one buffer. Places count from the first byte that waits.
#[derive(Debug, Default)]
pub(super) struct FrameMarks {
    frames: VecDeque<Mark>,
    /// What the places of the marks are ahead: so that consuming need not touch them all.
    consumed: u64,
}

/// Whose frame it is that may be dropped, and what is lost with it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FrameTag {
    /// Whose: says nothing to the buffer.
    pub owner: u64,
    /// How many messages are lost with it: itself, and those that it tells are missing before it.
    pub messages: u32,
}

/// One frame that may be dropped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Mark {
    begin: u64,
    end: u64,
    tag: FrameTag,
}

impl FrameMarks {
    /// The first `count` bytes that waited are gone.
    pub(super) fn consume(&mut self, count: usize) {
        self.consumed += count as u64;
        while self.frames.front().is_some_and(|mark| mark.end <= self.consumed) {
            self.frames.pop_front();
        }
        if self.frames.is_empty() && self.frames.capacity() > MARKS_KEPT {
            // A burst leaves no memory behind.
            self.frames = VecDeque::new();
        }
    }

    /// Takes out the oldest marks behind the first `in_flight` bytes, until they cover `wanted`
    /// bytes, and moves those behind them forward. Returns their places among the bytes that wait.
    fn take_oldest(
        &mut self,
        in_flight: usize,
        wanted: usize,
        on_dropped: &mut impl FnMut(FrameTag),
    ) -> Vec<(usize, usize)> {
        let (consumed, safe) = (self.consumed, self.consumed + in_flight as u64);
        let mut taken = Vec::new();
        let mut gone = 0;
        self.frames.retain_mut(|mark| {
            if mark.begin < safe || gone >= wanted as u64 {
                mark.begin -= if mark.begin < safe { 0 } else { gone };
                mark.end -= if mark.end <= safe || gone == 0 { 0 } else { gone };
                return true;
            }
            taken.push(((mark.begin - consumed) as usize, (mark.end - consumed) as usize));
            gone += mark.end - mark.begin;
            on_dropped(mark.tag);
            false
        });
        taken
    }
}

impl OutBuf {
    /// Says that what was written since `pending_before` bytes waited is one frame, which may be
    /// dropped as long as none of it was sent.
    ///
    /// # Panics
    /// If fewer bytes wait now.
    pub fn mark_frame(&mut self, pending_before: usize, tag: FrameTag) {
        assert!(pending_before <= self.pending_bytes, "a frame adds bytes");
        if self.is_exhausted() || pending_before == self.pending_bytes {
            return;
        }
        let marks = self.marks.get_or_insert_with(Box::default);
        let begin = marks.consumed + pending_before as u64;
        let end = marks.consumed + self.pending_bytes as u64;
        marks.frames.push_back(Mark { begin, end, tag });
    }

    /// Drops the oldest marked frames until `wanted` bytes are gone, or there is none that may be
    /// dropped; calls `on_dropped` with the tag of each. The first `in_flight` bytes stay where they
    /// are: the kernel may be reading them. Returns how many bytes are gone.
    pub fn drop_oldest(
        &mut self,
        in_flight: usize,
        wanted: usize,
        mut on_dropped: impl FnMut(FrameTag),
    ) -> usize {
        let Some(marks) = &mut self.marks else { return 0 };
        let dropped = marks.take_oldest(in_flight, wanted, &mut on_dropped);
        let bytes = dropped.iter().map(|(begin, end)| end - begin).sum();
        self.cut_out(&dropped);
        self.pending_bytes -= bytes;
        bytes
    }

    /// Cuts ranges of the bytes that wait out of the segments. What stood between two of them moves
    /// into blocks of its own, so that a few bytes that stay do not hold a block for each.
    fn cut_out(&mut self, dropped: &[(usize, usize)]) {
        let (Some(first), Some(last)) = (dropped.first(), dropped.last()) else { return };
        let between = first.1..last.0;
        let mut cut = Cut { kept: VecDeque::new(), filling: None, at: 0, dropped };
        for segment in std::mem::take(&mut self.segments) {
            cut.segment(segment, &between, &self.pool);
        }
        self.segments = cut.kept;
    }
}

/// Segments that are being cut.
struct Cut<'a> {
    kept: VecDeque<Segment>,
    /// The block that small parts are moved to.
    filling: Option<BlockRange>,
    /// Where the next segment begins among the bytes that waited.
    at: usize,
    /// The ranges that are not behind us yet.
    dropped: &'a [(usize, usize)],
}

impl Cut<'_> {
    fn segment(&mut self, segment: Segment, between: &core::ops::Range<usize>, pool: &Pool) {
        let Segment { mut range, own } = segment;
        // Ends because every step takes bytes off the range.
        while !range.is_empty() {
            while self.dropped.first().is_some_and(|(_, end)| *end <= self.at) {
                self.dropped = &self.dropped[1..];
            }
            let (begin, end) = self.dropped.first().copied().unwrap_or((usize::MAX, usize::MAX));
            let drops = begin <= self.at;
            let len = range.len().min(if drops { end - self.at } else { begin - self.at });
            if !drops {
                let start = range.start();
                let part = BlockRange::new(range.block().clone(), start, start + len);
                let moves = own && between.contains(&self.at);
                self.keep(Segment { range: part, own }, moves, pool);
            }
            range.advance(len);
            self.at += len;
        }
    }

    fn keep(&mut self, segment: Segment, moves: bool, pool: &Pool) {
        let len = segment.range.len();
        if !moves {
            return self.kept.push_back(segment);
        }
        let has_room = |place: &BlockRange| place.block().capacity() - place.end() >= len;
        if !self.filling.as_ref().is_some_and(has_room) {
            self.filling = pool.take().map(|block| BlockRange::new(block, 0, 0));
        }
        let Some(place) = &mut self.filling else { return self.kept.push_back(segment) };
        let (start, block) = (place.end(), place.block().clone());
        // SAFETY: the block was taken for these copies, which fill it from the front; nobody was
        // shown the bytes behind its end.
        unsafe { block.unwritten(start, start + len) }.copy_from_slice(segment.range.bytes());
        place.extend(len);
        self.kept
            .push_back(Segment { range: BlockRange::new(block, start, start + len), own: true });
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

    fn tag(fill: u8) -> FrameTag {
        FrameTag { owner: fill.into(), messages: 1 }
    }

    fn frame(out: &mut OutBuf, fill: u8, len: usize) {
        let before = out.pending_bytes();
        out.copy(&vec![fill; len]);
        out.mark_frame(before, tag(fill));
    }

    #[test]
    fn s19_whole_frames_go_the_oldest_first_and_nothing_else() {
        let pool = pool(64);
        let mut out = OutBuf::new(pool.clone(), 32);
        frame(&mut out, 1, 50);
        out.copy(b"answer");
        frame(&mut out, 2, 50);
        out.copy(b"more");
        (3..9).for_each(|fill| frame(&mut out, fill, 100));
        let mut gone = Vec::new();
        // Three bytes of the first frame are being sent.
        assert_eq!(out.drop_oldest(3, 220, |tag| gone.push(tag.owner)), 250);
        assert_eq!(gone, [2, 3, 4]);
        let rest = [&[1; 50][..], b"answer", b"more", &[5; 100], &[6; 100], &[7; 100], &[8; 100]];
        assert_eq!(waiting(&out), rest.concat());
        assert_eq!(out.pending_bytes(), rest.concat().len());
        frame(&mut out, 9, 20);
        // The rest of the marks still fit their frames.
        out.consume(60);
        gone.clear();
        assert_eq!(out.drop_oldest(0, 1000, |tag| gone.push(tag.owner)), 420);
        assert_eq!((gone, waiting(&out)), (vec![5, 6, 7, 8, 9], vec![]));
        out.copy(b"and on");
        assert_eq!(waiting(&out), b"and on");
        out.consume(6);
        assert_eq!(pool.free_count(), 64);
    }

    #[test]
    fn s19_a_frame_of_which_something_was_sent_stays() {
        let mut out = OutBuf::new(pool(8), 32);
        frame(&mut out, 1, 60);
        frame(&mut out, 2, 60);
        out.consume(1);
        assert_eq!(out.drop_oldest(0, 1, |tag| assert_eq!(tag.owner, 2)), 60);
        assert_eq!(out.drop_oldest(0, 1, |_| panic!("nothing is left to drop")), 0);
        assert_eq!(waiting(&out), [1; 59]);
    }

    #[test]
    fn s19_what_stays_between_dropped_frames_holds_few_blocks() {
        let pool = pool(512);
        let mut out = OutBuf::new(pool.clone(), 32);
        for _ in 0..100 {
            frame(&mut out, 7, 60);
            out.copy(b"pong");
        }
        assert_eq!(pool.free_count(), 412);
        assert_eq!(out.drop_oldest(0, usize::MAX, |_| {}), 6_000);
        assert_eq!(waiting(&out), b"pong".repeat(100));
        assert!(pool.free_count() >= 512 - 9, "{} are free", pool.free_count());
    }

    /// Drops from the buffer and from the list of frames (fill, what is left, whether it may be
    /// dropped), which must agree on what is gone. `begun`: some of
    /// the first frame was sent.
    fn drop_in_both(
        out: &mut OutBuf,
        model: &mut Vec<(u8, Vec<u8>, bool)>,
        begun: bool,
        in_flight: usize,
        wanted: usize,
    ) -> usize {
        let mut tags = Vec::new();
        let bytes = out.drop_oldest(in_flight, wanted, |tag| tags.push(tag.owner as u8));
        let (mut at, mut gone, mut expected, mut first) = (0, 0, Vec::new(), begun);
        model.retain(|(fill, bytes, may_drop)| {
            let begin = at;
            at += bytes.len();
            let whole = !std::mem::take(&mut first) && begin >= in_flight;
            let drops = *may_drop && whole && gone < wanted;
            if drops {
                gone += bytes.len();
                expected.push(*fill);
            }
            !drops
        });
        assert_eq!((bytes, tags), (gone, expected));
        gone
    }

    /// Everything that may be done to a buffer, in random order, against a list of frames.
    #[test]
    fn s19_dropping_keeps_what_a_list_of_frames_would_keep() {
        let mut random = 7u64;
        let mut below = |max: u64| {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (random >> 33) % max
        };
        let receive = pool(4096);
        let mut out = OutBuf::new(pool(4096), 32);
        let mut model: Vec<(u8, Vec<u8>, bool)> = Vec::new();
        let (mut begun, mut dropped) = (false, 0);
        for step in 0..20_000u64 {
            let fill = (step % 251) as u8;
            match below(8) {
                0..=3 => {
                    let may_drop = below(3) > 0;
                    let bytes = vec![fill; 1 + below(150) as usize];
                    let before = out.pending_bytes();
                    if below(4) == 0 && bytes.len() <= 64 {
                        let block = receive.take().expect("a block is free");
                        // SAFETY: the block was just taken, nothing else refers to it.
                        unsafe { block.unwritten(0, bytes.len()) }.copy_from_slice(&bytes);
                        out.reference(BlockRange::new(block, 0, bytes.len()));
                    } else {
                        out.copy(&bytes);
                    }
                    if may_drop {
                        out.mark_frame(before, tag(fill));
                    }
                    model.push((fill, bytes, may_drop));
                }
                4..=5 => {
                    let mut count = below(1 + out.pending_bytes().min(300) as u64) as usize;
                    out.consume(count);
                    while count > 0 {
                        let first = &mut model[0].1;
                        let now = count.min(first.len());
                        first.drain(..now);
                        count -= now;
                        begun = !first.is_empty();
                        if first.is_empty() {
                            model.remove(0);
                        }
                    }
                }
                6 => {
                    out.move_out_references(0);
                }
                _ => {
                    let in_flight = below(1 + out.pending_bytes().min(200) as u64) as usize;
                    let wanted = below(400) as usize;
                    let gone = drop_in_both(&mut out, &mut model, begun, in_flight, wanted);
                    begun &= !model.is_empty();
                    dropped += gone;
                }
            }
            let rest: Vec<u8> = model.iter().flat_map(|(_, bytes, _)| bytes.clone()).collect();
            assert_eq!(waiting(&out), rest, "step {step}");
            assert_eq!(out.pending_bytes(), rest.len());
        }
        assert!(dropped > 10_000, "only {dropped} bytes were dropped");
    }
}
