//! Little-endian numbers, written and read one behind the other.

/// Writes numbers into a run of bytes from its beginning on.
pub(super) struct Writer<'a> {
    bytes: &'a mut [u8],
    at: usize,
}

impl<'a> Writer<'a> {
    /// Begins at the first of `bytes`, which must hold all that will be written.
    pub(super) fn new(bytes: &'a mut [u8]) -> Writer<'a> {
        Writer { bytes, at: 0 }
    }

    /// Writes these bytes.
    pub(super) fn raw(&mut self, raw: &[u8]) -> &mut Self {
        self.bytes[self.at..self.at + raw.len()].copy_from_slice(raw);
        self.at += raw.len();
        self
    }

    /// Writes 8 bits.
    pub(super) fn u8(&mut self, value: u8) -> &mut Self {
        self.raw(&[value])
    }

    /// Writes 16 bits.
    pub(super) fn u16(&mut self, value: u16) -> &mut Self {
        self.raw(&value.to_le_bytes())
    }

    /// Writes 32 bits.
    pub(super) fn u32(&mut self, value: u32) -> &mut Self {
        self.raw(&value.to_le_bytes())
    }

    /// Writes 64 bits.
    pub(super) fn u64(&mut self, value: u64) -> &mut Self {
        self.raw(&value.to_le_bytes())
    }

    /// Writes 128 bits.
    pub(super) fn u128(&mut self, value: u128) -> &mut Self {
        self.raw(&value.to_le_bytes())
    }

    /// How many bytes were written.
    pub(super) fn written(&self) -> usize {
        self.at
    }
}

/// Reads numbers from a run of bytes whose length the caller has checked.
pub(super) struct Reader<'a> {
    bytes: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Begins at the first of `bytes`.
    pub(super) fn new(bytes: &'a [u8]) -> Reader<'a> {
        Reader { bytes }
    }

    /// The next `N` bytes.
    pub(super) fn raw<const N: usize>(&mut self) -> [u8; N] {
        let (first, rest) = self.bytes.split_first_chunk().expect("the caller checked the length");
        self.bytes = rest;
        *first
    }

    /// The next 8 bits.
    pub(super) fn u8(&mut self) -> u8 {
        self.raw::<1>()[0]
    }

    /// The next 16 bits.
    pub(super) fn u16(&mut self) -> u16 {
        u16::from_le_bytes(self.raw())
    }

    /// The next 32 bits.
    pub(super) fn u32(&mut self) -> u32 {
        u32::from_le_bytes(self.raw())
    }

    /// The next 64 bits.
    pub(super) fn u64(&mut self) -> u64 {
        u64::from_le_bytes(self.raw())
    }

    /// The next 128 bits.
    pub(super) fn u128(&mut self) -> u128 {
        u128::from_le_bytes(self.raw())
    }
}

/// CRC-32C (polynomial 0x1EDC6F41) over `bytes` with the four bytes at `hole`, where it will stand,
/// as zeros.
pub(crate) fn checksum_around(bytes: &[u8], hole: usize) -> u32 {
    let before = crc32c::crc32c(&bytes[..hole]);
    let blanked = crc32c::crc32c_append(before, &[0; 4]);
    crc32c::crc32c_append(blanked, &bytes[hole + 4..])
}

/// The 32 bits at `at`.
pub(crate) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    let field = bytes[at..at + 4].try_into().expect("the range is four bytes long");
    u32::from_le_bytes(field)
}

/// Puts 32 bits at `at`.
pub(crate) fn put_u32(bytes: &mut [u8], at: usize, value: u32) {
    bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
}

/// Whether all bytes are zero. Padding always is (law L1).
pub(crate) fn is_zero(bytes: &[u8]) -> bool {
    // Eight at a time: padding is up to a block long, and a group may be padded on every commit.
    let (before, words, after) = split_words(bytes);
    before.iter().chain(after).all(|byte| *byte == 0) && words.iter().all(|word| *word == [0_u8; 8])
}

fn split_words(bytes: &[u8]) -> (&[u8], &[[u8; 8]], &[u8]) {
    let (words, after) = bytes.as_chunks();
    (&[], words, after)
}
