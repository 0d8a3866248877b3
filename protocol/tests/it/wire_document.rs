//! docs/WIRE.md says what the code does.

use std::path::Path;

use coilgun_protocol::model::{ErrorCode, limits};
use coilgun_protocol::native::{HeadKind, Operation, Peer};

use crate::files;

fn document() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/WIRE.md");
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn assert_has_line(document: &str, line: &str) {
    assert!(document.lines().any(|have| have == line), "docs/WIRE.md lacks the line: {line}");
}

#[test]
fn the_table_of_errors_is_complete() {
    let document = document();
    for code in ErrorCode::ALL {
        let retry = if code.retryable() { "yes" } else { "no" };
        let (number, name, text) = (*code as u16, code.name(), code.text());
        assert_has_line(&document, &format!("| {number} | `{name}` | {retry} | {text} |"));
    }
}

#[test]
fn the_table_of_operations_is_complete() {
    let document = document();
    for &operation in Operation::ALL {
        let client = operation.is_sent_by(Peer::Client);
        let server = operation.is_sent_by(Peer::Server);
        let sender = if client && server {
            "both"
        } else if client {
            "client"
        } else {
            "broker"
        };
        let (head, body) = match operation.head() {
            HeadKind::Message(bytes) => (format!("struct, {bytes} bytes"), "message"),
            HeadKind::Batch(bytes) => (format!("struct, {bytes} bytes"), "batch"),
            HeadKind::Struct(bytes) => (format!("struct, {bytes} bytes"), "none"),
            HeadKind::Table => (String::from("table"), "none"),
            HeadKind::Nothing => (String::from("none"), "none"),
        };
        let number = operation as u8;
        assert_has_line(
            &document,
            &format!("| {number:#04x} | {operation} | {sender} | {head} | {body} |"),
        );
    }
}

#[test]
fn the_examples_are_the_golden_files() {
    let document = document();
    let mut count = 0;
    for part in document.split("<!-- golden: ").skip(1) {
        let (name, rest) = part.split_once(" -->\n```text\n").expect("a block follows the mark");
        let (block, _) = rest.split_once("```").expect("the block ends");
        let golden =
            std::fs::read_to_string(files::path("golden", name)).expect("the file is there");
        assert!(block == golden, "docs/WIRE.md shows {name} as it is not");
        count += 1;
    }
    assert_eq!(count, 20, "every example is looked at");
}

#[test]
fn the_limits_are_those_of_the_code() {
    let document = document();
    let control = limits::CONTROL_FRAME_BYTES_MAX;
    let (headers, overhead) = (limits::HEADERS_BYTES_MAX, limits::FRAME_OVERHEAD_BYTES_MAX);
    let (payload, ceiling) = (limits::PAYLOAD_BYTES_DEFAULT, limits::PAYLOAD_BYTES_CEILING);
    let (header_count, tokens) = (limits::HEADER_COUNT_MAX, limits::SUBJECT_TOKENS_MAX);
    for line in [
        format!("| frame whose body is no message and no batch, with its header | {control} |"),
        format!("| any frame before HELLO was read | {control} |"),
        format!("| PUBLISH and DELIVER, with header | largest payload + {headers} + {overhead} |"),
        format!(
            "| payload, as WELCOME says | {payload} unless configured; never above {ceiling} |"
        ),
        format!("| block of headers | {headers}, and {header_count} headers |"),
        format!(
            "| subject, filter, subject for replies | {}, and {tokens} tokens |",
            limits::SUBJECT_BYTES_MAX
        ),
        format!("| client name | {} |", limits::CLIENT_NAME_BYTES_MAX),
        format!("| queue group | {} |", limits::QUEUE_GROUP_BYTES_MAX),
        format!("| namespace | {} |", limits::NAMESPACE_BYTES_MAX),
        format!("| user, secret | {} each |", limits::CREDENTIAL_BYTES_MAX),
        format!("| APPEND and RECORDS, with header | {} |", limits::BATCH_FRAME_BYTES_MAX),
        format!(
            "| body of a batch | {}, and {} records |",
            limits::BATCH_BYTES_MAX,
            limits::RECORDS_PER_BATCH_MAX
        ),
        format!("| payload of a record | {} unless configured |", limits::RECORD_BYTES_DEFAULT),
        format!(
            "| name of a stream | {}, and {} partitions |",
            limits::STREAM_NAME_BYTES_MAX,
            limits::PARTITIONS_PER_STREAM_MAX
        ),
    ] {
        assert_has_line(&document, &line);
    }
    assert_eq!(limits::HANDSHAKE_MS_MAX, 5_000, "docs/WIRE.md says 5 seconds");
    assert_eq!(limits::PINGS_UNANSWERED_MAX, 2, "docs/WIRE.md says two PINGs");
    assert_eq!(limits::BACKPRESSURE_MS_MAX, 500, "docs/WIRE.md says half a second");
    assert_eq!(limits::SUBSCRIPTIONS_PER_CLIENT_MAX, 100_000, "docs/WIRE.md says 100000");
}
