//! A bare synced write: what no ack can be faster than.

use std::alloc::Layout;
use std::ffi::CString;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::ptr::NonNull;
use std::time::Duration;

use super::sample::{Measurement, StreamSample};
use crate::cpu::monotonic_ns;
use crate::error::BenchError;
use crate::interrupt::Interrupt;

/// How long the file is that is written to again and again, in bytes.
const FILE_BYTES: usize = 64 << 20;
/// What direct writes are aligned to.
const ALIGN: usize = 4096;

/// Memory for direct writes.
struct Aligned {
    start: NonNull<u8>,
    layout: Layout,
}

impl Aligned {
    fn new(bytes: usize) -> Aligned {
        let layout = Layout::from_size_align(bytes, ALIGN).expect("a power of two");
        // SAFETY: the layout is not empty.
        let start = NonNull::new(unsafe { std::alloc::alloc_zeroed(layout) });
        Aligned { start: start.expect("there is memory"), layout }
    }
}

impl Drop for Aligned {
    fn drop(&mut self) {
        // SAFETY: it was allocated with this layout, and nobody has it any more.
        unsafe { std::alloc::dealloc(self.start.as_ptr(), self.layout) };
    }
}

/// Writes so many bytes, synced, over blocks that have been written before, one write after the other.
///
/// # Errors
/// If the file cannot be written, or somebody asks for the end.
pub fn synced_writes(
    name: &'static str,
    folder: &Path,
    bytes: usize,
    measured: Duration,
    interrupt: &Interrupt,
) -> Result<StreamSample, BenchError> {
    let file = open(&folder.join("raw"))?;
    let memory = Aligned::new(bytes.next_multiple_of(ALIGN));
    let places = FILE_BYTES / memory.layout.size();
    for place in 0..places {
        write(&file, &memory, place)?;
    }
    let mut measurement = Measurement::begin(name, measured, None, interrupt)?;
    let mut place = 0;
    while !measurement.is_over()? {
        let began_ns = monotonic_ns();
        write(&file, &memory, place)?;
        measurement.note_ack(began_ns);
        measurement.count(1, memory.layout.size() as u64);
        place = (place + 1) % places;
    }
    measurement.end()
}

fn open(path: &Path) -> Result<OwnedFd, BenchError> {
    let text = CString::new(path.as_os_str().as_bytes())
        .map_err(|_| BenchError::Argument(format!("{} is no path", path.display())))?;
    let flags = libc::O_CREAT | libc::O_RDWR | libc::O_DIRECT | libc::O_DSYNC | libc::O_CLOEXEC;
    // SAFETY: a text that ends with zero and lives through the call.
    let descriptor = unsafe { libc::open(text.as_ptr(), flags, 0o600) };
    if descriptor < 0 {
        let error = std::io::Error::last_os_error();
        return Err(BenchError::system("opening a file for direct writes")(error));
    }
    // SAFETY: it was opened just now, and nobody else has it.
    Ok(unsafe { OwnedFd::from_raw_fd(descriptor) })
}

fn write(file: &OwnedFd, memory: &Aligned, place: usize) -> Result<(), BenchError> {
    let (bytes, at) = (memory.layout.size(), place * memory.layout.size());
    // SAFETY: memory of that length, which lives through the call.
    let written = unsafe {
        libc::pwrite(file.as_raw_fd(), memory.start.as_ptr().cast(), bytes, at as libc::off_t)
    };
    if written == bytes as isize {
        return Ok(());
    }
    Err(BenchError::system("writing to a file")(std::io::Error::last_os_error()))
}
