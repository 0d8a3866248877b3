//! Drives a broker with all kinds of clients for a long time, and looks whether it stays as it was.
//!
//! What it does: carries steady traffic whose order and completeness are checked ([`steady`]), lets
//! clients come, misbehave and vanish beside it ([`visitors`]), samples the broker all the while
//! ([`run`]), and judges memory, descriptors and what was exercised ([`report`]). What it never does:
//! it measures no speed, and passes no run in which a message was lost or overtaken.

pub mod report;
pub mod run;
pub mod steady;
pub mod visitors;
