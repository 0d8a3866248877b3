//! The data directory on a real disk, driven from real executors.

mod corpus;
mod data_directory;
mod disk_conformance;
mod disk_crashes;
mod disk_direct;
mod disk_faults;
mod disk_order;
mod executor;
mod format_document;
mod golden;
mod golden_log;
mod golden_writer;
mod identity;
mod repair;
mod self_test;
