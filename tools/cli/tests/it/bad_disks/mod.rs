//! The binary on disks that refuse: read-only ones, such without direct IO, full ones, and such that fail.
//!
//! What it does: it holds that a start that cannot work is refused with a line that says why, that a full disk
//! is a state that ends (law L19), and that a write that fails ends the broker with the name of the file, and
//! leaves nobody with a wrong answer (law L14). What it never does: it looks for no data that is lost; that is
//! done under `power_cuts`.

mod appending;
mod failing;
mod full;
mod refused;
