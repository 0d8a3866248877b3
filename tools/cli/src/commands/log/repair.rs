//! `coilgun log repair`: says what can be done with a log that a broker refuses, and does it.

use coilgun_storage::recovery::Unproven;
use coilgun_storage::recovery::repair::{Plan, Remedy, apply_repair, plan_repair};

use super::place::{HeldData, LogPlace, not_checked};
use super::verify::{Start, start_of, unreadable};
use crate::arguments::RepairArguments;
use crate::failure::Failure;
use crate::output::{Output, Style};

/// Repairs a log, or says what would be done.
pub(super) fn repair(arguments: &RepairArguments) -> Result<(), Failure> {
    let data = HeldData::take(&arguments.data.directory)?;
    let place = data.logs(&[arguments.log])?.remove(0);
    let plan = place.run(|disk, log_id| async move { plan_repair(&disk, log_id).await })?;
    let plan = plan.map_err(|error| unreadable(&place, &error))?;
    let start = start(&place)?;
    let mut output = Output::new(Style::Raw);
    output.text(&text(&place, &plan, &start))?;
    output.flush()?;
    match (plan.remedy, &start) {
        (Remedy::NotNeeded, Start::Opens(_)) => return Ok(()),
        (Remedy::NotNeeded | Remedy::None(_), _) => {
            let text = format!("log {} cannot be repaired", place.number);
            return Err(unsound(text, "Restore the data directory from a backup."));
        }
        (Remedy::NewManifest | Remedy::Substitute { .. } | Remedy::NewSuperblock, _) => {}
    }
    if arguments.dry_run {
        return Ok(());
    }
    if !arguments.yes {
        let text = "nothing was changed".to_owned();
        return Err(unsound(text, "Make a copy of the data directory, and say --yes to do it."));
    }
    carry_out(&place, plan, &mut output)
}

fn carry_out(place: &LogPlace, plan: Plan, output: &mut Output) -> Result<(), Failure> {
    let applied = place.run(|disk, _| async move { apply_repair(&disk, &plan).await })?;
    applied.map_err(|error| {
        let text = format!("log {} is repaired in part only: {error}", place.number);
        not_checked(text, "Nothing is lost by that. Remove the cause, and repair it again.")
    })?;
    match start(place)? {
        Start::Opens(unproven) => {
            output.text(&format!("done: {}\n", opens(&unproven)))?;
            output.flush()
        }
        Start::Refuses(why) | Start::Contradicts(why) => {
            let text = format!("this is done, and something else is wrong: {why}");
            Err(unsound(text, "coilgun log repair says what can be done about that."))
        }
    }
}

fn start(place: &LogPlace) -> Result<Start, Failure> {
    place.run(|disk, log_id| async move { start_of(&disk, log_id).await })
}

fn unsound(text: String, help: &str) -> Failure {
    Failure::Unsound { text, help: help.to_owned() }
}

fn opens(unproven: &Unproven) -> String {
    match unproven {
        Unproven::Nothing => "a broker opens the log".to_owned(),
        Unproven::Partitions(some) => {
            let names: Vec<String> = some.iter().map(u64::to_string).collect();
            format!("a broker opens the log, with partitions {} to be read only", names.join(", "))
        }
        Unproven::Everything => {
            "a broker opens the log, with all partitions to be read only".to_owned()
        }
    }
}

/// What is wrong, what would be done, and what is lost.
fn text(place: &LogPlace, plan: &Plan, start: &Start) -> String {
    let mut text = format!("log {}: ", place.number);
    text += &match start {
        Start::Opens(unproven) => format!("{}; nothing is to be repaired\n", opens(unproven)),
        Start::Refuses(why) => format!("a broker refuses it: {why}\n"),
        Start::Contradicts(what) => format!(
            "a broker refuses it, because it contradicts itself about {what}; all of it is whole, so \
             nobody can know which part of it is right\n"
        ),
    };
    if let Remedy::None(why) = plan.remedy {
        text += &format!("  nothing that is safe can be done: {why}\n");
    }
    for step in &plan.steps {
        text += &format!("  step: {step}\n");
    }
    for lost in &plan.lost {
        text += &format!("  lost: {lost}\n");
    }
    if !plan.steps.is_empty() && plan.lost.is_empty() {
        text += "  no record is lost\n";
    }
    text
}
