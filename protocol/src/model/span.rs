//! A place in the bytes a session was given.

/// A range of bytes that a [`Command`](super::Command) refers to.
///
/// A span lies in the chunk the session parsed, or, where a gateway had to translate a text, in the
/// scratch text of [`Commands`](super::Commands). It holds no reference count: a command is carried
/// out while the chunk it came from is still held (law S34).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Span {
    offset: u32,
    len: u32,
}

/// The top bit of the offset says that the span lies in the scratch text.
const SCRATCH: u32 = 1 << 31;

impl Span {
    /// No bytes.
    pub const EMPTY: Span = Span { offset: 0, len: 0 };

    /// `len` bytes at `offset` of the chunk.
    ///
    /// # Panics
    /// If the span does not end below 2 GiB; chunks are far smaller.
    #[must_use]
    pub fn chunk(offset: usize, len: usize) -> Span {
        assert!(offset + len < SCRATCH as usize, "a chunk is smaller than 2 GiB");
        Span { offset: offset as u32, len: len as u32 }
    }

    /// `len` bytes at `offset` of the scratch text.
    ///
    /// # Panics
    /// If the span does not end below 2 GiB; the scratch text is far smaller.
    #[must_use]
    pub fn scratch(offset: usize, len: usize) -> Span {
        assert!(offset + len < SCRATCH as usize, "the scratch text is smaller than 2 GiB");
        Span { offset: offset as u32 | SCRATCH, len: len as u32 }
    }

    /// Whether the span lies in the scratch text instead of the chunk.
    #[must_use]
    pub fn is_scratch(self) -> bool {
        self.offset & SCRATCH != 0
    }

    /// Where it begins, in the chunk or in the scratch text.
    #[must_use]
    pub fn offset(self) -> usize {
        (self.offset & !SCRATCH) as usize
    }

    /// How many bytes it covers.
    #[must_use]
    pub fn len(self) -> usize {
        self.len as usize
    }

    /// Whether it covers nothing.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.len == 0
    }

    /// One past its last byte.
    #[must_use]
    pub fn end(self) -> usize {
        self.offset() + self.len()
    }

    /// The same bytes after the first `by` bytes of the chunk were cut off.
    ///
    /// # Panics
    /// If the span begins before `by`.
    #[must_use]
    pub fn rebased(self, by: usize) -> Span {
        if self.is_scratch() || self.is_empty() {
            return self;
        }
        assert!(self.offset() >= by, "a span that is still needed is never cut off");
        Span { offset: self.offset - by as u32, len: self.len }
    }
}
