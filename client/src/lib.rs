//! coilgun-client
