//! `coilgun log`: logs that real brokers wrote, with and without damage.
//!
//! What it does: plants damage in the files of a broker that has ended. What it never does: it looks at no
//! bytes by itself that the commands under test look at.

mod contradiction;
mod dump;
mod repair;
mod scene;
mod verify;
