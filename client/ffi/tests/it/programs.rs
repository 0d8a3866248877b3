//! The examples, compiled without a warning and run against a broker.

use std::process::Command;

use crate::broker::Running;
use crate::compiler::{Linking, build, succeed};

/// Runs an example with both ways of linking and gives what it printed, which is the same.
fn run(example: &str) -> String {
    let folder = tempfile::tempdir().expect("there is a temporary directory");
    let printed = [Linking::Shared, Linking::Static].map(|linking| {
        let program = build(example, linking, folder.path());
        let broker = Running::start();
        let output = succeed(Command::new(program).arg(broker.address()));
        broker.stop();
        String::from_utf8(output.stdout).expect("it prints UTF-8")
    });
    assert_eq!(printed[0], printed[1]);
    printed[0].clone()
}

#[test]
fn a_program_in_c_publishes_and_subscribes() {
    let expected = "orders.new: one table (Trace-Id 7)\nreceivers: 1\norders.new: two chairs\n\
                    nothing more\n";
    assert_eq!(run("publish_subscribe"), expected);
}

#[test]
fn a_program_in_c_asks_answers_and_is_reached_by_name() {
    let expected =
        "asked: 6 * 7\nanswered: 42\nby name: hello from desk\nbroadcast: closing time\n";
    assert_eq!(run("request_reply"), expected);
}

#[test]
fn a_program_in_c_is_told_what_went_wrong() {
    let printed = run("errors");
    let lines: Vec<&str> = printed.lines().collect();
    assert_eq!(lines.len(), 7, "{printed}");
    assert_eq!(lines[0], "request: -10 no_responders (202), retryable 1, fatal 0");
    assert_eq!(lines[1], "request to nobody.here: nobody serves this subject");
    assert!(lines[2].starts_with("Start a responder"), "{printed}");
    assert_eq!(lines[3], "publish: -14 invalid_subject");
    assert_eq!(lines[4], "subscribe: -15 invalid_filter");
    assert_eq!(lines[5], "no client: -1 client is NULL");
    assert_eq!(lines[6], "address: -5 invalid_address");
}
