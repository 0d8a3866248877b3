//! coilgun
fn main() {}
