//! What stands in the bodies of checkpoint chunks and of metadata: archives of rkyv, checked before they
//! are believed.
//!
//! A field is only ever added, with a new kind of state: what an archive looks like belongs to the kind
//! that its head names.

use rkyv::rancor::Failure;
use rkyv::util::AlignedVec;

/// The metadata that says that there is a partition; its key is the partition's number, its body the
/// number of the co-location group, of 64 bits.
pub const METADATA_PARTITION: u32 = 1;
/// The metadata that says that there is a stream ([`StreamState`]); its key is the stream's number.
pub const METADATA_STREAM: u32 = 2;
/// A part of a checkpoint with some partitions ([`PartitionStates`]).
pub const STATE_PARTITIONS: u32 = 1;
/// A part of a checkpoint with some streams ([`CatalogState`]).
pub const STATE_CATALOG: u32 = 2;

macro_rules! states {
    ($($(#[$doc:meta])* $name:ident {
        $($(#[$field_doc:meta])* $field:ident: $type:ty,)*
    })*) => {$(
        $(#[$doc])*
        #[derive(rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
        #[derive(Clone, PartialEq, Eq, Debug, Default)]
        pub struct $name {
            $($(#[$field_doc])* pub $field: $type,)*
        }
    )*};
}

states! {
    /// A stream.
    StreamState {
        /// Its number.
        id: u64,
        /// The name of its namespace.
        namespace: Vec<u8>,
        /// Its name.
        name: Vec<u8>,
        /// When it was made, in milliseconds since 1970.
        created_ms: u64,
        /// All its partitions are in one co-location group.
        co_located: bool,
        /// Its partitions, by their index.
        partitions: Vec<PartitionPlaceState>,
    }

    /// A partition of a stream.
    PartitionPlaceState {
        /// Its number.
        id: u64,
        /// The number of its co-location group.
        co_location_group: u64,
        /// The log that holds it.
        log: u16,
    }

    /// Some streams, and the last numbers that were given away.
    CatalogState {
        /// Of a stream.
        last_stream: u64,
        /// Of a partition.
        last_partition: u64,
        /// Of a co-location group.
        last_co_location_group: u64,
        /// The streams.
        streams: Vec<StreamState>,
    }

    /// Some partitions.
    PartitionStates {
        /// One after the other.
        partitions: Vec<PartitionState>,
    }

    /// A partition, as it was behind everything that stands before its chunk.
    PartitionState {
        /// Its number.
        partition: u64,
        /// The number of its co-location group.
        co_location_group: u64,
        /// How often it was emptied.
        incarnation: u32,
        /// The first record that is kept.
        log_start: u64,
        /// The offset behind the last record.
        end: u64,
        /// When the last record was appended, in milliseconds since 1970.
        last_append_time_ms: u64,
        /// Nothing is proven about its end (law L8).
        is_read_only: bool,
        /// What is known of its producers, by their number.
        producers: Vec<ProducerState>,
    }

    /// What a partition knows of a producer.
    ProducerState {
        /// Who.
        producer: u64,
        /// Its latest epoch.
        producer_epoch: u32,
        /// The sequence of its next record.
        next_sequence: u64,
        /// When it last appended, in milliseconds since 1970.
        last_append_time_ms: u64,
        /// Its latest batches, oldest first.
        batches: Vec<ProducerBatchState>,
    }

    /// A batch of a producer.
    ProducerBatchState {
        /// The offset of its first record.
        base_offset: u64,
        /// How many records it holds.
        count: u32,
    }
}

/// A kind of state that stands in a body.
pub trait State: Sized {
    /// The bytes of the body.
    fn to_body(&self) -> Vec<u8>;

    /// Reads a body of any bytes; nothing if it is none of this kind.
    fn from_body(bytes: &[u8]) -> Option<Self>;
}

macro_rules! bodies {
    ($($name:ident),*) => {$(
        impl State for $name {
            fn to_body(&self) -> Vec<u8> {
                let archive = rkyv::to_bytes::<Failure>(self);
                archive.expect("memory is all that an archive needs").to_vec()
            }

            fn from_body(bytes: &[u8]) -> Option<$name> {
                // The body may lie at any place of a buffer; archives want alignment.
                let mut aligned: AlignedVec<16> = AlignedVec::with_capacity(bytes.len());
                aligned.extend_from_slice(bytes);
                rkyv::from_bytes::<$name, Failure>(&aligned).ok()
            }
        }
    )*};
}

bodies!(StreamState, CatalogState, PartitionStates);

/// Any bytes as each kind of state.
pub fn fuzz_state(bytes: &[u8]) {
    if let Some(state) = PartitionStates::from_body(bytes) {
        assert_eq!(PartitionStates::from_body(&state.to_body()), Some(state));
    }
    if let Some(state) = CatalogState::from_body(bytes) {
        assert_eq!(CatalogState::from_body(&state.to_body()), Some(state));
    }
    if let Some(state) = StreamState::from_body(bytes) {
        assert_eq!(StreamState::from_body(&state.to_body()), Some(state));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream() -> StreamState {
        StreamState {
            id: 7,
            namespace: b"default".to_vec(),
            name: b"orders".to_vec(),
            created_ms: 9,
            co_located: true,
            partitions: vec![PartitionPlaceState { id: 1, co_location_group: 2, log: 3 }],
        }
    }

    fn partitions() -> PartitionStates {
        let batches = vec![ProducerBatchState { base_offset: 4, count: 2 }];
        let producers =
            vec![ProducerState { producer: 5, next_sequence: 6, batches, ..Default::default() }];
        let partition = PartitionState { partition: 1, end: 6, producers, ..Default::default() };
        PartitionStates { partitions: vec![partition.clone(), partition] }
    }

    #[test]
    fn states_read_back_from_any_place() {
        let catalog =
            CatalogState { last_stream: 7, streams: vec![stream()], ..Default::default() };
        let body = catalog.to_body();
        for shift in 0..9 {
            let mut moved = vec![0; shift];
            moved.extend_from_slice(&body);
            assert_eq!(CatalogState::from_body(&moved[shift..]), Some(catalog.clone()));
        }
        assert_eq!(StreamState::from_body(&stream().to_body()), Some(stream()));
        assert_eq!(PartitionStates::from_body(&partitions().to_body()), Some(partitions()));
    }

    #[test]
    fn damaged_states_are_refused_or_other_values_and_never_a_panic() {
        let body = partitions().to_body();
        for at in 0..body.len() {
            fuzz_state(&body[..at]);
            for bit in 0..8 {
                let mut damaged = body.clone();
                damaged[at] ^= 1 << bit;
                fuzz_state(&damaged);
            }
        }
        assert_eq!(PartitionStates::from_body(&[]), None);
    }
}
