//! Limits of the process that are too small, or just large enough.

use std::fs;
use std::process::Command;

use crate::process::{Broker, coilgun, folder};

use super::refused::Refused;
use super::restricted::limit;

/// How many descriptors a broker needs depends on its shards.
const ONE_SHARD: [&str; 2] = ["--shards", "1"];

/// Descriptors of a broker with one shard and a TCP and a UNIX listener, beside those of its connections.
const OWN: u64 = 64 + 2 + 32 + 32;

/// A broker whose process has these limits has to refuse, and to leave no data directory behind.
fn refused(arguments: &[&str], restrict: impl FnOnce(&mut Command)) -> Refused {
    let folder = folder();
    let mut command = coilgun(&["serve", "--listen", "127.0.0.1:0", "--data", "data"]);
    command.args(ONE_SHARD).args(arguments).current_dir(folder.path());
    restrict(&mut command);
    let refused = Refused::run(command, 1);
    assert!(!folder.path().join("data").exists(), "nothing is touched before");
    refused
}

/// What the kernel says about a limit of a process: the soft and the hard one.
fn limits_of(broker: &Broker, name: &str) -> (String, String) {
    let text = fs::read_to_string(format!("/proc/{}/limits", broker.id())).expect("it runs");
    let line = text.lines().find_map(|line| line.strip_prefix(name)).expect("it is listed");
    let mut words = line.split_whitespace().map(str::to_owned);
    let mut next = || words.next().expect("two numbers");
    (next(), next())
}

#[test]
fn too_few_descriptors_are_refused_with_the_number_that_fits() {
    let hard = 400;
    let lower = |command: &mut Command| limit(command, libc::RLIMIT_NOFILE, hard, hard);
    refused(&["--connections-max", "1000"], lower).says(
        &["400 descriptors (RLIMIT_NOFILE)", "1000 connections need 1131"],
        &["to 1131 (ulimit -n", "LimitNOFILE=", "(--connections-max) to 269."],
    );
    refused(&["--connections-max", "270"], lower).says(&["270 connections need 401"], &[]);
    Broker::start_changed(&["--shards", "1", "--connections-max", "269"], lower).stop();
}

#[test]
fn where_no_connection_fits_there_is_one_way_out() {
    let lower = |command: &mut Command| limit(command, libc::RLIMIT_NOFILE, OWN, OWN);
    let refused = refused(&["--connections-max", "1"], lower);
    refused.says(&["130 descriptors", "1 connections need 132"], &["Raise the limit to 132"]);
    assert!(!refused.help.contains("connections-max"), "{}", refused.help);
}

#[test]
fn the_soft_limit_of_descriptors_is_raised_where_that_helps() {
    let lower = |command: &mut Command| limit(command, libc::RLIMIT_NOFILE, 50, 400);
    let broker = Broker::start_changed(&["--shards", "1", "--connections-max", "100"], lower);
    assert_eq!(limits_of(&broker, "Max open files"), ("400".to_owned(), "400".to_owned()));
    broker.stop();
    refused(&["--connections-max", "300"], lower).says(&["400 descriptors"], &["to 269."]);
    let enough = |command: &mut Command| limit(command, libc::RLIMIT_NOFILE, 300, 400);
    let broker = Broker::start_changed(&["--shards", "1", "--connections-max", "100"], enough);
    assert_eq!(limits_of(&broker, "Max open files").0, "300", "it is left alone");
    broker.stop();
}

#[test]
fn what_is_set_aside_is_enough_for_the_broker_itself() {
    let broker = Broker::start(&["--shards", "1", "--connections-max", "10"]);
    let open = fs::read_dir(format!("/proc/{}/fd", broker.id())).expect("it runs").count() as u64;
    assert!(open <= OWN - 64, "{open} are open without a client");
    broker.stop();
}

#[test]
fn too_little_locked_memory_is_refused() {
    let lower = |command: &mut Command| limit(command, libc::RLIMIT_MEMLOCK, 64 << 10, 256 << 10);
    refused(&["--connections-max", "10"], lower).says(
        &["lock 262144 bytes of memory (RLIMIT_MEMLOCK)", "io_uring needs 524288"],
        &["to 8192 KiB (ulimit -l", "LimitMEMLOCK=", "512 KiB is the least"],
    );
}

#[test]
fn little_locked_memory_is_raised_and_warned_of() {
    let lower = |command: &mut Command| limit(command, libc::RLIMIT_MEMLOCK, 64 << 10, 1 << 20);
    let broker = Broker::start_changed(&["--shards", "1", "--connections-max", "10"], lower);
    let bytes = (1 << 20).to_string();
    assert_eq!(limits_of(&broker, "Max locked memory"), (bytes.clone(), bytes));
    broker.signal(libc::SIGTERM);
    let (ended, _folder) = broker.end();
    let first = ended.stderr.lines().next().expect("it says something");
    assert!(first.starts_with("coilgun: this process may lock 1024 KiB"), "{}", ended.stderr);
    assert!(first.contains("ulimit -l") && first.contains("8192 KiB"), "{}", ended.stderr);
}
