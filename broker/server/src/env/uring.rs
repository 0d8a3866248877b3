//! The network ring on io_uring.
//!
//! One ring per shard, used by one thread only (SINGLE_ISSUER), which does its deferred work when it
//! enters the ring and at no other time (DEFER_TASKRUN): no interrupt ever preempts a turn. The
//! ring's eventfd is silent while the shard works and speaks while it is parked (law S24). While the
//! shard waits in the ring itself, the ring watches the eventfd, to which other threads write.
//!
//! Sources: the man pages io_uring_setup(2), io_uring_enter(2), io_uring_register_buf_ring(3).

use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::sync::atomic::{AtomicU16, Ordering, fence};

use coilgun_protocol::buffer::{BlockRef, Region};
use coilgun_protocol::model::Timestamp;
use io_uring::types::{BufRingEntry, Fd, SubmitArgs, TimeoutFlags, Timespec};
use io_uring::{IoUring, cqueue, opcode, squeue};

use super::memory;
use super::wake::take_back;
use crate::net::{Completion, Operation, Received, Ring, UserData};

/// Operations that can be queued before the kernel is entered.
const SUBMISSIONS: u32 = 1024;
/// Completions the kernel can queue before it has to hold them back itself.
const COMPLETIONS: u32 = 4096;
/// The longest wait in the ring, in nanoseconds.
const WAIT_NS_MAX: u32 = 999_999_999;
/// The one group of provided buffers.
const BUFFER_GROUP: u16 = 0;
/// A connection that is gone is an error of the send, not a signal to the process.
const SEND_FLAGS: i32 = libc::MSG_NOSIGNAL;
/// What the poll of the eventfd completes with; no [`UserData`] looks so.
const EVENT_USER: u64 = u64::MAX;
/// Flag of a buffer ring whose buffers are used up piece by piece (kernel 6.12 on).
const PBUF_RING_INCREMENTAL: u16 = 2;

/// io_uring as a [`Ring`].
pub struct UringRing {
    ring: IoUring,
    provided: ProvidedRing,
    /// The time of the timeout that waits to be submitted.
    timeout: Box<Timespec>,
    timeout_queued: bool,
    incremental: bool,
    /// To which other threads write when the shard sleeps.
    event: RawFd,
    /// Whether the ring watches it.
    watches_event: bool,
}

/// The ring of provided buffers that is shared with the kernel.
struct ProvidedRing {
    memory: Region,
    entries: u16,
    tail: u16,
}

impl UringRing {
    /// A ring whose completions are announced on `event`, with room to provide `blocks_max` blocks.
    ///
    /// # Errors
    /// If the kernel is too old, or forbids io_uring.
    pub fn new(event: RawFd, blocks_max: usize) -> io::Result<UringRing> {
        let mut ring = IoUring::builder()
            .setup_cqsize(COMPLETIONS)
            .setup_single_issuer()
            .setup_defer_taskrun()
            .setup_taskrun_flag()
            .setup_submit_all()
            .build(SUBMISSIONS)?;
        ring.submitter().register_eventfd(event)?;
        let provided = ProvidedRing::new(blocks_max)?;
        let incremental = provided.register(&ring)?;
        ring.completion().disable_eventfd();
        Ok(UringRing {
            ring,
            provided,
            timeout: Box::new(Timespec::new()),
            timeout_queued: false,
            incremental,
            event,
            watches_event: false,
        })
    }

    /// Whether blocks are used up piece by piece, or one receive takes a whole block.
    #[must_use]
    pub fn is_incremental(&self) -> bool {
        self.incremental
    }

    fn entry(&mut self, operation: Operation) -> squeue::Entry {
        match operation {
            Operation::Accept { socket } => {
                opcode::AcceptMulti::new(Fd(socket)).flags(libc::SOCK_CLOEXEC).build()
            }
            Operation::Receive { socket, multishot: true } => {
                opcode::RecvMulti::new(Fd(socket), BUFFER_GROUP).build()
            }
            Operation::Receive { socket, multishot: false } => {
                opcode::Recv::new(Fd(socket), std::ptr::null_mut(), 0)
                    .buf_group(BUFFER_GROUP)
                    .build()
                    .flags(squeue::Flags::BUFFER_SELECT)
            }
            Operation::Send { socket, address, len } => {
                opcode::Send::new(Fd(socket), address, len).flags(SEND_FLAGS).build()
            }
            Operation::SendVector { socket, message } => {
                opcode::SendMsg::new(Fd(socket), message).flags(SEND_FLAGS as u32).build()
            }
            Operation::Cancel { target } => opcode::AsyncCancel::new(target.bits()).build(),
            Operation::ShutdownWrite { socket } => {
                opcode::Shutdown::new(Fd(socket), libc::SHUT_WR).build()
            }
            Operation::Close { socket } => opcode::Close::new(Fd(socket)).build(),
            Operation::Timeout { at } => {
                *self.timeout = timespec(at);
                opcode::Timeout::new(&raw const *self.timeout).flags(TimeoutFlags::ABS).build()
            }
        }
    }
}

impl Ring for UringRing {
    fn provide(&mut self, block: BlockRef) {
        self.provided.push(block);
    }

    unsafe fn push(&mut self, operation: Operation, user: UserData) {
        if matches!(operation, Operation::Timeout { .. }) {
            if self.timeout_queued {
                // The kernel copies the time when it takes the entry; until then there is one.
                self.submit_now();
            }
            self.timeout_queued = true;
        }
        let entry = self.entry(operation).user_data(user.bits());
        // SAFETY: the caller keeps the promise.
        unsafe { self.push_entry(&entry) };
    }

    fn enter(&mut self) -> io::Result<()> {
        self.timeout_queued = false;
        match self.ring.submit() {
            Ok(_) => Ok(()),
            // Completions have to be looked at before the kernel takes more, or a signal came: the
            // entries stay queued for the next turn.
            Err(error) if is_passing(&error) => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn needs_enter(&mut self) -> bool {
        let queue = self.ring.submission();
        !queue.is_empty() || queue.taskrun() || queue.cq_overflow()
    }

    fn complete(&mut self, completions: &mut Vec<Completion>, max: usize) {
        let queue = self.ring.completion();
        for entry in queue.take(max) {
            if entry.user_data() == EVENT_USER {
                // Whoever woke the shard has put something where it looks anyway.
                self.watches_event = false;
                take_back(self.event);
                continue;
            }
            let flags = entry.flags();
            let received = cqueue::buffer_select(flags).map(|block| Received {
                block,
                retired: !(self.incremental && cqueue::buffer_more(flags)),
            });
            completions.push(Completion {
                user: UserData::from_bits(entry.user_data()),
                result: entry.result(),
                more: cqueue::more(flags),
                received,
            });
        }
    }

    fn wait(&mut self, ns: u64) -> io::Result<bool> {
        if !self.ring.completion().is_empty() {
            return Ok(true);
        }
        self.watch_event();
        self.timeout_queued = false;
        let most = Timespec::new().nsec(u32::try_from(ns).unwrap_or(WAIT_NS_MAX).min(WAIT_NS_MAX));
        let until = SubmitArgs::new().timespec(&most);
        match self.ring.submitter().submit_with_args(1, &until) {
            Ok(_) => Ok(true),
            Err(error) if error.raw_os_error() == Some(libc::ETIME) => {
                Ok(!self.ring.completion().is_empty())
            }
            Err(error) if is_passing(&error) => Ok(true),
            Err(error) => Err(error),
        }
    }

    fn prepare_park(&mut self) -> io::Result<bool> {
        self.ring.completion().enable_eventfd();
        // Work the kernel deferred before the eventfd spoke must not stay hidden (law S24). The
        // kernel marks it in the ring before it looks whether the eventfd may speak; both are locked
        // operations on x86-64, so that after a fence either the mark is seen here or the eventfd
        // speaks. Elsewhere the two may pass each other, and the kernel is asked.
        fence(Ordering::SeqCst);
        if self.needs_enter() || cfg!(not(target_arch = "x86_64")) {
            self.enter()?;
        }
        Ok(self.ring.completion().is_empty())
    }

    fn end_park(&mut self) {
        self.ring.completion().disable_eventfd();
    }
}

impl UringRing {
    /// Sees to it that whoever writes to the eventfd ends a wait. What was written before counts, too.
    fn watch_event(&mut self) {
        if !self.watches_event {
            self.watches_event = true;
            let poll = opcode::PollAdd::new(Fd(self.event), libc::POLLIN as u32).build();
            // SAFETY: a poll names no memory.
            unsafe { self.push_entry(&poll.user_data(EVENT_USER)) };
        }
    }

    /// Queues an entry.
    ///
    /// # Safety
    /// As [`Ring::push`].
    unsafe fn push_entry(&mut self, entry: &squeue::Entry) {
        // Ends because submitting empties the queue.
        loop {
            // SAFETY: the caller promises that what the entry names outlives the operation.
            if unsafe { self.ring.submission().push(entry) }.is_ok() {
                return;
            }
            self.submit_now();
        }
    }

    /// Makes room in the submission queue.
    ///
    /// # Panics
    /// If the ring is broken: the shard cannot go on without it.
    fn submit_now(&mut self) {
        if let Err(error) = self.enter() {
            panic!("the network ring is broken: {error}");
        }
    }
}

impl ProvidedRing {
    fn new(blocks_max: usize) -> io::Result<ProvidedRing> {
        let entries = blocks_max.next_power_of_two();
        let entries = u16::try_from(entries).ok().filter(|entries| *entries <= 1 << 15);
        let entries = entries.ok_or_else(|| io::Error::other("at most 32,768 receive blocks"))?;
        let memory = memory::map(usize::from(entries) * size_of::<BufRingEntry>())?;
        Ok(ProvidedRing { memory, entries, tail: 0 })
    }

    /// Makes the ring known to the kernel, and says whether its buffers are used up piece by piece.
    fn register(&self, ring: &IoUring) -> io::Result<bool> {
        let address = self.memory.base().as_ptr() as u64;
        let submitter = ring.submitter();
        let register = |flags| {
            // SAFETY: the memory is page aligned, zeroed, as large as the entries say, and lives as
            // long as the io_uring beside it, which is dropped first.
            unsafe {
                submitter.register_buf_ring_with_flags(address, self.entries, BUFFER_GROUP, flags)
            }
        };
        match register(PBUF_RING_INCREMENTAL) {
            Ok(()) => Ok(true),
            Err(error) if error.raw_os_error() == Some(libc::EINVAL) => register(0).map(|()| false),
            Err(error) => Err(error),
        }
    }

    fn push(&mut self, block: BlockRef) {
        let base = self.memory.base().cast::<BufRingEntry>();
        let index = usize::from(self.tail & (self.entries - 1));
        // SAFETY: the index lies below the number of entries. The kernel does not look at an entry
        // behind the tail, so it is ours to write. The tail lies in a reserved field of entry 0,
        // which the setters do not touch.
        unsafe {
            let entry = &mut *base.add(index).as_ptr();
            entry.set_addr(block.base().as_ptr() as u64);
            entry.set_len(u32::try_from(block.capacity()).expect("a block is below 4 GiB"));
            let number = u16::try_from(block.into_index());
            entry.set_bid(number.expect("there are at most 32,768 receive blocks"));
            self.tail = self.tail.wrapping_add(1);
            let tail = BufRingEntry::tail(base.as_ptr()).cast::<AtomicU16>();
            (*tail).store(self.tail, Ordering::Release);
        }
    }
}

impl std::fmt::Debug for UringRing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "UringRing({})", self.ring.as_raw_fd())
    }
}

fn timespec(at: Timestamp) -> Timespec {
    Timespec::new().sec(at.0 / 1_000_000_000).nsec((at.0 % 1_000_000_000) as u32)
}

fn is_passing(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EBUSY | libc::EAGAIN | libc::EINTR))
}
