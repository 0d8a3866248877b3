//! `coilgun stream` against a broker.

use serde_json::{Value, json};

use crate::process::{Broker, Running, coilgun, run};

fn json_lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).expect("each line is JSON")).collect()
}

/// The number of lines of a command that prints one for each record.
fn lines(text: &str) -> Vec<Vec<String>> {
    text.lines().map(|line| line.split('\t').map(str::to_owned).collect()).collect()
}

#[test]
fn streams_are_made_listed_shown_and_deleted() {
    let broker = Broker::start(&[]);
    let made = broker.run(&["stream", "create", "orders", "--partitions", "3"]);
    assert_eq!(made.stderr, "coilgun: made orders with 3 partitions\n");
    broker.run(&["stream", "create", "audit", "--co-located", "--quiet"]).text();
    let listed = broker.run(&["stream", "ls"]).text();
    let listed = lines(&listed);
    assert_eq!([&listed[0][..2], &listed[1][..2]], [["audit", "1"], ["orders", "3"]]);
    assert!(listed[0][2].ends_with('Z') && listed[0][2].starts_with("20"), "{listed:?}");
    let as_json = json_lines(&broker.run(&["stream", "ls", "--json"]).text());
    assert_eq!(as_json[1]["partitions"], json!(3));
    let info = lines(&broker.run(&["stream", "info", "orders"]).text());
    let states: Vec<_> = info.iter().map(|row| (row[0].as_str(), row[5].as_str())).collect();
    assert_eq!(states, [("0", "open"), ("1", "open"), ("2", "open")]);
    let again = broker.run(&["stream", "create", "orders"]);
    assert_eq!(again.status, 1);
    assert!(again.stderr.starts_with("coilgun: creation of orders: "), "{}", again.stderr);
    assert_eq!(broker.run(&["stream", "rm", "orders"]).stderr, "coilgun: deleted orders\n");
    for verb in ["info", "rm", "read", "tail", "append"] {
        let absent = broker.run(&["stream", verb, "orders"]);
        assert_eq!(absent.status, 1, "{verb}");
        assert!(
            absent.stderr.contains("there is no stream of this name"),
            "{verb}: {}",
            absent.stderr
        );
        assert!(absent.stderr.contains("\n  help: "), "{verb}: {}", absent.stderr);
    }
    broker.stop();
}

#[test]
fn records_are_appended_and_printed_in_every_style() {
    let broker = Broker::start(&[]);
    broker.run(&["stream", "create", "s"]).text();
    let append = ["stream", "append", "s", "one\ttable", "--key", "k", "--header", "Trace-Id:7"];
    assert_eq!(broker.run(&append).text(), "0\t0\n");
    let binary = broker.run_with(&["stream", "append", "s", "-", "--json"], b"\xff\n");
    let said = &json_lines(&binary.text())[0];
    assert_eq!((&said["offset"], &said["level"]), (&json!(1), &json!("durable")));
    let read = broker.run(&["stream", "read", "s"]).text();
    assert_eq!(read, "0\t0\tk\tone\\ttable\n0\t1\t\t\\xff\\n\n");
    let raw = broker.run(&["stream", "read", "s", "--raw", "--from", "1"]).stdout;
    assert_eq!(raw, b"\xff\n\n");
    let records = json_lines(&broker.run(&["stream", "read", "s", "--json"]).text());
    assert_eq!(records[0]["key"], json!("k"));
    assert_eq!(records[0]["headers"], json!([{"name": "Trace-Id", "value": "7"}]));
    assert!(records[0]["append_time_ms"].as_u64() > Some(1_700_000_000_000), "{records:?}");
    assert_eq!(records[1]["payload_base64"], json!("/wo="));
    let refused = broker.run(&["stream", "append", "s", "x", "--expected-offset", "0"]);
    assert!(refused.stderr.contains("; offset 2 comes next"), "{}", refused.stderr);
    let beyond = broker.run(&["stream", "read", "s", "--from", "9"]);
    assert_eq!(beyond.status, 1);
    assert!(!beyond.stderr.contains("first offset"), "nobody said: {}", beyond.stderr);
    let last = broker.run(&["stream", "read", "s", "--from", "-1", "--count", "5"]).text();
    assert_eq!(lines(&last).len(), 1, "--count is a limit");
    broker.stop();
}

#[test]
fn lines_become_records_whose_keys_choose_the_partition() {
    let broker = Broker::start(&["--shards", "2"]);
    broker.run(&["stream", "create", "s", "--partitions", "4"]).text();
    // What is said about them fits a pipe, so that nobody has to read it meanwhile.
    let text: String = (0..5000).map(|at| format!("key-{}:{at}\n", at % 7)).collect();
    let append = ["stream", "append", "s", "--lines", "--key-separator", ":"];
    let said = broker.run_with(&append, text.as_bytes()).text();
    assert_eq!(lines(&said).len(), 5000, "each record is told of");
    let read = lines(&broker.run(&["stream", "read", "s"]).text());
    assert_eq!(read.len(), 5000);
    for key in 0..7 {
        let key = format!("key-{key}");
        let of_key: Vec<_> = read.iter().filter(|row| row[2] == key).collect();
        assert!(of_key.iter().all(|row| row[0] == of_key[0][0]), "{key} has one partition");
        let numbers = of_key.iter().map(|row| row[3].parse::<u32>().expect("a number"));
        assert!(numbers.is_sorted(), "{key} is in order");
    }
    let keyless = broker.run_with(&["stream", "append", "s", "--lines"], b"a\nb\nc\n").text();
    assert_eq!(lines(&keyless).len(), 3);
    let at_once = ["stream", "append", "s", "x", "--level", "none"];
    assert_eq!(broker.run(&at_once).text(), "", "nothing is known of it");
    let count = |rows: Vec<Vec<String>>| -> u64 {
        rows.iter().map(|row| row[3].parse::<u64>().expect("a number")).sum()
    };
    let info = lines(&broker.run(&["stream", "info", "s"]).text());
    assert!(count(info) >= 5003);
    broker.stop();
}

#[test]
fn a_tail_prints_what_comes_and_ends_as_it_is_told() {
    let broker = Broker::start(&[]);
    broker.run(&["stream", "create", "s", "--partitions", "2"]).text();
    broker.run(&["stream", "append", "s", "before", "--partition", "1"]).text();
    let mut command = broker.client(&["stream", "tail", "s", "--count", "2", "--timeout", "60"]);
    command.stdin(std::process::Stdio::null());
    let mut tail = Running::start(command);
    tail.wait_for("coilgun: reading s");
    broker.run(&["stream", "append", "s", "one", "--partition", "1"]).text();
    broker.run(&["stream", "append", "s", "two", "--partition", "0"]).text();
    assert_eq!(tail.end().text(), "1\t1\t\tone\n0\t0\t\ttwo\n");
    let late = ["stream", "tail", "s", "--from", "first", "--count", "9", "--timeout", "0.2"];
    let late = broker.run(&late);
    assert_eq!(late.status, 1);
    assert!(late.stderr.contains("3 of 9 records came"), "{}", late.stderr);
    assert_eq!(lines(&String::from_utf8_lossy(&late.stdout)).len(), 3, "what came is printed");
    broker.stop();
}

/// Whoever reads the output has had enough.
#[test]
fn a_reader_that_goes_away_ends_the_reading_quietly() {
    let broker = Broker::start(&[]);
    broker.run(&["stream", "create", "s"]).text();
    let text = "a line that is long enough to fill a pipe, and more than one\n".repeat(20_000);
    let file = broker.folder.path().join("lines");
    std::fs::write(&file, text).expect("the folder is writable");
    let mut append = broker.client(&["stream", "append", "s", "--lines"]);
    append.stdin(std::fs::File::open(&file).expect("it was written"));
    let appended = append.output().expect("the binary runs");
    assert!(appended.status.success(), "{appended:?}");
    let mut reading = Running::start(broker.client(&["stream", "read", "s"]));
    assert!(reading.next_line().starts_with("0\t0\t\t"));
    reading.stop_reading();
    let ended = reading.end();
    assert_eq!((ended.status, ended.stderr.as_str()), (0, ""));
    broker.stop();
}

/// What a command changes does not depend on who reads what it says.
#[test]
fn records_are_appended_although_nobody_reads_where_they_are() {
    let broker = Broker::start(&[]);
    broker.run(&["stream", "create", "s"]).text();
    let file = broker.folder.path().join("lines");
    std::fs::write(&file, "a line\n".repeat(50_000)).expect("the folder is writable");
    let mut command = broker.client(&["stream", "append", "s", "--lines"]);
    command.stdin(std::fs::File::open(&file).expect("it was written"));
    let mut append = Running::start(command);
    assert_eq!(append.next_line(), "0\t0");
    append.stop_reading();
    let ended = append.end();
    assert_eq!((ended.status, ended.stderr.as_str()), (0, ""));
    let info = lines(&broker.run(&["stream", "info", "s"]).text());
    assert_eq!(info[0][3], "50000", "all of them are there");
    broker.stop();
}

#[test]
fn a_tail_goes_on_when_the_broker_comes_back() {
    let broker = Broker::start(&[]);
    broker.run(&["stream", "create", "s"]).text();
    let address = broker.unix.clone();
    let arguments = ["stream", "tail", "s", "--count", "2", "--timeout", "60"];
    let command = broker.client_at(&address, &arguments);
    let mut tail = Running::start(command);
    tail.wait_for("coilgun: reading s");
    broker.run(&["stream", "append", "s", "one"]).text();
    assert_eq!(tail.next_line(), "0\t0\t\tone");
    broker.signal(libc::SIGTERM);
    let (_, folder) = broker.end();
    tail.wait_for("coilgun: waiting for the broker to come back: ");
    let mut command = coilgun(&["serve", "--listen", "127.0.0.1:0", "--data", "data"]);
    command.current_dir(folder.path());
    let mut again = Running::start(command);
    let tcp = again.wait_for("coilgun: listening on ");
    tail.wait_for("coilgun: reading s again");
    let mut append = coilgun(&["stream", "append", "s", "two", "--server", &tcp]);
    assert!(append.output().expect("the binary runs").status.success());
    assert_eq!(tail.end().text(), "0\t1\t\ttwo\n");
    again.signal(libc::SIGTERM);
    assert_eq!(again.end().status, 0);
}

#[test]
fn an_offset_that_some_partitions_do_not_have_begins_where_it_is() {
    let broker = Broker::start(&[]);
    broker.run(&["stream", "create", "s", "--partitions", "3"]).text();
    for partition in ["0", "2", "2", "2"] {
        broker.run(&["stream", "append", "s", "x", "--partition", partition]).text();
    }
    let from = broker.run(&["stream", "read", "s", "--from", "2"]).text();
    assert_eq!(from, "2\t2\t\tx\n");
    let one = broker.run(&["stream", "read", "s", "--from", "2", "--partition", "0"]);
    assert_eq!(one.status, 1);
    let said = "there is nothing at this offset\n";
    assert!(one.stderr.contains(said), "{}", one.stderr);
    let absent = broker.run(&["stream", "read", "s", "--partition", "0", "--partition", "7"]);
    assert_eq!(absent.status, 1, "there is no such partition");
    assert!(absent.stderr.contains("coilgun stream info"), "{}", absent.stderr);
    broker.stop();
}

#[test]
fn a_separator_of_nothing_is_refused() {
    let ended = run(&["stream", "append", "s", "--lines", "--key-separator", ""]);
    assert_eq!(ended.status, 2, "{}", ended.stderr);
}
