//! What a kernel may do to a shard.

/// How often each fault is injected, in thousandths of the occasions for it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Faults {
    /// A receive takes only part of what is there.
    pub short_receive: u32,
    /// A send takes only part of what is given.
    pub short_send: u32,
    /// An operation is left for a later turn.
    pub delay: u32,
    /// A receive finds no block although there are some.
    pub starve: u32,
    /// A multishot operation ends although nothing is wrong.
    pub end_multishot: u32,
    /// A cancellation comes too late.
    pub late_cancel: u32,
    /// A connection is reset.
    pub reset: u32,
    /// A push into a ring between shards is refused although there is room. Only where a parcel is in
    /// the ring, so that whoever was refused hears of room later, as with a full one.
    pub mesh_full: u32,
    /// A parcel or a loan that comes back is seen late, and so is what comes behind it.
    pub mesh_delay: u32,
}

/// How often each fault was injected.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct FaultCounts {
    /// See [`Faults::short_receive`].
    pub short_receives: u64,
    /// See [`Faults::short_send`].
    pub short_sends: u64,
    /// See [`Faults::delay`].
    pub delays: u64,
    /// See [`Faults::starve`].
    pub starvations: u64,
    /// See [`Faults::end_multishot`].
    pub ended_multishots: u64,
    /// See [`Faults::late_cancel`].
    pub late_cancels: u64,
    /// See [`Faults::reset`].
    pub resets: u64,
    /// Sends whose memory was compared with what it held when the send was queued.
    pub sends_checked: u64,
}

impl Faults {
    /// A kernel that does everything at once and completely.
    #[must_use]
    pub const fn none() -> Faults {
        Faults {
            short_receive: 0,
            short_send: 0,
            delay: 0,
            starve: 0,
            end_multishot: 0,
            late_cancel: 0,
            reset: 0,
            mesh_full: 0,
            mesh_delay: 0,
        }
    }

    /// Everything that loses no connection, often.
    #[must_use]
    pub fn rough() -> Faults {
        Faults {
            short_receive: 300,
            short_send: 300,
            delay: 200,
            starve: 50,
            end_multishot: 100,
            late_cancel: 300,
            reset: 0,
            mesh_full: 100,
            mesh_delay: 200,
        }
    }
}
