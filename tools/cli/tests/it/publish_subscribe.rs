//! `coilgun pub` and `coilgun sub` against a broker.

use std::process::Stdio;

use crate::process::{Broker, Running};

#[test]
fn messages_are_printed_as_lines() {
    let broker = Broker::start(&[]);
    let sub = broker.start_client(&["sub", "orders.>", "--count", "3"]);
    broker.run(&["pub", "orders.new", "one table"]).text();
    broker.run(&["pub", "orders.eu.new", "two\nlines\t\\"]).text();
    broker.run_with(&["pub", "orders.raw", "-"], b"\xff\0").text();
    assert_eq!(
        sub.end().text(),
        "orders.new\tone table\norders.eu.new\ttwo\\nlines\\t\\\\\norders.raw\t\\xff\\u{0}\n"
    );
    broker.stop();
}

#[test]
fn both_transports_reach_each_other() {
    let broker = Broker::start(&[]);
    let unix = broker.unix.clone();
    let mut over_unix = Running::start(broker.client_at(&unix, &["sub", "n", "--count", "1"]));
    over_unix.wait_for("coilgun: subscribed to n");
    broker.run(&["pub", "n", "over tcp"]).text();
    assert_eq!(over_unix.end().text(), "n\tover tcp\n");
    let over_tcp = broker.start_client(&["sub", "n", "--count", "1"]);
    let published = broker.client_at(&unix, &["pub", "n", "over unix"]).status();
    assert!(published.expect("the binary runs").success());
    assert_eq!(over_tcp.end().text(), "n\tover unix\n");
    broker.stop();
}

#[test]
fn json_holds_everything_about_a_message() {
    let broker = Broker::start(&[]);
    let sub = broker.start_client(&["sub", ">", "--json", "--count", "3"]);
    let order = &[
        "pub",
        "orders.new",
        "one table",
        "--header",
        "Trace-Id: 7",
        "--header",
        "Trace-Id:8",
        "--reply",
        "answers.here",
        "--name",
        "shop.1",
    ];
    broker.run(order).text();
    broker.run_with(&["pub", "raw", "-"], b"\xff\xfe").text();
    assert_eq!(broker.run(&["pub", "acked", "--ack", "--json"]).text(), "{\"receivers\":1}\n");
    let text = sub.end().text();
    let objects: Vec<serde_json::Value> =
        text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(
        objects[0],
        serde_json::json!({
            "subject": "orders.new",
            "reply": "answers.here",
            "headers": [
                {"name": "Trace-Id", "value": "7"},
                {"name": "Trace-Id", "value": "8"},
            ],
            "payload": "one table",
            "sender": "shop.1",
        })
    );
    assert_eq!(objects[1], serde_json::json!({"subject": "raw", "payload_base64": "//4="}));
    assert_eq!(objects[2]["payload"], "");
    assert!(objects[2]["correlation"].is_string(), "{}", objects[2]);
    broker.stop();
}

#[test]
fn files_go_through_pipes_byte_for_byte() {
    let broker = Broker::start(&[]);
    let sub = broker.start_client(&["sub", "file", "--raw", "--count", "1"]);
    let file: Vec<u8> = (0..1_000_000_u32).map(|at| (at.wrapping_mul(at) >> 7) as u8).collect();
    broker.run_with(&["pub", "file", "-"], &file).text();
    let ended = sub.end();
    assert_eq!(ended.status, 0, "{}", ended.stderr);
    let (newline, printed) = ended.stdout.split_last().expect("it printed something");
    assert_eq!(*newline, b'\n');
    assert!(printed == file, "the payload is what the file was");
    broker.stop();
}

#[test]
fn each_line_is_a_message_as_soon_as_it_is_there() {
    let broker = Broker::start(&[]);
    let mut sub = broker.start_client(&["sub", "log", "--raw", "--count", "4"]);
    let mut command = broker.client(&["pub", "log", "--lines"]);
    command.stdin(Stdio::piped());
    let mut publisher = Running::start(command);
    publisher.write(b"first\n");
    assert_eq!(sub.next_line(), "first", "although standard input is still open");
    publisher.write(b"\nsecond\nlast without its line feed");
    assert_eq!(publisher.end().text(), "");
    assert_eq!(sub.end().text(), "\nsecond\nlast without its line feed\n");
    broker.stop();
}

#[test]
fn a_message_is_published_as_often_as_asked_and_acknowledged() {
    let broker = Broker::start(&[]);
    assert_eq!(broker.run(&["pub", "n", "--ack"]).text(), "0\n");
    let sub = broker.start_client(&["sub", "n", "*", "--count", "500", "--raw"]);
    let acks = broker.run(&["pub", "n", "x", "--count", "500", "--ack"]).text();
    assert_eq!(acks, "1\n".repeat(500), "two filters of one client are one receiver");
    assert_eq!(sub.end().text(), "x\n".repeat(500));
    broker.stop();
}

#[test]
fn names_reach_one_client_and_masks_reach_many() {
    let broker = Broker::start(&[]);
    let first = broker.start_client(&["sub", "--name", "press.1", "--count", "2"]);
    let second = broker.start_client(&["sub", "--name", "press.2", "--count", "1"]);
    assert_eq!(broker.run(&["pub", "--to-name", "press.1", "alone", "--ack"]).text(), "1\n");
    assert_eq!(broker.run(&["pub", "--broadcast", "press.*", "all", "--ack"]).text(), "2\n");
    let lines = first.end().text();
    assert!(lines.starts_with("$NAME.press.1\talone\n") && lines.ends_with("\tall\n"), "{lines}");
    assert!(second.end().text().ends_with("\tall\n"));
    broker.stop();
}

#[test]
fn special_subjects_are_seen_by_those_who_ask() {
    let broker = Broker::start(&[]);
    let plain = broker.start_client(&["sub", ">", "--count", "1", "--raw"]);
    let system = broker.start_client(&["sub", ">", "--count", "2", "--raw", "--system"]);
    let inbox = broker.start_client(&["sub", ">", "--count", "2", "--raw", "--inbox"]);
    for (subject, payload) in [("$X.y", "system"), ("_INBOX.y", "inbox"), ("y", "plain")] {
        broker.run(&["pub", subject, payload]).text();
    }
    assert_eq!(plain.end().text(), "plain\n");
    assert_eq!(system.end().text(), "system\nplain\n");
    assert_eq!(inbox.end().text(), "inbox\nplain\n");
    broker.stop();
}

#[test]
fn namespaces_do_not_hear_each_other() {
    let broker = Broker::start(&["--namespace", "test"]);
    let inside = broker.start_client(&["sub", "n", "--namespace", "test", "--count", "1"]);
    assert_eq!(broker.run(&["pub", "n", "outside", "--ack"]).text(), "0\n");
    let acked = broker.run(&["pub", "n", "inside", "--ack", "--namespace", "test"]);
    assert_eq!(acked.text(), "1\n");
    assert_eq!(inside.end().text(), "n\tinside\n");
    let unknown = broker.run(&["pub", "n", "--namespace", "nowhere"]);
    assert_eq!(unknown.status, 1);
    assert!(unknown.stderr.contains("the namespace does not exist"), "{}", unknown.stderr);
    broker.stop();
}

#[test]
fn a_reader_that_has_had_enough_ends_the_subscriber_quietly() {
    let broker = Broker::start(&[]);
    let mut sub = broker.start_client(&["sub", "n", "--raw"]);
    broker.run(&["pub", "n", "one"]).text();
    assert_eq!(sub.next_line(), "one");
    sub.stop_reading();
    broker.run(&["pub", "n", "two"]).text();
    let ended = sub.end();
    assert_eq!((ended.status, ended.stderr.lines().count()), (0, 1), "{}", ended.stderr);
    broker.stop();
}

#[test]
fn silence_ends_a_subscriber_that_has_no_patience() {
    let broker = Broker::start(&[]);
    let ended = broker.run(&["sub", "n", "--timeout", "0.05", "--quiet"]);
    assert_eq!((ended.status, ended.stderr.as_str()), (0, ""));
    let ended = broker.run(&["sub", "n", "--timeout", "0.05", "--count", "2", "--quiet"]);
    assert_eq!(ended.status, 1);
    assert!(ended.stderr.starts_with("coilgun: 0 of 2 messages came"), "{}", ended.stderr);
    broker.stop();
}
