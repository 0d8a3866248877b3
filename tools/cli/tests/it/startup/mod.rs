//! A broker that cannot start as it is told to: each test sets one thing wrong, and reads what the
//! process says.
//!
//! What it does: it holds that a mistake ends the process at once, with one line that says what is
//! wrong and one that says what to do ([`refused::Refused`]), and that nothing of others is touched.
//! What it never does: it looks into no broker and waits for no time to pass.

mod data;
mod keys;
mod limits;
mod listening;
pub(crate) mod refused;
mod restricted;
