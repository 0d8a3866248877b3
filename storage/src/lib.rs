//! Coilgun's data on disk.
//!
//! What it does: owns the data directory ([`DataDirectory`]), so that two brokers never share one;
//! keeps the name of the log that lives in it ([`Identity`]); and proves at start that what the
//! disk is given comes back ([`disk::self_test`]).
//!
//! What it never does: it draws no random numbers and reads no clock (both are handed in), and it
//! never believes, repairs or overwrites bytes that do not pass their check.
//!
//! Invariants:
//! - whoever holds a [`DataDirectory`] is the only one to write below it;
//! - a file appears under its name only after its bytes are on the disk;
//! - what is wrong on a disk is an error value, never a panic.

mod data_directory;
pub mod disk;
pub mod format;
pub mod fuzz;
mod identity;
mod identity_file;
pub mod index;
pub mod journal;
mod log_directory;
mod log_presence;
pub mod mutant;
pub mod recovery;

pub use data_directory::{DataDirectory, DataDirectoryError};
pub use identity::{Identity, InvalidIdentity};
pub use identity_file::{
    IDENTITY_FILE_NAME, IdentityError, open_or_create_identity, read_identity,
};
pub use log_directory::{LOGS_MAX, log_directory_name, log_directory_number, log_id};
pub use log_presence::{log_count, log_exists, prepare_log_directory};
