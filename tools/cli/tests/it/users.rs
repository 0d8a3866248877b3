//! Users, as an operator and a client know them: hashes, the configuration, credentials.

use std::io::Write;
use std::process::Stdio;

use crate::process::{Broker, coilgun, run};

/// A hash that costs next to nothing, of a password on standard input.
fn hash(password: &str) -> String {
    let mut command = coilgun(&["user", "hash", "--memory", "64KiB", "--iterations", "1"]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().expect("the binary runs");
    let mut stdin = child.stdin.take().expect("it is a pipe");
    writeln!(stdin, "{password}").expect("it reads");
    drop(stdin);
    let output = child.wait_with_output().expect("it ends");
    assert!(output.status.success());
    String::from_utf8(output.stdout).expect("it is a text").trim_end().to_owned()
}

#[test]
fn s26_a_broker_with_users_lets_in_who_has_the_password() {
    let text = format!(
        "[[user]]\nname = \"press\"\npassword_hash = \"{}\"\npublish = {{ deny = [\"no\"] }}\n",
        hash("hush hush")
    );
    let broker = Broker::start_changed(&["--config", "users.toml"], |command| {
        let folder = command.get_current_dir().expect("it has one");
        std::fs::write(folder.join("users.toml"), &text).expect("the folder is writable");
    });
    std::fs::write(broker.folder.path().join("password"), "hush hush\n").expect("it is writable");
    let published = |arguments: &[&str], password: &str| {
        let mut command = broker.client(arguments);
        let output = command.env("COILGUN_PASSWORD", password).output().expect("the binary runs");
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    for address in [&broker.tcp, &broker.unix] {
        let by_file = [
            "pub",
            "a",
            "x",
            "--ack",
            "--server",
            address,
            "--user",
            "press",
            "--password-file",
            "password",
        ];
        assert_eq!(published(&by_file, "ignored").0, Some(0));
    }
    let (status, _) = published(&["pub", "a", "x", "--ack", "--user", "press"], "hush hush");
    assert_eq!(status, Some(0));
    for (arguments, password, expected) in [
        (&["pub", "a", "x"][..], "", "the broker wants to know who connects"),
        (&["pub", "a", "x", "--user", "press"], "hush", "user or password is wrong"),
        (&["pub", "no", "x", "--ack", "--user", "press"], "hush hush", "the user may not do this"),
    ] {
        let (status, said) = published(arguments, password);
        assert_eq!(status, Some(1), "{said}");
        assert!(said.contains(expected) && !said.contains("hush"), "{said}");
    }
    broker.stop();
}

/// Whoever says which partition needs nothing to be told about the stream.
#[test]
fn a_user_who_may_only_publish_appends_to_a_partition() {
    let user = |name: &str, more: &str| {
        let hash = hash("hush hush");
        format!("[[user]]\nname = \"{name}\"\npassword_hash = \"{hash}\"\n{more}")
    };
    let deny = "subscribe = { deny = [\"$STREAM.>\", \">\"] }\n";
    let text = user("owner", "") + &user("press", deny);
    let broker = Broker::start_changed(&["--config", "users.toml"], |command| {
        let folder = command.get_current_dir().expect("it has one");
        std::fs::write(folder.join("users.toml"), &text).expect("the folder is writable");
    });
    let as_user = |user: &str, arguments: &[&str]| {
        let mut command = broker.client(arguments);
        command.env("COILGUN_PASSWORD", "hush hush").env("COILGUN_USER", user);
        let output = command.output().expect("the binary runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("it is a text")
    };
    as_user("owner", &["stream", "create", "s"]);
    let append = ["stream", "append", "s", "x", "--partition", "0"];
    assert_eq!(as_user("press", &append), "0\t0\n");
    broker.stop();
}

#[test]
fn s26_who_may_only_append_to_a_stream_appends_and_who_may_only_read_it_reads() {
    let user = |name: &str, permissions: &str| {
        let hash = hash("hush");
        format!("[[user]]\nname = \"{name}\"\npassword_hash = \"{hash}\"\n{permissions}\n")
    };
    let none = "{ allow = [] }";
    let one = "{ allow = [\"$STREAM.orders\"] }";
    let text = [
        user("owner", ""),
        user("writer", &format!("publish = {one}\nsubscribe = {none}\nrequest = {none}")),
        user("reader", &format!("publish = {none}\nsubscribe = {one}\nrequest = {none}")),
        user("stranger", &format!("publish = {none}\nsubscribe = {none}\nrequest = {none}")),
    ]
    .concat();
    let broker = Broker::start_changed(&["--config", "users.toml"], |command| {
        let folder = command.get_current_dir().expect("it has one");
        std::fs::write(folder.join("users.toml"), &text).expect("the folder is writable");
    });
    let may = |user: &str, arguments: &[&str]| {
        let mut command = broker.client(&[&["stream"], arguments, &["--user", user]].concat());
        let output = command.env("COILGUN_PASSWORD", "hush").output().expect("the binary runs");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success() || said.contains("the user may not do this"), "{said}");
        output.status.success()
    };
    assert!(may("owner", &["create", "orders"]) && may("owner", &["create", "other"]));
    for (user, appends, reads) in [("writer", true, false), ("reader", false, true)] {
        assert_eq!(may(user, &["append", "orders", "x"]), appends, "{user}");
        assert_eq!(may(user, &["read", "orders"]), reads, "{user}");
        assert!(may(user, &["info", "orders"]), "{user} may know what it is like");
        assert!(!may(user, &["info", "other"]) && !may(user, &["rm", "orders"]), "{user}");
        assert!(!may(user, &["create", "another"]), "{user}");
    }
    for arguments in [&["append", "orders", "x"][..], &["read", "orders"], &["info", "orders"]] {
        assert!(!may("stranger", arguments), "{arguments:?}");
    }
    assert!(may("owner", &["rm", "orders"]));
    broker.stop();
}

#[test]
fn a_user_without_a_password_is_told_where_to_put_it() {
    let ended = run(&["pub", "a", "x", "--user", "press"]);
    assert_eq!(ended.status, 2);
    assert!(ended.stderr.contains("COILGUN_PASSWORD"), "{}", ended.stderr);
    let ended = run(&["user", "hash"]);
    assert_eq!(ended.status, 2);
    assert!(ended.stderr.contains("an empty password"), "{}", ended.stderr);
    let ended = run(&["user", "hash", "--memory", "2GiB"]);
    assert_eq!(ended.status, 2);
}

#[test]
fn what_is_wrong_with_a_user_is_said_before_anything_is_opened() {
    let folder = crate::process::folder();
    let path = folder.path().join("c.toml");
    for (text, expected) in [
        ("[[user]]\nname = \"press\"\n", "user \"press\""),
        ("[[user]]\nname = \"p\"\npasword_hash = \"\"\n", "Did you mean `password_hash`?"),
        ("guests = \"friends\"\n", "there is no rule for guests `friends`"),
    ] {
        std::fs::write(&path, text).expect("the folder is writable");
        let output = coilgun(&["serve", "--config"]).arg(&path).output().expect("the binary runs");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(expected), "{said}");
    }
}
