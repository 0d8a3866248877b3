//! coilgun-server
