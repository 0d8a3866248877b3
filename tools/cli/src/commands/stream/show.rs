//! Streams themselves: made, listed, shown and deleted.

use std::time::{Duration, UNIX_EPOCH};

use coilgun_client::{PartitionHealth, PartitionInfo, StreamInfo, StreamOptions, UnixMs};
use serde_json::{Value, json};

use super::super::connect::connect;
use super::super::table::{Column, Rows};
use crate::arguments::{CreateArguments, ListArguments, NamedArguments};
use crate::failure::Failure;
use crate::output::{note, print_text};

/// Makes a stream.
pub(super) fn create(arguments: &CreateArguments) -> Result<(), Failure> {
    let mut client = connect(&arguments.client)?;
    let options =
        StreamOptions { partitions: arguments.partitions, co_located: arguments.co_located };
    let info = client.create_stream(&arguments.stream, options)?;
    if arguments.client.json {
        print_text(&line(&info_json(&info)))?;
    } else if !arguments.client.quiet {
        let count = info.partitions.len();
        let partitions = if count == 1 { "partition" } else { "partitions" };
        note(&format!("made {} with {count} {partitions}", info.name));
    }
    Ok(client.close()?)
}

/// Lists the streams of the namespace.
pub(super) fn list(arguments: &ListArguments) -> Result<(), Failure> {
    let mut client = connect(&arguments.client)?;
    let all = client.streams()?;
    if arguments.client.json {
        let lines = all.iter().map(|it| {
            let (name, created_ms) = (&it.name, it.created.0);
            line(&json!({"name": name, "partitions": it.partition_count, "created_ms": created_ms}))
        });
        print_text(&lines.collect::<String>())?;
    } else {
        let mut rows = Rows::new(&[
            Column::Text("STREAM"),
            Column::Number("PARTITIONS"),
            Column::Text("CREATED"),
        ]);
        for it in &all {
            rows.push([&it.name, &it.partition_count.to_string(), &time(it.created)]);
        }
        rows.print()?;
    }
    Ok(client.close()?)
}

/// Shows a stream and its partitions.
pub(super) fn info(arguments: &NamedArguments) -> Result<(), Failure> {
    let mut client = connect(&arguments.client)?;
    let info = client.stream_info(&arguments.stream)?;
    if arguments.client.json {
        print_text(&line(&info_json(&info)))?;
    } else {
        partitions(&info).print()?;
    }
    Ok(client.close()?)
}

/// Deletes a stream.
pub(super) fn remove(arguments: &NamedArguments) -> Result<(), Failure> {
    let mut client = connect(&arguments.client)?;
    client.delete_stream(&arguments.stream)?;
    if arguments.client.json {
        print_text(&line(&json!({"deleted": arguments.stream})))?;
    } else if !arguments.client.quiet {
        note(&format!("deleted {}", arguments.stream));
    }
    Ok(client.close()?)
}

fn partitions(info: &StreamInfo) -> Rows {
    let mut rows = Rows::new(&[
        Column::Number("PARTITION"),
        Column::Number("FIRST"),
        Column::Number("END"),
        Column::Number("RECORDS"),
        Column::Number("SHARD"),
        Column::Text("STATE"),
    ]);
    for it in &info.partitions {
        rows.push([
            &it.index.to_string(),
            &it.first_offset.to_string(),
            &it.end_offset.to_string(),
            &it.record_count().to_string(),
            &it.shard.to_string(),
            state(it.health),
        ]);
    }
    rows
}

fn state(health: PartitionHealth) -> &'static str {
    match health {
        PartitionHealth::Open => "open",
        PartitionHealth::ReadOnly => "read only: records at its end may be missing",
        PartitionHealth::Poisoned => "read only: its log has failed",
    }
}

fn state_name(health: PartitionHealth) -> &'static str {
    match health {
        PartitionHealth::Open => "open",
        PartitionHealth::ReadOnly => "read_only",
        PartitionHealth::Poisoned => "log_failed",
    }
}

fn info_json(info: &StreamInfo) -> Value {
    let partition = |it: &PartitionInfo| {
        json!({
            "index": it.index,
            "first_offset": it.first_offset.0,
            "end_offset": it.end_offset.0,
            "shard": it.shard,
            "state": state_name(it.health),
        })
    };
    json!({
        "name": info.name,
        "created_ms": info.created.0,
        "co_located": info.co_located,
        "partitions": info.partitions.iter().map(partition).collect::<Vec<_>>(),
    })
}

/// A time as RFC 3339 writes it, in UTC.
fn time(time: UnixMs) -> String {
    let since = Duration::from_millis(time.0);
    let shown = UNIX_EPOCH.checked_add(since).map(humantime::format_rfc3339_seconds);
    shown.map_or_else(String::new, |shown| shown.to_string())
}

fn line(value: &Value) -> String {
    format!("{value}\n")
}
