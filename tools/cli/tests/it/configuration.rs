//! Layers of configuration: flags over environment over file over defaults.

use std::path::Path;
use std::process::Command;

use crate::process::{coilgun, folder};

/// What `--print-config` prints.
fn printed(command: &mut Command) -> toml::Table {
    let output = command.arg("--print-config").output().expect("the binary runs");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    let text = String::from_utf8(output.stdout).expect("TOML is UTF-8");
    text.parse().expect("it prints TOML")
}

fn write(folder: &Path, text: &str) -> String {
    let path = folder.join("coilgun.toml");
    std::fs::write(&path, text).expect("the folder is writable");
    path.to_str().expect("the build directory has a name in UTF-8").to_owned()
}

fn number(table: &toml::Table, section: &str, key: &str) -> i64 {
    table[section][key].as_integer().expect("a number")
}

#[test]
fn the_defaults_are_printed_whole() {
    let config = printed(&mut coilgun(&["serve"]));
    assert_eq!(config["listen"].as_array().expect("a list").len(), 1);
    assert_eq!(config["listen"][0].as_str(), Some("127.0.0.1:7700"));
    assert_eq!(config["unix"].as_str(), Some("coilgun-data/coilgun.sock"));
    assert_eq!(config["insecure"].as_bool(), Some(false));
    assert_eq!(number(&config, "limits", "payload_bytes_max"), 1024 * 1024);
    assert_eq!(number(&config, "timing", "drain_ms"), 5_000);
}

#[test]
fn each_layer_counts_over_the_one_below() {
    let folder = folder();
    let text = "data = \"file\"\nnamespaces = [\"f\"]\n[timing]\ndrain_ms = 1\n\
                ping_interval_ms = 1001\nbackpressure_ms = 101\n";
    let path = write(folder.path(), text);
    let mut command = coilgun(&["serve", "--drain-ms", "3", "--payload-max", "2MiB"]);
    command.env("COILGUN_CONFIG", &path);
    command.env("COILGUN_DRAIN_MS", "2").env("COILGUN_PING_INTERVAL_MS", "1002");
    command.env("COILGUN_NAMESPACES", "one,two").env("COILGUN_UNIX", "none");
    let config = printed(&mut command);
    assert_eq!(number(&config, "timing", "drain_ms"), 3, "the flag");
    assert_eq!(number(&config, "timing", "ping_interval_ms"), 1002, "the environment");
    assert_eq!(number(&config, "timing", "backpressure_ms"), 101, "the file");
    assert_eq!(number(&config, "limits", "connections_max"), 10_000, "the default");
    assert_eq!(number(&config, "limits", "payload_bytes_max"), 2 * 1024 * 1024);
    assert_eq!(config["data"].as_str(), Some("file"));
    assert_eq!(config["unix"].as_str(), Some(""), "no socket");
    let namespaces = config["namespaces"].as_array().expect("a list");
    assert_eq!(
        namespaces.iter().filter_map(toml::Value::as_str).collect::<Vec<_>>(),
        ["one", "two"]
    );
}

/// What the flags of the next test add up to.
const EVERY_FLAG: &str = "listen = [\"0.0.0.0:1\", \"[::1]:2\"]\nunix = \"s.sock\"\ndata = \"d\"\n\
    insecure = true\nguests = \"everybody\"\nnamespaces = [\"a\", \"b\"]\nlistener = []\n\
    slow_consumer = \"drop-oldest\"\nshards = 1\npin = true\nplacement = \"pack\"\n\
    [elbus]\nlisten = [\"127.0.0.1:3\"]\nunix = \"e.sock\"\nhandshake_ms = 5000\n\
    ping_interval_ms = 2500\nidle_ms = 0\nforce_register = false\nflush_delay_us = 0\n\
    [limits]\nconnections_max = 5\n\
    subscriptions_per_client_max = 6\nsubscriptions_max = 7\n\
    filter_bytes_max = 1048576\npayload_bytes_max = 65536\nheaders_bytes_max = 1024\n\
    messages_per_second_max = 11\nbytes_per_second_max = 12288\n\
    buffer_bytes_max = 1073741824\ncopy_bytes_max = 2048\n\
    outbox_bytes_max = 3145728\n[log]\nsegment_bytes = 67108864\ncache_bytes = 67108864\n\
    [timing]\n\
    ping_interval_ms = 700\nbackpressure_ms = 8\nframe_ms = 1300\ndrain_ms = 9\nspin_us = 10\n";

#[test]
fn every_flag_reaches_its_key() {
    let config = printed(&mut coilgun(&[
        "serve",
        "--listen",
        "0.0.0.0:1",
        "--listen",
        "[::1]:2",
        "--insecure",
        "--unix",
        "s.sock",
        "--elbus-listen",
        "127.0.0.1:3",
        "--elbus-unix",
        "e.sock",
        "--data",
        "d",
        "--namespace",
        "a",
        "--namespace",
        "b",
        "--connections-max",
        "5",
        "--subscriptions-max",
        "6",
        "--payload-max",
        "64KiB",
        "--buffer-max",
        "1GiB",
        "--outbox-max",
        "3MiB",
        "--copy-max",
        "2KiB",
        "--subscriptions-total-max",
        "7",
        "--filter-max",
        "1MiB",
        "--headers-max",
        "1KiB",
        "--message-rate-max",
        "11",
        "--byte-rate-max",
        "12KiB",
        "--frame-ms",
        "1300",
        "--slow-consumer",
        "drop-oldest",
        "--shards",
        "1",
        "--pin",
        "--placement",
        "pack",
        "--ping-interval-ms",
        "700",
        "--backpressure-ms",
        "8",
        "--drain-ms",
        "9",
        "--spin",
        "10",
    ]));
    assert_eq!(config, EVERY_FLAG.parse().expect("TOML"));
}

#[test]
fn what_is_printed_is_a_configuration() {
    let folder = folder();
    let first = coilgun(&["serve", "--drain-ms", "7", "--print-config"]).output().expect("runs");
    let path = write(folder.path(), &String::from_utf8(first.stdout.clone()).expect("UTF-8"));
    let second = coilgun(&["serve", "--config", &path, "--print-config"]).output().expect("runs");
    assert_eq!(first.stdout, second.stdout);
}

#[test]
fn a_mistake_in_the_file_names_key_file_and_line() {
    let folder = folder();
    let cases = [
        ("data = \"d\"\nnonsense = 5\n", "2: there is no key `nonsense`"),
        ("[limits]\nconnections_max = \"many\"\n", "in `connections_max = \"many\"`"),
        ("listen = [\"localhost\"]\n", "1: "),
        ("data = \n", "1: "),
        ("slow_consumer = \"drop\"\n", "there is no policy `drop`, only disconnect, drop-newest"),
    ];
    for (text, expected) in cases {
        let path = write(folder.path(), text);
        let output = coilgun(&["serve", "--config", &path]).output().expect("the binary runs");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{stderr}");
        assert!(stderr.contains("coilgun.toml:") && stderr.contains(expected), "{stderr}");
    }
    let missing = folder.path().join("missing.toml");
    let output = coilgun(&["serve", "--config"]).arg(&missing).output().expect("runs");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert!(stderr.contains("missing.toml"), "{stderr}");
}

#[test]
fn values_that_do_not_fit_together_name_the_key() {
    let output = coilgun(&["serve", "--listen", "0.0.0.0:7700"]).output().expect("the binary runs");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert!(stderr.contains("0.0.0.0:7700") && stderr.contains("--insecure"), "{stderr}");
    let output = coilgun(&["serve", "--payload-max", "1"]).output().expect("the binary runs");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(stderr.contains("limits.payload_bytes_max is 1"), "{stderr}");
    let nowhere =
        coilgun(&["serve", "--listen", "none", "--unix", "none", "--elbus-unix", "none"]).output();
    let stderr = String::from_utf8(nowhere.expect("the binary runs").stderr).expect("UTF-8");
    assert!(stderr.contains("nothing to listen on"), "{stderr}");
    let crowd = coilgun(&["serve", "--shards", "65"]).output().expect("the binary runs");
    let stderr = String::from_utf8_lossy(&crowd.stderr);
    assert_eq!(crowd.status.code(), Some(2), "{stderr}");
    assert!(stderr.contains("shards is 65, and has to be from 0 to"), "{stderr}");
    let unknown = coilgun(&["serve", "--placement", "even"]).output().expect("the binary runs");
    let stderr = String::from_utf8_lossy(&unknown.stderr);
    assert_eq!(unknown.status.code(), Some(2), "{stderr}");
    assert!(stderr.contains("the placements are spread and pack"), "{stderr}");
}
