//! Arguments that do not fit together.

use crate::process::run;

#[test]
fn wrong_arguments_end_with_2_and_say_what_is_wrong() {
    let cases: [(&[&str], &str); 16] = [
        (&[], "Usage: coilgun <COMMAND>"),
        (&["publish"], "unrecognized subcommand 'publish'"),
        (&["pub"], "<SUBJECT>"),
        (&["pub", "a", "b", "c"], "unexpected argument 'c'"),
        (&["pub", "a", "--lines", "b"], "--lines"),
        (&["pub", "a", "--header", "no-colon"], "NAME:VALUE, such as Trace-Id:7"),
        (&["pub", "a", "--count", "0"], "--count"),
        (&["pub", "--to-name", "a", "--broadcast", "b"], "--broadcast"),
        (&["pub", "--to-name", "a", "b", "c"], "--to-name NAME PAYLOAD"),
        (&["sub"], "<FILTER>"),
        (&["sub", "a", "--raw", "--json"], "--json"),
        (&["sub", "a", "--timeout", "soon"], "a number of seconds above 0"),
        (&["request", "a", "--server", "nats://h"], "neither coilgun: nor unix:"),
        (&["reply", "a"], "--echo"),
        (&["reply", "a", "b", "--echo"], "cannot be used with"),
        (&["serve", "--payload-max", "1TiB"], "KiB, MiB and GiB"),
    ];
    for (arguments, text) in cases {
        let ended = run(arguments);
        assert_eq!(ended.status, 2, "{arguments:?}: {}", ended.stderr);
        assert!(ended.stderr.contains(text), "{arguments:?}: {}", ended.stderr);
        assert!(ended.stdout.is_empty(), "{arguments:?} writes to standard output");
    }
}
