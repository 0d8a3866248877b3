//! `coilgun log verify`: checks logs, and says what to do next.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use coilgun_server::streams::Rebuilding;
use coilgun_storage::disk::{DirectDisk, DiskError};
use coilgun_storage::recovery::{self, Unproven, Verified, rehearse};
use indicatif::BinaryBytes;
use serde_json::{Value, json};

use super::place::{HeldData, LogPlace, not_checked};
use super::progress::Bar;
use crate::arguments::VerifyArguments;
use crate::failure::Failure;
use crate::output::{Output, Style};

/// What a start of the broker would do with a log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Start {
    /// Open it; what cannot be proven can only be read.
    Opens(Unproven),
    /// Refuse it.
    Refuses(String),
    /// Refuse it, because it contradicts itself about a partition.
    Contradicts(String),
}

/// What was found of one log.
struct Checked {
    number: u32,
    verified: Verified,
    start: Start,
    took: Duration,
}

/// Checks the logs that are asked for.
pub(super) fn verify(arguments: &VerifyArguments) -> Result<(), Failure> {
    let data = HeldData::take(&arguments.data.directory)?;
    let mut output = Output::new(Style::Raw);
    let (mut objects, mut unsound) = (Vec::new(), Vec::new());
    for place in data.logs(&arguments.logs)? {
        let checked = check(&place)?;
        if !checked.is_sound() {
            unsound.push(checked.number.to_string());
        }
        if arguments.json {
            objects.push(checked.json());
        } else {
            output.text(&checked.text())?;
            output.flush()?;
        }
    }
    if arguments.json {
        output.text(&format!("{}\n", json!({ "logs": objects })))?;
    }
    output.flush()?;
    if unsound.is_empty() {
        return Ok(());
    }
    let text = format!("something is wrong with log {}", unsound.join(", "));
    Err(Failure::Unsound {
        text,
        help: "Standard output says what, and what to do next.".to_owned(),
    })
}

fn check(place: &LogPlace) -> Result<Checked, Failure> {
    let (begun, bar) = (Instant::now(), Bar::new(place.number));
    let verified = place.run(|disk, log_id| async move {
        recovery::verify(&disk, log_id, &mut |progress| bar.show(progress)).await
    })?;
    let verified = verified.map_err(|error| unreadable(place, &error))?;
    let start = place.run(|disk, log_id| async move { start_of(&disk, log_id).await })?;
    Ok(Checked { number: place.number, verified, start, took: begun.elapsed() })
}

/// The failure of a log whose files cannot be read.
pub(super) fn unreadable(place: &LogPlace, error: &DiskError) -> Failure {
    let text = format!("log {} cannot be checked: {error}", place.number);
    not_checked(text, "Copy the data directory to another disk and check it there.")
}

/// What a start of the broker would do with a log, found out without changing it.
pub(super) async fn start_of(disk: &DirectDisk, log_id: u128) -> Start {
    let mut rebuilding = Rebuilding::new(Arc::default());
    match rehearse(disk, log_id, &mut rebuilding).await {
        Err(error) => Start::Refuses(error.to_string()),
        Ok(unproven) => match rebuilding.finish(&unproven) {
            Ok(_) => Start::Opens(unproven),
            Err((partition, fault)) => {
                Start::Contradicts(format!("partition {partition}: {fault}"))
            }
        },
    }
}

impl Checked {
    fn is_sound(&self) -> bool {
        self.verified.is_fine() && matches!(self.start, Start::Opens(_))
    }

    fn text(&self) -> String {
        let verdict = if self.is_sound() { "sound" } else { "not sound" };
        let Verified { counts, problems, lost, end, torn, orphans, .. } = &self.verified;
        let mut text = format!("log {}: {verdict}\n", self.number);
        let mut line = |words: String| {
            writeln!(text, "  {words}").expect("a string takes everything");
        };
        line(format!("{} segments, {} of them with a footer", counts.segments, counts.footers));
        line(format!("{} commit groups, {}", counts.groups, BinaryBytes(counts.group_bytes)));
        let (batches, bytes) = (counts.batches, BinaryBytes(counts.body_bytes));
        line(format!("{} records in {batches} batches, {bytes}", counts.records));
        line(format!("{} partitions, {} checkpoints", counts.partitions, counts.checkpoints));
        line(format!("it ends at {end}; checked in {:.1} s", self.took.as_secs_f64()));
        if let Some(torn) = torn {
            line(format!("at its end a write was interrupted: {torn}"));
        }
        if !orphans.is_empty() {
            line(format!("{} files of segments hold nothing that counts", orphans.len()));
        }
        for hole in lost {
            let (from, to) = (hole.from, hole.to);
            line(format!("lost: {from} to {}:{to}, as a repair has noted", from.segment));
        }
        for problem in problems {
            line(format!("problem: {problem}"));
        }
        if let Some(next) = self.next() {
            line(format!("next: {next}"));
        }
        text
    }

    /// What to do about what was found; nothing, if nothing is to be done.
    fn next(&self) -> Option<String> {
        const COPY: &str =
            "keep a copy of the data directory, and restore it from a backup if there is one";
        let number = self.number;
        match &self.start {
            Start::Opens(Unproven::Nothing) if self.is_sound() => None,
            Start::Opens(_) if self.is_sound() => {
                Some("a broker opens it; partitions whose end is lost can only be read".to_owned())
            }
            Start::Opens(Unproven::Nothing) => Some(format!(
                "a broker opens it and misses no record; {COPY}: a disk that has rotted once may do so again"
            )),
            Start::Opens(Unproven::Partitions(some)) => {
                let names: Vec<String> = some.iter().map(u64::to_string).collect();
                let names = names.join(", ");
                Some(format!("a broker opens it, with partitions {names} to be read only; {COPY}"))
            }
            Start::Opens(Unproven::Everything) => {
                Some(format!("a broker opens it, with all partitions to be read only; {COPY}"))
            }
            Start::Refuses(why) => Some(format!(
                "a broker refuses it: {why}. `coilgun log repair --log {number}` shows what can be done"
            )),
            Start::Contradicts(what) => Some(format!(
                "a broker refuses it, because it contradicts itself about {what}; nothing can repair \
                 that, so restore the data directory from a backup"
            )),
        }
    }

    fn json(&self) -> Value {
        let Verified { counts, problems, lost, end, torn, orphans, checkpoints, .. } =
            &self.verified;
        let problems = problems.iter().map(|problem| {
            let position = problem.position();
            json!({
                "name": problem.name(),
                "text": problem.to_string(),
                "segment": position.map(|it| it.segment.0),
                "byte": position.map(|it| it.byte),
            })
        });
        let lost = lost.iter().map(
            |hole| json!({ "segment": hole.from.segment.0, "byte": hole.from.byte, "to": hole.to }),
        );
        json!({
            "log": self.number,
            "sound": self.is_sound(),
            "segments": counts.segments,
            "footers": counts.footers,
            "groups": counts.groups,
            "group_bytes": counts.group_bytes,
            "entries": counts.entries,
            "batches": counts.batches,
            "records": counts.records,
            "body_bytes": counts.body_bytes,
            "partitions": counts.partitions,
            "checkpoints": counts.checkpoints,
            "slots": checkpoints,
            "end": { "segment": end.segment.0, "byte": end.byte },
            "torn": torn.map(|torn| torn.to_string()),
            "orphans": orphans,
            "milliseconds": self.took.as_millis() as u64,
            "lost": lost.collect::<Vec<_>>(),
            "problems": problems.collect::<Vec<_>>(),
            "opens": matches!(self.start, Start::Opens(_)),
            "next": self.next(),
        })
    }
}
