//! What several shards cost and give: scenarios against brokers of one shard and of two, and figures
//! that compare them.
//!
//! Shards are bound to cores, so that the second one shares its core with the load on a machine of two
//! cores; where a group runs on the first core, both shards share that one instead.

use super::comparisons::{Against, Comparison, Goal, Metric, Relation};
use super::shape::{Beside, Cores, Group, Scenario, Shape, Way};
use crate::traffic::driver::Pace;

/// Payload of everything, in bytes.
const PAYLOAD: usize = 64;
/// Pairs where there are several.
const PAIRS: usize = 8;
/// Publishers each of which sends to two subscribers.
const FORKS: usize = 4;
/// Connections that are opened before anything is sent.
const OPENED_FIRST: usize = 64;
/// Bytes per write of one pair that sends as fast as it can.
const WRITE_BYTES: usize = 64 * 1024;
/// Bytes per write of each of several pairs.
const WRITE_BYTES_OF_MANY: usize = 4 * 1024;
/// What two shards may cost where messages stay on theirs, in units of one shard.
const STAYING_MAX: f64 = 1.05;
/// What two shards may cost where half of the messages cross, in units of one shard.
const MIXED_MAX: f64 = 1.15;
/// What a hop may add to the median latency, in nanoseconds.
const HOP_NS_MAX: f64 = 30_000.0;

const FAST: Pace = Pace::Pipelined { write_bytes: WRITE_BYTES };
const FAST_OF_MANY: Pace = Pace::Pipelined { write_bytes: WRITE_BYTES_OF_MANY };

/// The scenarios, by the brokers they need.
#[must_use]
pub fn shards() -> Vec<Group> {
    let one_pair = |way| Shape::PlacedPairs { pairs: 1, way };
    let pairs = |way| Shape::PlacedPairs { pairs: PAIRS, way };
    let fast = |shards: &str, way, what: &str| {
        vec![
            scenario(format!("{shards}/1-pair/{what}"), one_pair(way), FAST),
            scenario(format!("{shards}/{PAIRS}-pairs/{what}"), pairs(way), FAST_OF_MANY),
        ]
    };
    let mut two = fast("two-shards", Way::Stays, "stay");
    two.extend(fast("two-shards", Way::Crosses, "cross"));
    let forks = |shards: &str, way, what: &str| {
        let shape = Shape::Forks { publishers: FORKS, way };
        scenario(format!("{shards}/{FORKS}-forks/{what}"), shape, FAST_OF_MANY)
    };
    two.push(forks("two-shards", Way::Mixed, "mixed"));
    let mut one = fast("one-shard", Way::Stays, "stay");
    one.push(forks("one-shard", Way::Stays, "stay"));
    let one_shard = ["--shards", "1", "--pin"];
    let two_shards = ["--shards", "2", "--pin"];
    let spinning = ["--shards", "2", "--pin", "--spin", "50"];
    let mut groups = vec![
        group(&one_shard, Cores::All, one),
        group(&two_shards, Cores::All, two),
        group(&two_shards, Cores::All, latency("parked")),
        group(&spinning, Cores::All, latency("spinning")),
        group(&["--shards", "2"], Cores::First, latency("parked-one-core")),
    ];
    for policy in ["spread", "pack"] {
        let shape = Shape::OpenedFirst { connections: OPENED_FIRST };
        let arguments = ["--shards", "2", "--pin", "--placement", policy];
        // Each against a broker of its own, where no shard is busy when connections come.
        for (what, pace) in [("throughput", FAST_OF_MANY), ("ping-pong", Pace::PingPong)] {
            let scenario = scenario(format!("placement/{policy}/{what}"), shape, pace);
            groups.push(group(&arguments, Cores::All, vec![scenario]));
        }
    }
    groups
}

/// One message in flight: delivered on the same shard and on another, and the same for requests.
fn latency(how: &str) -> Vec<Scenario> {
    let mut scenarios = Vec::new();
    for (way, what) in [(Way::Stays, "stay"), (Way::Crosses, "cross")] {
        let pair = Shape::PlacedPairs { pairs: 1, way };
        let name = |kind: &str| format!("{how}/{kind}/{what}");
        scenarios.push(scenario(name("deliver"), pair, Pace::PingPong));
        let call = Shape::PlacedRequestReply { way };
        scenarios.push(scenario(name("request"), call, Pace::PingPong));
    }
    scenarios
}

/// The figures of the scenarios.
#[must_use]
pub fn shards_comparisons() -> Vec<Comparison> {
    let mut figures = Vec::new();
    let cpu = |what: &str, scenario: &str, against: &str, goal: Option<f64>| Comparison {
        name: format!("{what}, broker CPU per message"),
        metric: Metric::ServerCpu,
        scenario: scenario.to_owned(),
        against: Some(against_of(against, Metric::ServerCpu, Relation::Ratio, 1)),
        goal: goal.map(Goal::AtMost),
    };
    for pairs in ["1-pair", "8-pairs"] {
        let (one, two) = (format!("one-shard/{pairs}/stay"), format!("two-shards/{pairs}/stay"));
        let what = format!("{pairs} that stay, two shards / one shard");
        figures.push(cpu(&what, &two, &one, Some(STAYING_MAX)));
        let crossing = format!("two-shards/{pairs}/cross");
        figures.push(cpu(&format!("{pairs}, all cross / all stay"), &crossing, &two, None));
    }
    let (one, mixed) = ("one-shard/4-forks/stay", "two-shards/4-forks/mixed");
    let what = "4-forks, half of the messages cross, two shards / one shard";
    figures.push(cpu(what, mixed, one, Some(MIXED_MAX)));
    for how in ["parked", "spinning", "parked-one-core"] {
        for (kind, hops) in [("deliver", 1), ("request", 2)] {
            let key = |what: &str| format!("{how}/{kind}/{what}");
            let (metric, relation) = (Metric::LatencyP50, Relation::Difference);
            figures.push(Comparison {
                name: format!("{kind}, {how}, p50 ns more for each hop"),
                metric,
                scenario: key("cross"),
                against: Some(against_of(&key("stay"), metric, relation, hops)),
                goal: Some(Goal::AtMost(HOP_NS_MAX)),
            });
        }
    }
    for (what, metric) in
        [("throughput", Metric::MessagesPerSecond), ("ping-pong", Metric::LatencyP50)]
    {
        let key = |policy: &str| format!("placement/{policy}/{what}");
        let point = if metric == Metric::LatencyP50 { "p50" } else { "messages/s" };
        figures.push(Comparison {
            name: format!("64 connections opened first, {what}, {point}, spread / pack"),
            metric,
            scenario: key("spread"),
            against: Some(against_of(&key("pack"), metric, Relation::Ratio, 1)),
            goal: None,
        });
    }
    figures
}

fn against_of(scenario: &str, metric: Metric, relation: Relation, times: u32) -> Against {
    Against { scenario: scenario.to_owned(), metric, relation, times }
}

fn scenario(name: impl Into<String>, shape: Shape, pace: Pace) -> Scenario {
    Scenario { name: name.into(), shape, payload_bytes: PAYLOAD, pace, beside: Beside::Nothing }
}

fn group(broker_arguments: &[&str], cores: Cores, scenarios: Vec<Scenario>) -> Group {
    let broker_arguments = broker_arguments.iter().map(ToString::to_string).collect();
    Group { broker_arguments, cores, scenarios }
}
