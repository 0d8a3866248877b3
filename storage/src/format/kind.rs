//! Which kinds of entries, bodies and truncations there are. Numbers are the format: they are never
//! changed and never used again.

macro_rules! numbered {
    ($(#[$doc:meta])* $name:ident: $number:ty {
        $($(#[$variant_doc:meta])* $variant:ident = $value:literal,)*
    }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        #[repr($number)]
        pub enum $name {
            $($(#[$variant_doc])* $variant = $value,)*
        }

        impl $name {
            /// All there are, by number.
            pub const ALL: &'static [$name] = &[$($name::$variant),*];

            /// Its number on the disk.
            #[must_use]
            pub fn number(self) -> $number {
                self as $number
            }

            /// The one with this number, if this version knows it.
            #[must_use]
            pub fn from_number(number: $number) -> Option<$name> {
                match number {
                    $($value => Some($name::$variant),)*
                    _ => None,
                }
            }
        }
    };
}

numbered! {
    /// What an entry of a commit group is (law L4).
    EntryKind: u8 {
        /// A batch of records.
        Append = 1,
        /// Records are taken out of a partition.
        Truncate = 2,
        /// How far a consumer group has come.
        Cursor = 3,
        /// What is known of a producer.
        Producer = 4,
        /// Something about the broker.
        Metadata = 5,
        /// A part of a checkpoint.
        CheckpointChunk = 6,
        /// How far the log is durable.
        Watermark = 7,
        /// Segments were written out into the store.
        SegmentReplace = 8,
        /// The previous epoch ended.
        EndOfEpoch = 9,
        /// What a member of a replicated log must not forget.
        RaftHardState = 10,
        /// Something that is not in this version.
        Extension = 11,
    }
}

numbered! {
    /// How the body of a batch is written.
    BodyKind: u16 {
        /// Bytes that only the clients understand, as one record.
        Opaque = 0,
        /// Records as the native protocol writes them.
        Native = 1,
    }
}

numbered! {
    /// What is taken out of a partition.
    Truncation: u32 {
        /// The records from an offset on: what was not replicated.
        End = 1,
        /// The records before an offset: what need not be kept.
        Beginning = 2,
        /// All records; the partition goes on, at the same offset, in a new incarnation.
        Purge = 3,
        /// The partition itself.
        Delete = 4,
    }
}
