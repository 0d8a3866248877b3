//! docs/STORAGE_FORMAT.md says what the code does.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use coilgun_storage::disk::BLOCK_BYTES;
use coilgun_storage::format::{
    Append, CheckpointChunk, Cursor, EndOfEpoch, EntryKind, Extension, FOOTER_HEADER_BYTES,
    GROUP_HEADER_BYTES, Head, Metadata, PREFIX_BYTES, Producer, ROW_BYTES, RaftHardState,
    SegmentReplace, Truncate, Watermark,
};
use coilgun_storage::fuzz::fuzz_seeds;

/// The rows of a table, each with its cells.
struct Table(Vec<Vec<String>>);

const HEADS: [(EntryKind, usize); 11] = [
    (Append::KIND, Append::BYTES),
    (Truncate::KIND, Truncate::BYTES),
    (Cursor::KIND, Cursor::BYTES),
    (Producer::KIND, Producer::BYTES),
    (Metadata::KIND, Metadata::BYTES),
    (CheckpointChunk::KIND, CheckpointChunk::BYTES),
    (Watermark::KIND, Watermark::BYTES),
    (SegmentReplace::KIND, SegmentReplace::BYTES),
    (EndOfEpoch::KIND, EndOfEpoch::BYTES),
    (RaftHardState::KIND, RaftHardState::BYTES),
    (Extension::KIND, Extension::BYTES),
];

/// Each table by the heading above it.
fn tables() -> BTreeMap<String, Table> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/STORAGE_FORMAT.md");
    let text = fs::read_to_string(path).expect("the document is there");
    let (mut tables, mut heading) = (BTreeMap::new(), String::new());
    for line in text.lines() {
        if let Some(name) = line.strip_prefix("## ").or_else(|| line.strip_prefix("### ")) {
            heading = name.to_owned();
        } else if let Some(row) = line.strip_prefix("| ").filter(|row| !row.starts_with("---")) {
            let cells = row.trim_end_matches('|').split('|').map(|cell| cell.trim().to_owned());
            let table = tables.entry(heading.clone()).or_insert(Table(Vec::new()));
            table.0.push(cells.collect());
        }
    }
    tables
}

fn number(cell: &str) -> usize {
    cell.parse().unwrap_or_else(|_| panic!("{cell:?} is a number"))
}

/// Checks that the fields stand one behind the other, and says how long they are together.
fn length(heading: &str, rows: &[Vec<String>]) -> usize {
    assert_eq!(rows[0], ["at", "bytes", "field", "meaning"], "{heading}");
    let mut at = 0;
    for row in &rows[1..] {
        assert_eq!(number(&row[0]), at, "{heading}: {}", row[2]);
        at += number(&row[1]);
    }
    at
}

#[test]
fn golden_tables_of_the_format_are_those_of_the_code() {
    let tables = tables();
    let mut expected: BTreeMap<String, usize> = [
        ("Manifest header", fuzz_seeds("log_manifest")[0].len()),
        ("Manifest row", manifest_row_bytes()),
        ("Superblock slot", BLOCK_BYTES),
        ("Commit group header", GROUP_HEADER_BYTES),
        ("Directory row", ROW_BYTES),
        ("Entry prefix", PREFIX_BYTES),
        ("Footer header", FOOTER_HEADER_BYTES),
        ("Footer partition row", 48),
        ("Footer batch row", 24),
        ("Lost stretch block", BLOCK_BYTES),
    ]
    .map(|(heading, bytes)| (heading.to_owned(), bytes))
    .into();
    expected.extend(HEADS.map(|(kind, bytes)| (format!("Head of {kind:?}"), bytes)));
    let found: BTreeMap<String, usize> = tables
        .iter()
        .filter(|(_, table)| table.0[0][0] == "at")
        .map(|(heading, table)| (heading.clone(), length(heading, &table.0)))
        .collect();
    assert_eq!(found, expected);
}

/// The seeds are a manifest without rows, and one with four.
fn manifest_row_bytes() -> usize {
    let seeds = fuzz_seeds("log_manifest");
    (seeds[1].len() - seeds[0].len()) / 4
}

#[test]
fn golden_kinds_of_entries_are_those_of_the_code() {
    let rows = &tables()["Kinds of entries"].0;
    let found: Vec<(usize, String, usize)> =
        rows[1..].iter().map(|row| (number(&row[0]), row[1].clone(), number(&row[2]))).collect();
    let expected = HEADS.map(|(kind, bytes)| (kind.number().into(), format!("{kind:?}"), bytes));
    assert_eq!(found, expected);
    assert_eq!(HEADS.map(|(kind, _)| kind), *EntryKind::ALL);
}

#[test]
fn golden_magics_are_those_of_the_code() {
    let tables = tables();
    for (heading, seed) in [
        ("Manifest header", "log_manifest"),
        ("Superblock slot", "log_superblock"),
        ("Commit group header", "log_group"),
        ("Footer header", "log_footer"),
        ("Lost stretch block", "log_lost"),
    ] {
        let seed = &fuzz_seeds(seed)[0];
        let (_, row) = tables[heading].0.split_first().expect("it has rows");
        let magic = row[0][3].trim_matches('`').as_bytes();
        assert_eq!(&seed[..8], magic, "{heading}");
        assert_eq!((row[1][3].as_str(), &seed[8..10]), ("1", &[1, 0][..]), "{heading}");
        assert_eq!(row[3][2], "checksum", "{heading}");
    }
}
