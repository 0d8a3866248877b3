//! `coilgun request` and `coilgun reply` against a broker.

use crate::process::{Broker, Running};

#[test]
fn a_request_gets_its_reply_over_either_transport() {
    let broker = Broker::start(&[]);
    let unix = broker.unix.clone();
    let mut responder =
        Running::start(broker.client_at(&unix, &["reply", "echo", "--echo", "--count", "2"]));
    responder.wait_for("coilgun: answering requests to echo");
    let file: Vec<u8> = (0..900_000_u32).map(|at| (at.wrapping_mul(at) >> 5) as u8).collect();
    let reply = broker.run_with(&["request", "echo", "-"], &file);
    assert_eq!(reply.status, 0, "{}", reply.stderr);
    assert!(reply.stdout == file, "byte for byte, and nothing behind it");
    let reply = broker.run(&["request", "echo", "hello", "--json"]).text();
    let object: serde_json::Value = serde_json::from_str(&reply).expect("JSON");
    assert_eq!(object["payload"], "hello");
    assert_eq!(responder.end().text(), "");
    broker.stop();
}

#[test]
fn nobody_to_answer_is_an_error_at_once() {
    let broker = Broker::start(&[]);
    // An hour: the test would not end if the error came with the time limit only.
    let ended = broker.run(&["request", "nobody", "--timeout", "3600"]);
    assert_eq!(ended.status, 1);
    assert!(ended.stdout.is_empty());
    assert_eq!(
        ended.stderr,
        "coilgun: request to nobody: nobody serves this subject\n  \
         help: Start a responder, or check the subject and the namespace.\n"
    );
    let ended = broker.run(&["request", "nobody", "--timeout", "3600", "--json"]);
    let error: serde_json::Value = serde_json::from_str(&ended.stderr).expect("JSON");
    assert_eq!(error["error"]["name"], "no_responders");
    assert_eq!(error["error"]["retryable"], true);
    broker.stop();
}

#[test]
fn a_responder_that_is_silent_is_waited_for_as_long_as_asked() {
    let broker = Broker::start(&[]);
    let silent = broker.start_client(&["sub", "ask", "--count", "1", "--json"]);
    let ended = broker.run(&["request", "ask", "--timeout", "0.05"]);
    assert_eq!(ended.status, 1);
    assert!(ended.stderr.starts_with("coilgun: no reply within 0.05 s"), "{}", ended.stderr);
    let asked: serde_json::Value = serde_json::from_str(&silent.end().text()).expect("JSON");
    assert!(asked["reply"].as_str().expect("it wants one").starts_with("_INBOX."));
    broker.stop();
}

#[test]
fn the_same_reply_can_go_to_everybody() {
    let broker = Broker::start(&[]);
    let responder = broker.start_client(&["reply", "status.*", "all well", "--count", "2"]);
    assert_eq!(broker.run(&["request", "status.a"]).text(), "all well");
    broker.run(&["pub", "status.b", "no reply wanted"]).text();
    assert_eq!(broker.run(&["request", "status.c"]).text(), "all well");
    assert_eq!(responder.end().text(), "");
    broker.stop();
}

#[test]
fn a_command_makes_replies_from_payload_and_subject() {
    let broker = Broker::start(&[]);
    let command = "printf '%s: ' \"$COILGUN_SUBJECT\"; tr a-z A-Z";
    let responder = broker.start_client(&["reply", "text.>", "--exec", command, "--count", "2"]);
    assert_eq!(broker.run(&["request", "text.upper", "hello"]).text(), "text.upper: HELLO");
    let large = vec![b'x'; 1_000_000];
    let reply = broker.run_with(&["request", "text.large", "-"], &large);
    let printed = [&b"text.large: "[..], &vec![b'X'; 1_000_000][..]].concat();
    assert!(reply.stdout == printed, "pipes in both directions do not wait for each other");
    assert_eq!(responder.end().text(), "");
    broker.stop();
}

#[test]
fn a_command_that_fails_fails_the_request_and_not_the_responder() {
    let broker = Broker::start(&[]);
    let command = "cat; test \"$COILGUN_SUBJECT\" = good";
    let responder = broker.start_client(&["reply", "*", "--exec", command, "--count", "2"]);
    let failed = broker.run(&["request", "bad", "half"]);
    assert_eq!((failed.status, failed.stdout.as_slice()), (1, &b"half"[..]));
    assert!(
        failed.stderr.contains("the responder failed: the command failed"),
        "{}",
        failed.stderr
    );
    assert_eq!(broker.run(&["request", "good", "whole"]).text(), "whole");
    let ended = responder.end();
    assert!(ended.stderr.contains("coilgun: bad: the command failed"), "{}", ended.stderr);
    assert_eq!(ended.status, 0);
    broker.stop();
}

#[test]
fn a_command_that_prints_without_end_is_stopped() {
    let broker = Broker::start(&["--payload-max", "4KiB"]);
    let responder = broker.start_client(&["reply", "flood", "--exec", "exec yes", "--count", "1"]);
    let failed = broker.run(&["request", "flood"]);
    assert_eq!((failed.status, failed.stdout.len()), (1, 0));
    assert!(failed.stderr.contains("printed more than 4096 bytes"), "{}", failed.stderr);
    assert_eq!(responder.end().status, 0);
    broker.stop();
}

#[test]
fn many_replies_end_with_the_one_that_says_so() {
    let broker = Broker::start(&[]);
    let responder = broker.start_client(&["reply", "one", "only", "--count", "1"]);
    assert_eq!(broker.run(&["request", "one", "--many"]).text(), "only\n");
    assert_eq!(responder.end().text(), "");
    broker.stop();
}

#[test]
fn s14_one_member_of_a_group_answers() {
    let broker = Broker::start(&[]);
    let members: Vec<_> = ["first", "second"]
        .iter()
        .map(|text| {
            broker.start_client(&["reply", "jobs", text, "--group", "workers", "--count", "2"])
        })
        .collect();
    let mut replies: Vec<String> =
        (0..4).map(|_| broker.run(&["request", "jobs"]).text()).collect();
    replies.sort();
    assert_eq!(replies, ["first", "first", "second", "second"]);
    for member in members {
        assert_eq!(member.end().text(), "");
    }
    broker.stop();
}
