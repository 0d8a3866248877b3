//! The checks of streams find each deliberate fault.

use coilgun_core::mutant::Mutant;

/// The faults of streams.
pub(crate) const ALL: [Mutant; 7] = [
    Mutant::EarlyAck,
    Mutant::NoEpochCheck,
    Mutant::NoDedup,
    Mutant::DuplicateAckedEarly,
    Mutant::VisibleEarly,
    Mutant::AtomicInPart,
    Mutant::KnownAfterPoison,
];
