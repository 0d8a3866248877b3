//! The ring as the shard sees it: typed operations in, typed completions out.
//!
//! [`Ring`] is a seam: in production io_uring stands behind it, in tests a simulated kernel with
//! faults. Nothing here makes a system call.

use std::io;
use std::os::fd::RawFd;

use coilgun_protocol::buffer::BlockRef;
use coilgun_protocol::model::Timestamp;

/// A queue of operations for the kernel and a queue of what became of them.
pub trait Ring {
    /// Gives the kernel an empty block to receive into. It comes back through
    /// [`Received::retired`].
    fn provide(&mut self, block: BlockRef);

    /// Queues an operation; the kernel sees it at [`Ring::enter`] at the latest.
    ///
    /// # Safety
    /// Memory the operation names stays valid, and unchanged, until its final completion (law S1).
    unsafe fn push(&mut self, operation: Operation, user: UserData);

    /// Hands everything queued to the kernel and lets it do its deferred work. Does not wait.
    ///
    /// # Errors
    /// If the kernel refuses to work with this ring at all; the shard cannot go on.
    fn enter(&mut self) -> io::Result<()>;

    /// Whether [`Ring::enter`] would do anything.
    fn needs_enter(&mut self) -> bool;

    /// Moves at most `max` completions to the end of `completions`.
    fn complete(&mut self, completions: &mut Vec<Completion>, max: usize);

    /// Hands everything queued to the kernel, and waits until something has completed or the shard is
    /// woken, so many nanoseconds at most. Returns whether it was before they were over.
    ///
    /// # Errors
    /// If the ring is broken.
    fn wait(&mut self, ns: u64) -> io::Result<bool>;

    /// From now on a completion wakes the shard. Returns whether it may sleep: nothing has
    /// completed already.
    ///
    /// # Errors
    /// If the ring is broken.
    fn prepare_park(&mut self) -> io::Result<bool>;

    /// The shard is awake: completions wake nobody.
    fn end_park(&mut self);
}

/// Something the kernel shall do.
#[derive(Clone, Copy, Debug)]
pub enum Operation {
    /// Accept connections on a listening socket until told otherwise (multishot).
    Accept {
        /// The listening socket.
        socket: RawFd,
    },
    /// Receive into provided blocks.
    Receive {
        /// The connected socket.
        socket: RawFd,
        /// Go on until told otherwise, or receive once.
        multishot: bool,
    },
    /// Send one run of bytes.
    Send {
        /// The connected socket.
        socket: RawFd,
        /// First byte.
        address: *const u8,
        /// How many bytes, at least one.
        len: u32,
    },
    /// Send several runs of bytes in order.
    SendVector {
        /// The connected socket.
        socket: RawFd,
        /// Names the runs.
        message: *const libc::msghdr,
    },
    /// End the operation that carries this user data.
    Cancel {
        /// What the operation was pushed with.
        target: UserData,
    },
    /// Tell the peer that nothing more will be sent.
    ShutdownWrite {
        /// The connected socket.
        socket: RawFd,
    },
    /// Close a descriptor.
    Close {
        /// The descriptor.
        socket: RawFd,
    },
    /// Complete at a time of the ring's clock.
    Timeout {
        /// When.
        at: Timestamp,
    },
}

/// What an operation was, so that its completion is recognised (law S2).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OperationKind {
    /// [`Operation::Accept`]
    Accept,
    /// [`Operation::Receive`]
    Receive,
    /// [`Operation::Send`] or [`Operation::SendVector`]
    Send,
    /// [`Operation::Cancel`]
    Cancel,
    /// [`Operation::ShutdownWrite`]
    ShutdownWrite,
    /// [`Operation::Close`]
    Close,
    /// [`Operation::Timeout`]
    Timeout,
}

/// 64 bits that come back with every completion of an operation.
///
/// ```text
/// bits 63..56 kind | 55..32 slot | 31..0 generation of the slot
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct UserData(u64);

/// Slots have 24 bits.
pub const SLOTS_MAX: usize = 1 << 24;

impl UserData {
    /// Names an operation on a slot of a generation.
    ///
    /// # Panics
    /// If the slot has more than 24 bits.
    #[must_use]
    pub fn new(kind: OperationKind, slot: u32, generation: u32) -> UserData {
        assert!((slot as usize) < SLOTS_MAX, "slots have 24 bits");
        UserData((kind as u64) << 56 | u64::from(slot) << 32 | u64::from(generation))
    }

    /// What was pushed, or nothing if the bits are not ours.
    #[must_use]
    pub fn kind(self) -> Option<OperationKind> {
        [
            OperationKind::Accept,
            OperationKind::Receive,
            OperationKind::Send,
            OperationKind::Cancel,
            OperationKind::ShutdownWrite,
            OperationKind::Close,
            OperationKind::Timeout,
        ]
        .into_iter()
        .find(|kind| *kind as u64 == self.0 >> 56)
    }

    /// The slot it was pushed for.
    #[must_use]
    pub fn slot(self) -> u32 {
        (self.0 >> 32) as u32 & (SLOTS_MAX as u32 - 1)
    }

    /// The generation of the slot at that time.
    #[must_use]
    pub fn generation(self) -> u32 {
        self.0 as u32
    }

    /// The bits, for the kernel.
    #[must_use]
    pub fn bits(self) -> u64 {
        self.0
    }

    /// The bits a completion came with.
    #[must_use]
    pub fn from_bits(bits: u64) -> UserData {
        UserData(bits)
    }
}

/// What became of an operation.
#[derive(Clone, Copy, Debug)]
pub struct Completion {
    /// What it was pushed with.
    pub user: UserData,
    /// A count or a descriptor, or a negative error number.
    pub result: i32,
    /// More completions of the same operation follow.
    pub more: bool,
    /// The block that bytes were received into.
    pub received: Option<Received>,
}

/// Where received bytes lie.
#[derive(Clone, Copy, Debug)]
pub struct Received {
    /// Number of the block in the receive pool.
    pub block: u16,
    /// The kernel will not write to this block again.
    pub retired: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s2_user_data_reads_back() {
        for kind in [OperationKind::Accept, OperationKind::Send, OperationKind::Timeout] {
            for (slot, generation) in [(0, 0), (1, u32::MAX), (SLOTS_MAX as u32 - 1, 7)] {
                let user = UserData::from_bits(UserData::new(kind, slot, generation).bits());
                assert_eq!(user.kind(), Some(kind));
                assert_eq!((user.slot(), user.generation()), (slot, generation));
            }
        }
        assert_eq!(UserData::from_bits(u64::MAX).kind(), None);
    }
}
