//! The bench as a whole: its load against servers that keep their promises and servers that do not,
//! its arithmetic, and the shape of its reports. Nothing here asserts a time.

mod children;
mod clients;
mod fake_broker;
mod faulty_streams;
mod figures;
mod matrix;
mod native;
mod real_broker;
mod shards;
mod signals;
mod streams;
mod suites;
mod verdicts;
mod whole_runs;
