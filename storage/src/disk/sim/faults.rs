//! What a disk may do to a log.

/// One fault, for one operation that a harness names. One that does not fit its operation does nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// The operation reports an error (`EIO`); any part of it happened.
    Error,
    /// The operation reports that there is no room (`ENOSPC`); any part of it happened.
    Full,
    /// A write stores, or a read brings, fewer bytes than it was asked for.
    Short,
    /// One bit of what a write stores, or of what a read brings, is another; nobody is told.
    Flip,
    /// The operation waits until so many others are completed, or nothing else is in flight.
    Slow(u32),
}

/// How often faults happen by themselves, in thousandths of the occasions for them.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Faults {
    /// A read fails.
    pub read_error: u32,
    /// A write fails.
    pub write_error: u32,
    /// A sync of a file or of the directory fails.
    pub sync_error: u32,
    /// Anything that concerns names, lengths or opening fails.
    pub metadata_error: u32,
    /// A write is short.
    pub short_write: u32,
    /// A bit of what is read is another; the next read of the same place may be right.
    pub flip_read: u32,
    /// An operation is passed over while others are in flight.
    pub slow: u32,
    /// A power failure loses any of the unsynced changes of the directory, instead of the last ones.
    pub scattered_names: u32,
}

impl Faults {
    /// A disk that fails in nothing but a crash.
    #[must_use]
    pub const fn none() -> Faults {
        Faults {
            read_error: 0,
            write_error: 0,
            sync_error: 0,
            metadata_error: 0,
            short_write: 0,
            flip_read: 0,
            slow: 0,
            scattered_names: 0,
        }
    }
}

macro_rules! counts {
    ($($(#[$meaning:meta])* $name:ident,)+) => {
        /// How often everything really happened.
        #[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
        pub struct DiskCounts {
            $($(#[$meaning])* pub $name: u64,)+
        }

        impl DiskCounts {
            /// Adds what happened in another world.
            pub fn add(&mut self, other: &DiskCounts) {
                $(self.$name += other.$name;)+
            }

            /// All counts with their names, in the order of their declaration.
            #[must_use]
            pub fn named(&self) -> Vec<(&'static str, u64)> {
                vec![$((stringify!($name), self.$name)),+]
            }
        }
    };
}

counts! {
    /// Operations that were begun.
    operations,
    /// Files that were made, filled or small.
    creates,
    /// Files that were opened.
    opens,
    /// Writes that succeeded.
    writes,
    /// Reads of blocks that succeeded.
    reads,
    /// Syncs of files that succeeded.
    syncs,
    /// Files that were cut off.
    truncates,
    /// Files that got another name.
    renames,
    /// Files that were removed.
    removes,
    /// Syncs of the directory that succeeded.
    directory_syncs,
    /// Operations that were completed while one that was begun earlier was in flight.
    reordered,
    /// Operations that were passed over.
    slow,
    /// Operations that failed because of an injected error.
    failed,
    /// Operations that were refused because the disk was full.
    full,
    /// Writes and reads that were short.
    short,
    /// Bits that became others.
    flips,
    /// Sectors that a failed sync has lost without a word.
    doomed_sectors,
    /// Operations whose future was dropped while they were in flight.
    abandoned,
    /// Files that a harness put there or changed.
    planted,
    /// Files that a harness took away.
    removed_behind,
    /// Times the process was killed.
    kills,
    /// Times the power failed.
    power_failures,
    /// Operations that were in flight when the process or the machine died.
    in_flight_at_crash,
    /// Of these, writes of which some sectors were stored and some were not.
    torn,
    /// Of these, writes of which nothing was stored.
    vanished,
    /// Of these, writes that were stored and of which nobody heard.
    unheard,
    /// Of these, files that were left half made.
    half_made,
    /// Sectors that were written and not synced, and that a power failure lost.
    lost_sectors,
    /// Changes of the directory that were not synced, and that a power failure lost.
    lost_names,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_add_up() {
        let mut sum = DiskCounts { writes: 3, ..DiskCounts::default() };
        sum.add(&DiskCounts { writes: 4, torn: 1, ..DiskCounts::default() });
        assert_eq!((sum.writes, sum.torn, sum.kills), (7, 1, 0));
        assert!(sum.named().contains(&("writes", 7)));
    }
}
