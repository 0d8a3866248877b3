//! The verbs of `coilgun service`.

use std::collections::BTreeMap;
use std::time::Duration;

use coilgun_client::service::{
    EndpointStats, Health, Identity, InfoReport, PingReport, Report, StatsReport,
};

use super::super::table::{Column, Rows};
use super::gather::{Found, gather};
use crate::arguments::{QueryArguments, ServiceArguments, ServiceCommand};
use crate::failure::Failure;
use crate::output::print_text;

/// Asks, and shows the answers.
pub(in crate::commands) fn service(arguments: &ServiceArguments) -> Result<(), Failure> {
    match &arguments.command {
        ServiceCommand::Ls(query) => show(query, list),
        ServiceCommand::Info(query) => show(query, info),
        ServiceCommand::Stats(query) => show(query, stats),
        ServiceCommand::Ping(query) => ping(query),
    }
}

/// Gathers reports and prints them: as JSON as they came, or as the rows that `rows` makes of them.
fn show<R: Report>(
    query: &QueryArguments,
    rows: impl FnOnce(&[Found<R>]) -> Rows,
) -> Result<(), Failure> {
    let found = gather::<R>(query)?;
    if query.client.json {
        let lines = found.iter().map(|found| line(found.report.to_json()));
        return print_text(&lines.collect::<String>());
    }
    rows(&found).print()
}

/// The same for PING, where how long the answers took is part of the answer.
fn ping(query: &QueryArguments) -> Result<(), Failure> {
    let found = gather::<PingReport>(query)?;
    if !query.client.json {
        return pings(&found).print();
    }
    let lines = found.iter().map(|found| {
        let mut json = found.report.to_json();
        let time_us = found.time.as_micros();
        assert_eq!(json.pop(), Some(b'}'), "a report is an object");
        json.extend_from_slice(format!(",\"rtt_us\":{time_us}}}").as_bytes());
        line(json)
    });
    print_text(&lines.collect::<String>())
}

fn line(json: Vec<u8>) -> String {
    String::from_utf8(json).expect("JSON is UTF-8") + "\n"
}

fn list(found: &[Found<InfoReport>]) -> Rows {
    let mut rows = Rows::new(&[
        Column::Text("SERVICE"),
        Column::Text("VERSION"),
        Column::Text("ID"),
        Column::Number("ENDPOINTS"),
        Column::Text("METADATA"),
        Column::Text("DESCRIPTION"),
    ]);
    for InfoReport { identity, description, endpoints } in found.iter().map(|it| &it.report) {
        let Identity { name, version, id, metadata } = identity;
        let (count, metadata) = (endpoints.len().to_string(), pairs(metadata));
        rows.push([name, version, id, &count, &metadata, description]);
    }
    rows
}

fn info(found: &[Found<InfoReport>]) -> Rows {
    let mut rows = Rows::new(&[
        Column::Text("SERVICE"),
        Column::Text("VERSION"),
        Column::Text("ID"),
        Column::Text("ENDPOINT"),
        Column::Text("SUBJECT"),
        Column::Text("QUEUE GROUP"),
        Column::Text("METADATA"),
    ]);
    for InfoReport { identity, endpoints, .. } in found.iter().map(|it| &it.report) {
        let Identity { name, version, id, .. } = identity;
        if endpoints.is_empty() {
            rows.push([name, version, id, "", "", "", ""]);
        }
        for it in endpoints {
            let metadata = pairs(&it.metadata);
            rows.push([name, version, id, &it.name, &it.subject, &it.queue_group, &metadata]);
        }
    }
    rows
}

fn stats(found: &[Found<StatsReport>]) -> Rows {
    let mut rows = Rows::new(&[
        Column::Text("SERVICE"),
        Column::Text("VERSION"),
        Column::Text("ID"),
        Column::Text("ENDPOINT"),
        Column::Number("REQUESTS"),
        Column::Number("ERRORS"),
        Column::Number("IN FLIGHT"),
        Column::Number("AVERAGE"),
        Column::Text("HEALTH"),
        Column::Text("LAST ERROR"),
    ]);
    for StatsReport { identity, endpoints, .. } in found.iter().map(|it| &it.report) {
        let Identity { name, version, id, .. } = identity;
        if endpoints.is_empty() {
            rows.push([name, version, id, "", "", "", "", "", "", ""]);
        }
        for it in endpoints {
            let (requests, errors) = (it.num_requests.to_string(), it.num_errors.to_string());
            let (in_flight, health) = health(it);
            let average = time(Duration::from_nanos(it.average_processing_time));
            rows.push([
                name,
                version,
                id,
                &it.name,
                &requests,
                &errors,
                &in_flight,
                &average,
                &health,
                &it.last_error,
            ]);
        }
    }
    rows
}

fn pings(found: &[Found<PingReport>]) -> Rows {
    let mut rows = Rows::new(&[
        Column::Text("SERVICE"),
        Column::Text("VERSION"),
        Column::Text("ID"),
        Column::Number("TIME"),
    ]);
    for found in found {
        let Identity { name, version, id, .. } = &found.report.identity;
        rows.push([name, version, id, &time(found.time)]);
    }
    rows
}

/// How many requests an endpoint works on, and how it is; nothing, if it does not say.
fn health(endpoint: &EndpointStats) -> (String, String) {
    let Some(report) = endpoint.health() else { return (String::new(), String::new()) };
    let health = match report.health {
        Health::Ok => "ok".to_owned(),
        Health::Failing(detail) => format!("failing: {detail}"),
    };
    (report.in_flight.to_string(), health)
}

/// Entries as `key=value` with spaces between them.
fn pairs(metadata: &BTreeMap<String, String>) -> String {
    let pairs: Vec<_> = metadata.iter().map(|(key, value)| format!("{key}={value}")).collect();
    pairs.join(" ")
}

/// A time in microseconds, as a number that can be compared: `12.3us`.
fn time(time: Duration) -> String {
    format!("{:.1}us", time.as_nanos() as f64 / 1_000.0)
}
