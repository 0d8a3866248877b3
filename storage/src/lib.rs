//! coilgun-storage
