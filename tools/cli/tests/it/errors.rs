//! What a client says when something is wrong, in text and in JSON.

use crate::process::{Broker, run};

#[test]
fn a_broker_that_is_not_there_is_named_with_a_way_out() {
    let ended = run(&["pub", "a", "--server", "unix:nowhere.sock"]);
    assert_eq!(ended.status, 1);
    let mut lines = ended.stderr.lines();
    let what = lines.next().expect("it says what");
    assert!(what.starts_with("coilgun: cannot connect to unix:nowhere.sock: "), "{what}");
    assert!(lines.next().expect("and what to do").starts_with("  help: "));
    assert_eq!(lines.next(), None);
}

#[test]
fn what_the_broker_would_refuse_is_said_with_its_name() {
    let broker = Broker::start(&["--payload-max", "1KiB"]);
    let large = "x".repeat(1025);
    let cases: [(&[&str], &str); 6] = [
        (&["pub", "a.*", "--json"], "invalid_subject"),
        (&["pub", "a", "--reply", "b c", "--json"], "invalid_subject"),
        (&["sub", "a.>.b", "--json"], "invalid_filter"),
        (&["sub", "$NAME.me", "--json"], "reserved_subject"),
        (&["pub", "a", "--name", "two words", "--json"], "invalid_name"),
        (&["pub", "a", &large, "--json"], "payload_too_large"),
    ];
    for (arguments, name) in cases {
        let ended = broker.run(arguments);
        assert_eq!(ended.status, 1, "{name}: {}", ended.stderr);
        let error: serde_json::Value = serde_json::from_str(&ended.stderr).expect("JSON");
        assert_eq!(error["error"]["name"], name);
        assert_ne!(error["error"]["help"], "", "{name} says what to do");
    }
    broker.stop();
}

#[test]
fn standard_input_beyond_the_limit_is_refused_by_line() {
    let broker = Broker::start(&["--payload-max", "1KiB"]);
    let sub = broker.start_client(&["sub", "a", "--raw", "--count", "1"]);
    let mut lines = b"short\n".to_vec();
    lines.extend_from_slice(&[b'x'; 1025]);
    let ended = broker.run_with(&["pub", "a", "--lines"], &lines);
    assert_eq!(ended.status, 1);
    assert!(ended.stderr.contains("line 2 of standard input has more than 1024 bytes"));
    assert_eq!(sub.end().text(), "short\n", "what came before it was published");
    broker.stop();
}
