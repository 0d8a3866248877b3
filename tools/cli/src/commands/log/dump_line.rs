//! Lines of `coilgun log dump`: names with values, as text or as a JSON object.

use coilgun_storage::format::{
    FileRow, Footer, Holds, LogPosition, Manifest, Slot, segment_file_name,
};
use coilgun_storage::recovery::Inspected;
use serde_json::{Map, Value};

/// One line.
#[derive(Clone, Debug)]
pub(super) struct Line {
    kind: &'static str,
    /// In order, without what it does not have.
    values: Vec<(&'static str, Value)>,
}

impl Line {
    /// A line about such a thing.
    pub(super) fn new(kind: &'static str) -> Line {
        Line { kind, values: Vec::new() }
    }

    /// With a value more.
    pub(super) fn with(mut self, name: &'static str, value: impl Into<Value>) -> Line {
        self.values.push((name, value.into()));
        self
    }

    /// With what `show` makes of some bytes, unless there are none.
    pub(super) fn with_some(
        self,
        name: &'static str,
        bytes: &[u8],
        show: impl FnOnce(&[u8]) -> String,
    ) -> Line {
        if bytes.is_empty() { self } else { self.with(name, show(bytes)) }
    }

    /// With a place in the log.
    pub(super) fn at(self, position: LogPosition) -> Line {
        self.with("position", position.to_string())
    }

    /// As people read it.
    pub(super) fn text(&self) -> String {
        let mut text = match self.kind {
            "entry" | "partition" => format!("  {}", self.kind),
            "record" => format!("    {}", self.kind),
            kind => kind.to_owned(),
        };
        for (name, value) in &self.values {
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            text.push_str(&format!(" {name}={value}"));
        }
        text + "\n"
    }

    /// As programs read it.
    pub(super) fn json(&self) -> String {
        let mut object = Map::new();
        object.insert("kind".to_owned(), self.kind.into());
        for (name, value) in &self.values {
            object.insert((*name).to_owned(), value.clone());
        }
        Value::Object(object).to_string() + "\n"
    }
}

/// The lines about anything but a commit group. Footers say only what is about partition `only`, if there is
/// one.
pub(super) fn lines_of(inspected: &Inspected<'_>, only: Option<u64>) -> Vec<Line> {
    match inspected {
        Inspected::NoManifest => vec![Line::new("manifest").with("state", "missing")],
        Inspected::Manifest(Err(fault)) => {
            vec![Line::new("manifest").with("state", "unusable").with("fault", fault.to_string())]
        }
        Inspected::Manifest(Ok(manifest)) => vec![manifest_line(manifest)],
        Inspected::Slot(index, slot) => vec![slot_line(*index, slot.as_ref())],
        Inspected::File(row, bytes) => vec![file_line(row, *bytes)],
        Inspected::Fault { from, to, fault } => {
            let line = Line::new("fault").at(*from).with("to", *to);
            vec![line.with("fault", fault.to_string())]
        }
        Inspected::Footer(position, Err(fault)) => {
            let line = Line::new("footer").at(*position).with("state", "unusable");
            vec![line.with("fault", fault.to_string())]
        }
        Inspected::Footer(position, Ok(footer)) => footer_lines(*position, footer, only),
        Inspected::Group(..) => Vec::new(),
    }
}

fn manifest_line(manifest: &Manifest) -> Line {
    Line::new("manifest")
        .with("state", "valid")
        .with("log_id", format!("{:032x}", manifest.log_id))
        .with("number", manifest.number)
        .with("epoch", manifest.epoch.0)
        .with("segment_bytes", manifest.segment_bytes)
        .with("next_file", manifest.next_file)
        .with("released", manifest.released.0)
        .with("files", manifest.files.len())
}

fn slot_line(index: usize, slot: Option<&Slot>) -> Line {
    let line = Line::new("superblock").with("slot", index);
    let other = |state: &'static str| line.clone().with("state", state);
    match slot {
        None => other("missing"),
        Some(Slot::Blank) => other("blank"),
        Some(Slot::Damaged) => other("damaged"),
        Some(Slot::OtherLog) => other("of another log"),
        Some(Slot::OtherVersion(version)) => other("of another version").with("version", *version),
        Some(Slot::Valid(it)) => other("valid")
            .with("checkpoint", it.checkpoint)
            .with("epoch", it.epoch.0)
            .with("first", it.first.to_string())
            .with("end", it.end.to_string())
            .with("chunks", it.chunk_count),
    }
}

fn file_line(row: &FileRow, bytes: Option<u64>) -> Line {
    let line = Line::new("file").with("name", segment_file_name(row.file));
    let line = match bytes {
        Some(bytes) => line.with("bytes", bytes),
        None => line.with("bytes", "missing"),
    };
    match row.holds {
        Holds::Spare => line.with("state", "spare"),
        Holds::Open { segment, epoch } => {
            line.with("state", "open").with("segment", segment.0).with("epoch", epoch.0)
        }
        Holds::Sealed { segment, epoch, end, crc, footer_bytes } => line
            .with("state", "sealed")
            .with("segment", segment.0)
            .with("epoch", epoch.0)
            .with("end", end)
            .with("crc", format!("{crc:08x}"))
            .with("footer_bytes", footer_bytes),
    }
}

fn footer_lines(position: LogPosition, footer: &Footer, only: Option<u64>) -> Vec<Line> {
    let head = Line::new("footer")
        .at(position)
        .with("state", "valid")
        .with("partitions", footer.partitions.len())
        .with("batches", footer.batches.len())
        .with("other_entries", footer.other_entry_count)
        .with("append_time_ms_max", footer.append_time_ms_max);
    let rows = footer.partitions.iter().filter(|row| only.is_none_or(|only| row.partition == only));
    let rows = rows.map(|row| {
        Line::new("partition")
            .with("partition", row.partition)
            .with("incarnation", row.incarnation)
            .with("first_offset", row.first_offset)
            .with("end_offset", row.end_offset)
            .with("batches", row.batch_count)
            .with("body_bytes", row.body_bytes)
    });
    core::iter::once(head).chain(rows).collect()
}
