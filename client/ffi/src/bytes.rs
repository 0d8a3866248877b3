//! Pieces of memory that belong to the caller.

use core::ffi::c_void;

/// Bytes of the caller. NULL with the length 0 is empty.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Bytes {
    /// The first one.
    pub data: *const c_void,
    /// How many there are.
    pub length: usize,
}

/// One header of a message that goes out.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct HeaderParts {
    /// Its name, UTF-8 without spaces, colons and control bytes.
    pub name: Bytes,
    /// Its value, any bytes.
    pub value: Bytes,
}

impl Bytes {
    /// No bytes.
    pub(crate) const EMPTY: Bytes = Bytes { data: core::ptr::null(), length: 0 };

    /// Bytes that C reads for as long as their owner lives.
    pub(crate) fn of(bytes: &[u8]) -> Bytes {
        Bytes { data: bytes.as_ptr().cast(), length: bytes.len() }
    }
}
