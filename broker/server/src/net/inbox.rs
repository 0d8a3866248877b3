//! Bytes that arrived on one connection and wait to be parsed, in order.
//!
//! ```text
//! assembly   [ beginning of a frame ............ need ]     own block; at most one
//! chunks     [ rest of it, more ][ more ][ more ]           receive blocks
//! ```
//!
//! A frame that lies whole in a receive block is parsed where it lies. An incomplete one never pins
//! a receive block: its bytes move to an assembly block, and bytes follow as they arrive (law S7).
//! Assembly begins in a block of the output size. Only when more bytes than that have arrived do they
//! move to a block of the large pool, of which there are few: whoever merely announces a long frame
//! takes none of them.
//!
//! Invariant: bytes come out in the order they came in, each once.

use std::collections::VecDeque;

use coilgun_protocol::buffer::{BlockRange, Pool};
use coilgun_protocol::session::Consumed;

use super::assembly::{Assembly, AssemblyPools, NoAssemblyBlock};

/// Received bytes that wait.
#[derive(Debug, Default)]
pub struct Inbox {
    pub(super) assembly: Option<Assembly>,
    pub(super) chunks: VecDeque<BlockRange>,
    pub(super) bytes: usize,
    pub(super) copied_bytes: u64,
}

/// What there is to parse.
#[derive(Debug)]
pub enum Next {
    /// These bytes.
    Chunk(BlockRange),
    /// Nothing until more bytes arrive.
    Wait,
    /// There is no block to assemble the frame in; the connection has to be closed.
    Exhausted,
}

impl Inbox {
    /// Takes in bytes that arrived.
    pub fn push(&mut self, piece: BlockRange) {
        self.bytes += piece.len();
        self.chunks.push_back(piece);
    }

    /// The bytes to parse next. They stay in the inbox until [`Inbox::consume`].
    pub fn next(&mut self, pools: &AssemblyPools) -> Next {
        if self.assembly.is_none() {
            return match self.chunks.front() {
                Some(piece) => Next::Chunk(piece.clone()),
                None => Next::Wait,
            };
        }
        if self.fill_assembly(pools).is_err() {
            return Next::Exhausted;
        }
        match &self.assembly {
            Some(assembly) if assembly.range.len() >= assembly.need => {
                Next::Chunk(assembly.range.clone())
            }
            Some(_) | None => Next::Wait,
        }
    }

    /// Says how far the bytes of the last [`Inbox::next`] were parsed.
    ///
    /// # Errors
    /// If the rest has to be assembled and there is no block for it; the connection has to be
    /// closed.
    ///
    /// # Panics
    /// If more is consumed than there was.
    pub fn consume(
        &mut self,
        consumed: Consumed,
        pools: &AssemblyPools,
    ) -> Result<(), NoAssemblyBlock> {
        self.bytes -= consumed.bytes;
        if let Some(assembly) = &mut self.assembly {
            assembly.range.advance(consumed.bytes);
            let rest = assembly.range.len();
            if rest > 0 && consumed.bytes > 0 && rest <= assembly.from_front {
                // It took in more than its frame. The rest is parsed where it lies.
                let front = self.chunks.front_mut().expect("bytes came from it");
                front.rewind(rest);
                self.assembly = None;
            } else if rest == 0 {
                self.assembly = None;
            } else {
                assembly.need = consumed.need;
            }
            return Ok(());
        }
        let front = self.chunks.front_mut().expect("only what was handed out is consumed");
        front.advance(consumed.bytes);
        if front.is_empty() {
            self.chunks.pop_front();
        } else if consumed.need > 0 {
            let begin = front.clone();
            self.begin_assembly(&begin, consumed.need, pools)?;
            self.chunks.pop_front();
        }
        Ok(())
    }

    /// Bytes that wait, those of a frame that is being assembled included.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Bytes that wait and are not yet part of a frame that is being assembled.
    #[must_use]
    pub fn chunk_bytes(&self) -> usize {
        self.bytes - self.assembly.as_ref().map_or(0, |assembly| assembly.range.len())
    }

    /// How many bytes the frame needs that is being assembled, if one is.
    #[must_use]
    pub fn incomplete_bytes(&self) -> Option<usize> {
        self.assembly.as_ref().map(|assembly| assembly.need)
    }

    /// Whether bytes wait that may be parsed without more arriving.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        match &self.assembly {
            Some(assembly) => !self.chunks.is_empty() || assembly.range.len() >= assembly.need,
            None => !self.chunks.is_empty(),
        }
    }

    /// Bytes that were copied since the last call because they lay in the wrong block (law S10).
    pub fn take_copied_bytes(&mut self) -> u64 {
        std::mem::take(&mut self.copied_bytes)
    }

    /// Moves what waits in receive blocks to blocks of `pool`, as few as they fill, so that a
    /// paused connection pins no receive block (law S6). What finds no block stays where it is.
    pub fn move_out(&mut self, pool: &Pool) {
        if let Some(assembly) = &mut self.assembly {
            assembly.from_front = 0;
        }
        let mut last: Option<BlockRange> = None;
        for _ in 0..self.chunks.len() {
            let Some(piece) = self.chunks.pop_front() else { break };
            let merged = last.as_ref().and_then(|place| self.merged(place, &piece, pool));
            if merged.is_none() {
                self.chunks.extend(last);
            }
            last = Some(merged.unwrap_or_else(|| self.moved(piece, pool)));
        }
        self.chunks.extend(last);
    }

    /// Copies a piece behind the one before it, if that was moved out and its block has room.
    fn merged(
        &mut self,
        place: &BlockRange,
        piece: &BlockRange,
        pool: &Pool,
    ) -> Option<BlockRange> {
        let (end, len, block) = (place.end(), piece.len(), place.block());
        if !pool.is(block) || pool.is(piece.block()) || block.capacity() - end < len {
            return None;
        }
        // SAFETY: a block that pieces are moved to holds nothing else, and nobody was shown the
        // bytes behind its last piece.
        unsafe { block.unwritten(end, end + len) }.copy_from_slice(piece.bytes());
        self.copied_bytes += len as u64;
        Some(BlockRange::new(block.clone(), place.start(), end + len))
    }

    /// Copies a piece to a block of its own, if there is one.
    fn moved(&mut self, piece: BlockRange, pool: &Pool) -> BlockRange {
        if pool.is(piece.block()) || piece.len() > pool.block_bytes() {
            return piece;
        }
        let place = pool.take().map(|block| BlockRange::new(block, 0, 0));
        place.and_then(|place| self.merged(&place, &piece, pool)).unwrap_or(piece)
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.assembly = None;
        self.chunks.clear();
        self.bytes = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::super::assembly::STEP_BYTES;
    use super::*;
    use coilgun_protocol::buffer::Region;

    fn pools() -> AssemblyPools {
        AssemblyPools {
            small: Pool::new(Region::heap(4 * 32), 32),
            large: Pool::new(Region::heap(2 * 256), 256),
        }
    }

    fn piece(receive: &Pool, bytes: &[u8]) -> BlockRange {
        let block = receive.take().expect("a block is free");
        // SAFETY: the block was just taken, nothing else refers to it.
        unsafe { block.unwritten(0, bytes.len()) }.copy_from_slice(bytes);
        BlockRange::new(block, 0, bytes.len())
    }

    /// Frames of the test: one byte of length, then that many bytes.
    fn parse(chunk: &[u8], frames: &mut Vec<Vec<u8>>) -> Consumed {
        let mut at = 0;
        while at < chunk.len() {
            let len = chunk[at] as usize;
            if chunk.len() - at < 1 + len {
                return Consumed { bytes: at, need: 1 + len };
            }
            frames.push(chunk[at + 1..at + 1 + len].to_vec());
            at += 1 + len;
        }
        Consumed { bytes: at, need: 0 }
    }

    fn drain(inbox: &mut Inbox, pools: &AssemblyPools, frames: &mut Vec<Vec<u8>>) {
        while let Next::Chunk(chunk) = inbox.next(pools) {
            inbox.consume(parse(chunk.bytes(), frames), pools).expect("blocks are free");
        }
    }

    #[test]
    fn s7_frames_come_out_whole_however_they_are_cut() {
        let frames: Vec<Vec<u8>> = [3usize, 0, 40, 7, 200, 1]
            .iter()
            .enumerate()
            .map(|(i, len)| vec![i as u8; *len])
            .collect();
        let bytes: Vec<u8> =
            frames.iter().flat_map(|frame| [&[frame.len() as u8], &frame[..]].concat()).collect();
        for cut in 1..bytes.len() {
            let (receive, pools) = (Pool::new(Region::heap(512 * 300), 300), pools());
            let mut inbox = Inbox::default();
            let mut seen = Vec::new();
            for part in bytes.chunks(cut) {
                inbox.push(piece(&receive, part));
                drain(&mut inbox, &pools, &mut seen);
                assert_eq!(receive.free_count(), 512, "S7: nothing incomplete pins a block");
            }
            assert_eq!(seen, frames, "cut into {cut}");
            assert_eq!(inbox.bytes(), 0);
            assert_eq!(pools.small.free_count() + pools.large.free_count(), 6);
        }
    }

    #[test]
    fn s7_a_long_frame_takes_a_large_block_when_its_bytes_are_there() {
        let (receive, pools) = (Pool::new(Region::heap(8 * 300), 300), pools());
        let mut inbox = Inbox::default();
        let mut seen = Vec::new();
        inbox.push(piece(&receive, &[200, 7, 7]));
        drain(&mut inbox, &pools, &mut seen);
        inbox.push(piece(&receive, &[7; 29]));
        drain(&mut inbox, &pools, &mut seen);
        assert_eq!((pools.small.free_count(), pools.large.free_count()), (3, 2), "announced only");
        inbox.push(piece(&receive, &[7]));
        drain(&mut inbox, &pools, &mut seen);
        assert_eq!((pools.small.free_count(), pools.large.free_count()), (4, 1), "33 bytes came");
        inbox.push(piece(&receive, &[7; 168]));
        drain(&mut inbox, &pools, &mut seen);
        assert_eq!(seen, [[7; 200]]);
        assert_eq!((pools.small.free_count(), pools.large.free_count()), (4, 2));
    }

    #[test]
    fn s7_behind_a_frame_that_was_cut_the_rest_is_parsed_where_it_lies() {
        let receive = Pool::new(Region::heap(2 * 4096), 4096);
        let pools = AssemblyPools {
            small: Pool::new(Region::heap(2 * 4096), 4096),
            large: Pool::new(Region::heap(4096), 4096),
        };
        let frames = [9, 1, 2, 3, 4, 5, 6, 7, 8, 9].repeat(300);
        let mut inbox = Inbox::default();
        inbox.push(piece(&receive, &frames[..13]));
        inbox.push(piece(&receive, &frames[13..]));
        let (mut asked, mut seen) = (0, Vec::new());
        while let Next::Chunk(chunk) = inbox.next(&pools) {
            asked += 1;
            inbox.consume(parse(chunk.bytes(), &mut seen), &pools).expect("blocks are free");
        }
        assert_eq!((seen.len(), inbox.bytes()), (300, 0));
        assert!(asked <= 4, "asked {asked} times");
        let copied = inbox.take_copied_bytes();
        assert!(copied <= 3 + STEP_BYTES as u64, "{copied} bytes were copied");
    }

    /// A frame whose length nobody knows before its end is there: a line of text.
    #[test]
    fn a_line_is_not_asked_for_byte_by_byte() {
        let (receive, pools) = (Pool::new(Region::heap(4 * 300), 300), pools());
        let mut inbox = Inbox::default();
        inbox.push(piece(&receive, b"b"));
        inbox.push(piece(&receive, &[&[b'x'; 100][..], b"\nnext"].concat()));
        let mut asked = 0;
        let mut lines = Vec::new();
        while let Next::Chunk(chunk) = inbox.next(&pools) {
            asked += 1;
            let bytes = chunk.bytes();
            let consumed = match bytes.iter().position(|byte| *byte == b'\n') {
                Some(end) => {
                    lines.push(bytes[..end].len());
                    Consumed { bytes: end + 1, need: 1 }
                }
                None => Consumed { bytes: 0, need: bytes.len() + 1 },
            };
            inbox.consume(consumed, &pools).expect("blocks are free");
            assert!(asked < 20, "byte by byte");
        }
        assert_eq!((lines, inbox.bytes()), (vec![101], 4));
    }

    #[test]
    fn s6_a_paused_inbox_moves_out_and_keeps_its_order() {
        let (receive, pools) = (Pool::new(Region::heap(8 * 32), 32), pools());
        let mut inbox = Inbox::default();
        for at in 0..5u8 {
            inbox.push(piece(&receive, &[1, at]));
        }
        inbox.move_out(&pools.small);
        assert_eq!(receive.free_count(), 8);
        assert_eq!(pools.small.free_count(), 4 - 1, "ten bytes need one block of 32");
        for at in 5..8u8 {
            inbox.push(piece(&receive, &[[29].as_slice(), &[at; 29]].concat()));
            inbox.move_out(&pools.small);
        }
        inbox.push(piece(&receive, &[3, 7, 7, 7]));
        inbox.push(piece(&receive, &[29; 30]));
        inbox.move_out(&pools.small);
        assert_eq!(
            (pools.small.free_count(), receive.free_count()),
            (0, 6),
            "two find no block and stay"
        );
        let mut seen = Vec::new();
        drain(&mut inbox, &pools, &mut seen);
        let lens: Vec<usize> = seen.iter().map(Vec::len).collect();
        assert_eq!(lens, [1, 1, 1, 1, 1, 29, 29, 29, 3, 29]);
        assert_eq!(pools.small.free_count(), 4);
    }

    #[test]
    fn without_a_block_for_the_frame_the_inbox_says_so() {
        let (receive, pools) = (Pool::new(Region::heap(2 * 32), 32), pools());
        let held: Vec<_> = (0..4).map(|_| pools.small.take()).collect();
        let mut inbox = Inbox::default();
        inbox.push(piece(&receive, &[9, 1]));
        let consumed = Consumed { bytes: 0, need: 10 };
        assert!(matches!(inbox.next(&pools), Next::Chunk(_)));
        assert_eq!(inbox.consume(consumed, &pools), Err(NoAssemblyBlock));
        drop(held);
    }
}
