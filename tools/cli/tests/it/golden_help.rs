//! The help of every command, word for word.

use std::path::PathBuf;

use crate::process::{coilgun, run};

/// Compares a text with its golden file, or writes the file.
fn compare(name: &str, text: &str) {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden/help");
    let path = folder.join(format!("{name}.txt"));
    if std::env::var_os("COILGUN_UPDATE_GOLDEN").is_some() {
        std::fs::create_dir_all(&folder).expect("the repository is writable");
        std::fs::write(&path, text).expect("the repository is writable");
        return;
    }
    let golden = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(text, golden, "{} holds another help", path.display());
}

/// The same for the verbs of a command that has some.
fn compare_verbs(command: &str, verbs: &[&str]) {
    for verb in verbs {
        let help = run(&[command, verb, "--help"]).text();
        assert!(help.contains("\nExamples:\n  "), "{command} {verb} teaches by examples");
        compare(&format!("{command}_{verb}"), &help);
    }
}

#[test]
fn golden_help_of_every_command() {
    compare("coilgun", &run(&["--help"]).text());
    for verb in ["serve", "pub", "sub", "request", "reply", "user"] {
        let help = run(&[verb, "--help"]).text();
        assert!(help.contains("\nExamples:\n  coilgun "), "{verb} teaches by examples");
        compare(verb, &help);
    }
    compare("busrtd", &run(&["busrtd", "--help"]).text());
    compare("log", &run(&["log", "--help"]).text());
    for verb in ["verify", "dump", "repair"] {
        let help = run(&["log", verb, "--help"]).text();
        assert!(help.contains("\nExamples:\n  coilgun "), "log {verb} teaches by examples");
        compare(&format!("log_{verb}"), &help);
    }
    compare("service", &run(&["service", "--help"]).text());
    compare_verbs("service", &["ls", "info", "stats", "ping"]);
    compare("stream", &run(&["stream", "--help"]).text());
    compare_verbs("stream", &["create", "ls", "info", "rm", "append", "read", "tail"]);
}

#[test]
fn the_help_shows_no_values_of_the_environment() {
    for words in [&["pub", "--help"][..], &["service", "ping", "--help"]] {
        let mut command = coilgun(words);
        let output = command.env("COILGUN_NAME", "secret.name").output().expect("the binary runs");
        let help = String::from_utf8(output.stdout).expect("it speaks UTF-8");
        assert!(help.contains("COILGUN_NAME") && !help.contains("secret.name"), "{help}");
    }
}

#[test]
fn the_version_is_the_packages() {
    assert_eq!(run(&["--version"]).text(), concat!("coilgun ", env!("CARGO_PKG_VERSION"), "\n"));
}
