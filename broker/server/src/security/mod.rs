//! Who somebody is: users, their passwords, and the thread that checks them.
//!
//! What it does: makes one table of users from the configuration, checks passwords against their
//! argon2id hashes on one thread beside the shards, and remembers for a while which were right. What it
//! never does: it decides nothing about a message, which the permissions in the core do (law S32), it
//! runs nothing that takes long on a shard (law S26), and it keeps and logs no password.
//!
//! ```text
//!  shard: HELLO --> Authentication --right before?--> let in
//!                        |  no
//!                        v  asked once for all who say the same
//!                    bounded queue ==> one thread: argon2id ==> a queue of verdicts per shard --> waker
//!                        |  full
//!                        v
//!                    authentication_busy
//! ```
//!
//! Invariants:
//! - a shard asks for no more verdicts at a time than its queue has places, so none is ever lost;
//! - a verdict counts only for clients that still wait for it, by slot and generation;
//! - a name that no user has is checked like a wrong password, against a hash, and takes as long.

mod authentication;
mod elbus_access;
mod hash;
mod helper;
mod recent;
mod users;

pub use authentication::Authentication;
pub use elbus_access::{AccessHandle, ElbusAccess, ElbusClient, SharedAccess};
pub use hash::{HashCost, InvalidHash, SecretHash, make_hash};
pub use users::{User, UserNumber, Users};

pub(crate) use authentication::Answer;
pub(crate) use elbus_access::{AccessTable, Right};
pub(crate) use helper::{HelperThread, Verifying};
