//! The report of a matrix as markdown: every scenario, every failure, every figure.

use std::fmt::Write as _;

use crate::results::report::{Figure, Report, SampleReport};
use crate::results::summary::Spread;
use crate::sample::Sample;

/// The tables of a report, ready to be pasted into a document. Every cell with three values holds
/// the smallest, the median and the largest of the rounds.
#[must_use]
pub fn markdown(report: &Report) -> String {
    let machine = &report.machine;
    let broker = report.versions.broker.as_deref().unwrap_or("a broker of unknown version");
    let mut text = format!(
        "{}, {} cores, Linux {}; {broker}; {} rounds; load average {} before and {} after.\n\n",
        machine.cpu_model,
        machine.cpus.len(),
        machine.kernel,
        report.rounds.len(),
        report.load_average_before,
        report.load_average_after,
    );
    text.push_str(
        "| scenario | bytes | k messages/s | k deliveries/s | p50 us | p99 us | p99.9 us \
         | broker ns/message | broker ns/delivery | broker core | load ns/message \
         | load ns/delivery | load core | note |\n\
         |---|---|---|---|---|---|---|---|---|---|---|---|---|---|\n",
    );
    for name in names(report) {
        push_scenario(&mut text, report, name);
    }
    text.push_str("\n| figure | min / median / max | goal | |\n|---|---|---|---|\n");
    for figure in &report.figures {
        push_figure(&mut text, figure);
    }
    text
}

/// The scenarios that were played or failed, in the order of the rounds.
fn names(report: &Report) -> Vec<&str> {
    let mut names: Vec<&str> = Vec::new();
    for round in &report.rounds {
        let played = round.samples.iter().map(|found| found.scenario.as_str());
        let failed = round.failures.iter().map(|failure| failure.scenario.as_str());
        for name in played.chain(failed) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
    }
    names
}

fn push_scenario(text: &mut String, report: &Report, name: &str) {
    let samples: Vec<&SampleReport> = report
        .rounds
        .iter()
        .flat_map(|round| &round.samples)
        .filter(|found| found.scenario == name)
        .collect();
    let cell = |digits, value: &dyn Fn(&Sample) -> Option<f64>| {
        three(Spread::of(samples.iter().filter_map(|found| value(&found.sample))), digits)
    };
    let bytes = samples.first().map_or("-".to_owned(), |first| first.payload_bytes.to_string());
    let us = |ns: u64| ns as f64 / 1000.0;
    let cells = [
        name.to_owned(),
        bytes,
        cell(1, &|it| Some(it.messages_per_second / 1000.0)),
        cell(1, &|it| Some(it.deliveries_per_second / 1000.0)),
        cell(1, &|it| it.latency_ns.map(|latency| us(latency.p50))),
        cell(1, &|it| it.latency_ns.map(|latency| us(latency.p99))),
        cell(1, &|it| it.latency_ns.map(|latency| us(latency.p99_9))),
        cell(0, &|it| it.server_cpu_ns_per_message),
        cell(0, &|it| it.server_cpu_ns_per_delivery),
        cell(3, &|it| it.server_cpu_share),
        cell(0, &|it| it.load_cpu_ns_per_message),
        cell(0, &|it| it.load_cpu_ns_per_delivery),
        cell(2, &|it| Some(it.load_cpu_share)),
        note(report, &samples, name),
    ];
    writeln!(text, "| {} |", cells.join(" | ")).expect("a text takes everything");
}

/// What else is to be said of a scenario.
fn note(report: &Report, samples: &[&SampleReport], name: &str) -> String {
    let mut notes = Vec::new();
    let limited = samples.iter().filter(|found| found.sample.is_load_limited == Some(true)).count();
    if limited > 0 {
        notes.push(format!("the load was the limit in {limited} of {}", samples.len()));
    }
    let bytes = |value: &dyn Fn(&Sample) -> Option<f64>| {
        Spread::of(samples.iter().filter_map(|found| value(&found.sample)))
    };
    let idle = |it: &Sample| it.broker_memory.and_then(|memory| memory.idle_connection_bytes);
    if let Some(spread) = bytes(&idle) {
        notes.push(format!("{:.0} B per idle connection", spread.median));
    }
    if let Some(stalled) = samples.last().and_then(|found| found.sample.stalled_reader) {
        notes.push(format!(
            "to the stalled reader: {} sent, {} held back; cut off: reader {}, publisher {}",
            stalled.sent, stalled.held_back, stalled.reader_cut_off, stalled.publisher_cut_off
        ));
    }
    let failures: Vec<_> = report
        .rounds
        .iter()
        .flat_map(|round| &round.failures)
        .filter(|failure| failure.scenario == name)
        .collect();
    if let Some(first) = failures.first() {
        let error = first.error.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "/");
        notes.push(format!("FAILED in {} of {}: {error}", failures.len(), report.rounds.len()));
    }
    notes.join("; ")
}

fn push_figure(text: &mut String, figure: &Figure) {
    let goal = figure.comparison.goal.map_or(String::new(), |goal| goal.to_string());
    let verdict = match (figure.spread, figure.is_within_goal) {
        (None, _) => "FAILED",
        (Some(_), Some(true)) => "reached",
        (Some(_), Some(false)) => "MISSED",
        (Some(_), None) => "",
    };
    let name = &figure.comparison.name;
    writeln!(text, "| {name} | {} | {goal} | {verdict} |", three(figure.spread, 2))
        .expect("a text takes everything");
}

/// Smallest, median and largest, with so many decimals.
pub(crate) fn three(spread: Option<Spread>, digits: usize) -> String {
    spread.map_or("-".to_owned(), |Spread { min, median, max }| {
        format!("{min:.digits$} / {median:.digits$} / {max:.digits$}")
    })
}
