//! coilgun-bench
fn main() {}
