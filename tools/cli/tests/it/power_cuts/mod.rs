//! The binary on a disk that forgets what was not synced (`coilgun-lossfs`), whose power is cut again and
//! again under load.
//!
//! What it does: it holds that what the broker acked as durable is there after a power cut, that nothing is
//! doubled and nobody sees a gap, and that the same rounds fail on a disk that breaks a promise. What it never
//! does: it trusts no sleep, and looks at no page cache: what the broker reads again is what a disk would hold.

mod beginnings;
mod endings;
mod filesystem;
mod rounds;
