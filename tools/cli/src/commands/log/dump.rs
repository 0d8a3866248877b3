//! `coilgun log dump`: shows what stands in a log, line by line.

use core::ops::ControlFlow;

use coilgun_protocol::native::Records;
use coilgun_storage::format::{BodyKind, Entry, Group, LogPosition, Row, SegmentSequence};
use coilgun_storage::recovery::{Inspected, Part, inspect};

use super::dump_entry::entry_line;
use super::dump_line::{Line, lines_of};
use super::place::HeldData;
use super::verify::unreadable;
use crate::arguments::DumpArguments;
use crate::failure::Failure;
use crate::output::{Output, Style, escaped};

/// Shows a log.
pub(super) fn dump(arguments: &DumpArguments) -> Result<(), Failure> {
    let data = HeldData::take(&arguments.data.directory)?;
    let place = data.logs(&[arguments.log])?.remove(0);
    let part = Part {
        from: arguments.from.unwrap_or_default(),
        only: arguments.segment.map(SegmentSequence),
    };
    let arguments = arguments.clone();
    let (inspected, mut dump) = place.run(move |disk, log_id| async move {
        let mut dump = Dump { arguments, output: Output::new(Style::Raw), failure: None };
        let mut show = |inspected: &Inspected<'_>| dump.show(inspected);
        let inspected = inspect(&disk, log_id, part, &mut show).await;
        (inspected, dump)
    })?;
    // What was found before the disk refused is shown as well.
    let shown = dump.failure.map_or_else(|| dump.output.flush(), Err);
    inspected.map_err(|error| unreadable(&place, &error))?;
    shown
}

/// What is shown, and where.
struct Dump {
    arguments: DumpArguments,
    output: Output,
    /// Why standard output takes no more.
    failure: Option<Failure>,
}

impl Dump {
    /// Shows one thing; stops if standard output takes no more.
    fn show(&mut self, inspected: &Inspected<'_>) -> ControlFlow<()> {
        let shown = match inspected {
            Inspected::Group(group, follows) => self.group(group, *follows),
            Inspected::NoManifest
            | Inspected::Manifest(_)
            | Inspected::Slot(..)
            | Inspected::File(..)
            | Inspected::Fault { .. }
            | Inspected::Footer(..) => lines_of(inspected, self.arguments.partition)
                .iter()
                .try_for_each(|it| self.line(it)),
        };
        match shown {
            Ok(()) => ControlFlow::Continue(()),
            Err(failure) => {
                self.failure = Some(failure);
                ControlFlow::Break(())
            }
        }
    }

    fn line(&mut self, line: &Line) -> Result<(), Failure> {
        let text = if self.arguments.json { line.json() } else { line.text() };
        self.output.text(&text)
    }

    fn group(&mut self, group: &Group<'_>, follows: Option<bool>) -> Result<(), Failure> {
        let only = self.arguments.partition;
        let is_wanted = |row: &Row| only.is_none_or(|only| row.partition == only);
        if !group.rows().any(|row| is_wanted(&row)) {
            return Ok(());
        }
        self.line(&group_line(group, follows))?;
        for (row, (position, entry)) in group.rows().zip(group.entries()) {
            if is_wanted(&row) {
                self.line(&entry_line(position, &row, &entry))?;
                self.records(position, &entry)?;
            }
        }
        Ok(())
    }

    fn records(&mut self, position: LogPosition, entry: &Entry<'_>) -> Result<(), Failure> {
        let Entry::Append(head, body) = entry else { return Ok(()) };
        if !self.arguments.records {
            return Ok(());
        }
        if head.body_kind != BodyKind::Native.number() {
            let line = Line::new("record").with("offset", head.base_offset);
            return self.line(&line.with("payload", escaped(body)));
        }
        let records = match Records::check(body, head.count) {
            Ok(records) => records,
            Err(fault) => {
                let line = Line::new("fault").at(position);
                return self.line(&line.with("fault", fault.to_string()));
            }
        };
        for (offset, record) in (head.base_offset..).zip(records.iter()) {
            let line = Line::new("record")
                .with("offset", offset)
                .with_some("key", record.key, escaped)
                .with("payload", escaped(record.payload));
            self.line(&line)?;
        }
        Ok(())
    }
}

fn group_line(group: &Group<'_>, follows: Option<bool>) -> Line {
    let header = &group.header;
    let chain = match follows {
        None => "unknown",
        Some(true) => "follows",
        Some(false) => "broken",
    };
    Line::new("group")
        .at(header.position)
        .with("number", header.number)
        .with("epoch", header.epoch.0)
        .with("bytes", header.bytes)
        .with("entries", header.entry_count)
        .with("durable", header.durable.to_string())
        .with("crc", format!("{:08x}", group.crc))
        .with("previous_crc", format!("{:08x}", header.previous_crc))
        .with("checksums", "right")
        .with("chain", chain)
}
