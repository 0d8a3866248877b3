//! The matrix: every question about the broker that has a number for an answer.

use super::shape::{Beside, Cores, Group, Scenario, Shape};
use crate::traffic::driver::Pace;

/// Rates at which latency is measured, in messages per second.
pub const MATRIX_RATES: [u64; 3] = [1_000, 10_000, 50_000];
/// Payloads of the throughput, in bytes.
pub(super) const PAYLOADS: [usize; 7] = [16, 64, 256, 1024, 4096, 16_384, 65_536];
/// Subscribers of the fan-out.
pub(super) const FAN_OUT_WIDTHS: [usize; 7] = [1, 2, 5, 10, 20, 50, 100];
/// Connections where there are many.
pub(super) const MANY: [usize; 2] = [64, 1_000];
/// Connections that say nothing.
const IDLE: usize = 5_000;
/// What a broker can do about a reader that does not read; the flag says it.
pub(super) const SLOW_CONSUMER_POLICIES: [&str; 6] = [
    "disconnect",
    "drop-newest",
    "drop-oldest",
    "backpressure",
    "backpressure-drop-newest",
    "backpressure-drop-oldest",
];
/// Limits below which a payload is copied, in bytes; the flag says it.
pub(super) const COPY_MAXIMA: [usize; 6] = [256, 512, 1024, 2048, 4096, 8192];
/// Payloads with which the limits are compared, in bytes.
pub(super) const COPY_PAYLOADS: [usize; 7] = [256, 512, 1024, 2048, 4096, 8192, 16_384];
/// Payload of everything else, in bytes.
const PAYLOAD: usize = 64;
/// Bytes per write of one connection that sends as fast as it can.
const WRITE_BYTES: usize = 64 * 1024;
/// Messages under way on each of many connections.
const WINDOW_OF_MANY: u64 = 64;
/// Pairs beside a stalled reader.
const PAIRS_BESIDE: usize = 100;

const ONE_PAIR: Shape = Shape::Pairs { pairs: 1 };
const FAST: Pace = Pace::Pipelined { write_bytes: WRITE_BYTES };
const MANY_FAST: Pace = Pace::Windowed { messages: WINDOW_OF_MANY };

/// The scenarios, by the brokers they need.
#[must_use]
pub fn matrix() -> Vec<Group> {
    let nobody = scenario("idle/nobody", Shape::Nobody, PAYLOAD, MANY_FAST);
    let idle = Scenario {
        beside: Beside::IdleConnections { count: IDLE },
        ..scenario(format!("idle/{IDLE}-connections"), ONE_PAIR, PAYLOAD, FAST)
    };
    let mut groups = vec![group(&[], vec![nobody]), group(&[], vec![idle])];
    groups.push(group(&[], basics()));
    let parked = scenario("spin/parked", ONE_PAIR, PAYLOAD, Pace::PingPong);
    let spinning = scenario("spin/spinning", ONE_PAIR, PAYLOAD, Pace::PingPong);
    groups.push(group(&[], vec![parked]));
    groups.push(group(&["--spin", "50"], vec![spinning]));
    groups.extend(stalled_readers());
    for bytes in COPY_MAXIMA {
        let scenarios = COPY_PAYLOADS.iter().flat_map(|&payload| {
            let name = |way: &str| format!("copy-max-{bytes}/{way}/{payload}B");
            let fan_out = Shape::FanOut { publishers: 1, subscribers: 10 };
            [
                scenario(name("1-1"), ONE_PAIR, payload, FAST),
                scenario(name("1-10"), fan_out, payload, FAST),
            ]
        });
        groups.push(group(&["--copy-max", &bytes.to_string()], scenarios.collect()));
    }
    groups
}

/// What a broker without further arguments is asked.
fn basics() -> Vec<Scenario> {
    let mut scenarios = Vec::new();
    for per_second in MATRIX_RATES {
        let name = format!("latency/{per_second}-per-second");
        scenarios.push(scenario(name, ONE_PAIR, PAYLOAD, Pace::OpenLoop { per_second }));
    }
    for bytes in PAYLOADS {
        for (publishers, subscribers) in [(1, 1), (1, 10), (10, 10)] {
            let name = format!("throughput/{publishers}-{subscribers}/{bytes}B");
            scenarios.push(scenario(name, Shape::FanOut { publishers, subscribers }, bytes, FAST));
        }
    }
    for connections in MANY {
        let name = format!("connections/{connections}");
        scenarios.push(scenario(name, Shape::ToItself { connections }, PAYLOAD, MANY_FAST));
    }
    for subscribers in FAN_OUT_WIDTHS {
        let shape = Shape::FanOut { publishers: 1, subscribers };
        scenarios.push(scenario(format!("fan-out/{subscribers}"), shape, PAYLOAD, FAST));
    }
    scenarios
}

/// Pairs alone and beside a stalled reader, for each policy, against one broker each.
fn stalled_readers() -> Vec<Group> {
    let pairs = |name: String, beside| Scenario {
        beside,
        ..scenario(name, Shape::Pairs { pairs: PAIRS_BESIDE }, PAYLOAD, MANY_FAST)
    };
    let both = |policy: &str| {
        vec![
            pairs(format!("stalled/{policy}/alone"), Beside::Nothing),
            pairs(format!("stalled/{policy}/beside"), Beside::StalledReader),
        ]
    };
    let mut groups = vec![group(&[], both("default"))];
    for policy in SLOW_CONSUMER_POLICIES {
        groups.push(group(&["--slow-consumer", policy], both(policy)));
    }
    groups
}

fn scenario(name: impl Into<String>, shape: Shape, payload_bytes: usize, pace: Pace) -> Scenario {
    Scenario { name: name.into(), shape, payload_bytes, pace, beside: Beside::Nothing }
}

fn group(broker_arguments: &[&str], scenarios: Vec<Scenario>) -> Group {
    let broker_arguments = broker_arguments.iter().map(ToString::to_string).collect();
    Group { broker_arguments, cores: Cores::All, scenarios }
}
