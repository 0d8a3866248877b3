//! coilgun-core
