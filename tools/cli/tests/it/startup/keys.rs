//! Keys, sections and policies that do not exist.

use crate::process::{coilgun, folder};

use super::refused::Refused;

/// What the process says to a configuration file.
fn refused(text: &str) -> Refused {
    let folder = folder();
    let path = folder.path().join("coilgun.toml");
    std::fs::write(&path, text).expect("the folder is writable");
    let mut command = coilgun(&["serve", "--config"]);
    command.arg(&path).current_dir(folder.path());
    Refused::run(command, 2)
}

#[test]
fn a_key_that_is_almost_one_is_told_from_it() {
    let cases = [
        ("[limits]\n\npayload_bytes_mx = 5\n", "3: there is no key `payload_bytes_mx` in [limits]"),
        ("limits.payload_max = 5\n", "1: there is no key `payload_max` in [limits]"),
        (
            "limits = { payload-bytes-max = 5 }",
            "1: there is no key `payload-bytes-max` in [limits]",
        ),
        ("data = \"d\"\n[limits]\n\"payload bytes max\" = 5\n", "3: there is no key"),
    ];
    for (text, what) in cases {
        refused(text).says(&["coilgun.toml:", what], &["Did you mean `payload_bytes_max`?"]);
    }
    refused("\n\nlisten_on = []\n")
        .says(&["3: there is no key `listen_on` above the first"], &["Did you mean `listen`?"]);
    refused("# a comment\n[timing]\ndrain = 5\n")
        .says(&["3: there is no key `drain` in [timing]"], &["Did you mean `drain_ms`?"]);
}

#[test]
fn a_key_of_another_section_is_told_where_it_belongs() {
    refused("[limits]\ndrain_ms = 5\n")
        .says(&["2: there is no key `drain_ms` in [limits]"], &["`drain_ms` belongs to [timing]."]);
    refused("drain_ms = 5\n")
        .says(&["1: there is no key `drain_ms`"], &["`drain_ms` belongs to [timing]."]);
    refused("[timing]\ndata = \"d\"\n")
        .says(&["2: there is no key `data`"], &["`data` belongs to the top, above the first"]);
    let both = "`backpressure_ms` belongs to [elbus] or to [[listener]] or to [timing].";
    refused("[limits]\nbackpressure_ms = 5\n").says(&["2: there is no key"], &[both]);
    refused("payload_max = 5\n").says(
        &["1: there is no key `payload_max`"],
        &["Did you mean `payload_bytes_max`? It belongs to [limits]."],
    );
}

#[test]
fn a_key_of_a_listener_is_looked_for_there() {
    let begin = "[[listener]]\naddress = \"unix:a\"\n[[listener]]\n";
    refused(&format!("{begin}adress = \"unix:b\"\n"))
        .says(&["4: there is no key `adress` in [[listener]]"], &["Did you mean `address`?"]);
    refused(&format!("{begin}drain_ms = 1\n"))
        .says(&["4: there is no key `drain_ms` in [[listener]]"], &["belongs to [timing]."]);
    refused("[listener]\naddress = \"unix:a\"\n")
        .says(&["1: `listener` is a list of sections"], &["Write [[listener]] above its keys."]);
    refused("[[listener]]\nslow_consumer = \"disconnect\"\n").says(&["1: missing field"], &[]);
}

#[test]
fn a_section_that_does_not_exist_is_told_from_those_that_do() {
    refused("[limit]\nconnections_max = 1\n")
        .says(&["1: there is no section `limit`"], &["Did you mean [limits]?"]);
    refused("[[listeners]]\naddress = \"unix:a\"\n")
        .says(&["1: there is no section `listeners`"], &["Did you mean [[listener]]?"]);
    refused("data = \"d\"\n[cluster]\n")
        .says(&["2: there is no section `cluster`"], &["[timing], [[user]]."]);

    refused("[[limits]]\n").says(&["1: `limits` is a section"], &["Write [limits] above"]);
    refused("limits = 5\n").says(&["1: `limits` is a section"], &["Write [limits] above"]);
}

#[test]
fn a_policy_that_does_not_exist_is_told_from_those_that_do() {
    refused("slow_consumer = \"drop-odlest\"\n").says(
        &["1: there is no policy `drop-odlest`, only disconnect, drop-newest"],
        &["Did you mean `drop-oldest`?"],
    );
    refused("[[listener]]\naddress = \"unix:a\"\nslow_consumer = \"block\"\n")
        .says(&["3: there is no policy `block`, only"], &["coilgun serve --help"]);
    refused("slow_consumer = 5\n").says(&["1: ", "in `slow_consumer = 5`"], &["--print-config"]);
}

#[test]
fn a_placement_that_does_not_exist_is_told_from_those_that_do() {
    refused("placement = \"spred\"\n").says(
        &["1: there is no placement `spred`, only spread, pack"],
        &["Did you mean `spread`?"],
    );
    refused("placement = \"random\"\n")
        .says(&["1: there is no placement `random`"], &["coilgun serve --help"]);
    refused("[limits]\nshards = 2\n")
        .says(&["2: there is no key `shards` in [limits]"], &["`shards` belongs to the top"]);
}

#[test]
fn a_value_of_another_kind_is_named_with_its_line() {
    refused("[limits]\nconnections_max = \"many\"\n")
        .says(&["2: ", "in `connections_max = \"many\"`"], &["--print-config"]);
    refused("[limits]\nconnections_max = -1\n").says(&["2: ", "`connections_max = -1`"], &[]);
    refused("shards = \"many\"\n").says(&["1: ", "in `shards = \"many\"`"], &[]);
    refused("pin = 1\n").says(&["1: ", "in `pin = 1`"], &["--print-config"]);
    refused("[limits]\ndata = \n").says(&["2: ", "in `data =`"], &["--print-config"]);
}
