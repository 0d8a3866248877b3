//! What each command does.
//!
//! What it does: one file per command, each from its arguments to its last output. What it never
//! does: it parses no flag and decides on no exit status; both are done around it.

mod busrtd;
mod child;
mod connect;
mod log;
mod publish;
mod reply;
mod request;
mod run;
mod serve;
mod service;
mod stream;
mod subscribe;
mod table;
mod user;

pub(crate) use run::run;
