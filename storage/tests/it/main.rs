//! The data directory on a real disk, driven from real executors.

mod data_directory;
mod executor;
mod golden;
mod identity;
mod self_test;
