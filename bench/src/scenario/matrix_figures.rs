//! The figures of the matrix, with their goals.

use super::comparisons::{Against, Comparison, Goal, Metric, Relation};
use super::matrix::{
    COPY_MAXIMA, COPY_PAYLOADS, FAN_OUT_WIDTHS, MANY, MATRIX_RATES, PAYLOADS,
    SLOW_CONSUMER_POLICIES,
};

/// Limit of copied payloads that the others are compared with, in bytes: the default.
const COPY_MAX_DEFAULT: usize = 1024;

/// The figures of the matrix.
#[must_use]
pub fn matrix_comparisons() -> Vec<Comparison> {
    let cpu = Metric::ServerCpuPerDelivery;
    let mut figures = vec![
        figure(
            "idle broker, % of a core",
            Metric::ServerCpuPercent,
            "idle/nobody",
            Some(Goal::AtMost(0.5)),
        ),
        figure(
            "idle broker, MiB in memory",
            Metric::ResidentMib,
            "idle/nobody",
            Some(Goal::AtMost(30.0)),
        ),
        figure(
            "bytes of memory per idle connection",
            Metric::IdleConnectionBytes,
            "idle/5000-connections",
            None,
        ),
        Comparison {
            against: against("spin/parked", Metric::LatencyP50),
            ..figure(
                "spinning p99 / parked p50",
                Metric::LatencyP99,
                "spin/spinning",
                Some(Goal::AtMost(1.0)),
            )
        },
    ];
    for rate in MATRIX_RATES {
        let scenario = format!("latency/{rate}-per-second");
        for (metric, point) in [(Metric::LatencyP50, "p50"), (Metric::LatencyP99, "p99")] {
            figures.push(figure(&format!("{rate}/s, {point} ns"), metric, &scenario, None));
        }
    }
    for width in FAN_OUT_WIDTHS {
        let name = format!("fan-out to {width}, broker CPU ns per delivery");
        let goal = Some(Goal::AtMost(60.0));
        figures.push(figure(&name, cpu, &format!("fan-out/{width}"), goal));
    }
    for way in ["1-1", "1-10", "10-10"] {
        for bytes in PAYLOADS {
            let name = format!("{way}, {bytes} B, broker CPU ns per delivery");
            figures.push(figure(&name, cpu, &format!("throughput/{way}/{bytes}B"), None));
        }
    }
    for count in MANY {
        let name = format!("{count} connections, broker CPU ns per message");
        figures.push(figure(&name, Metric::ServerCpu, &format!("connections/{count}"), None));
    }
    for policy in ["default"].into_iter().chain(SLOW_CONSUMER_POLICIES) {
        let rate = Metric::MessagesPerSecond;
        let goal = Some(Goal::AtLeast(0.95));
        let name = format!("100 pairs beside a stalled reader / alone, {policy}");
        figures.push(Comparison {
            against: against(&format!("stalled/{policy}/alone"), rate),
            ..figure(&name, rate, &format!("stalled/{policy}/beside"), goal)
        });
    }
    figures.extend(copy_comparisons());
    figures
}

/// What another limit of copied payloads costs or saves.
fn copy_comparisons() -> Vec<Comparison> {
    let mut figures = Vec::new();
    for way in ["1-1", "1-10"] {
        for payload in COPY_PAYLOADS {
            for limit in COPY_MAXIMA.into_iter().filter(|limit| *limit != COPY_MAX_DEFAULT) {
                let name = format!("{way}, {payload} B, CPU with copy-max {limit} / 1024");
                let key = |limit: usize| format!("copy-max-{limit}/{way}/{payload}B");
                let cpu = Metric::ServerCpuPerDelivery;
                figures.push(Comparison {
                    against: against(&key(COPY_MAX_DEFAULT), cpu),
                    ..figure(&name, cpu, &key(limit), None)
                });
            }
        }
    }
    figures
}

fn figure(name: &str, metric: Metric, scenario: &str, goal: Option<Goal>) -> Comparison {
    let (name, scenario) = (name.to_owned(), scenario.to_owned());
    Comparison { name, metric, scenario, against: None, goal }
}

fn against(scenario: &str, metric: Metric) -> Option<Against> {
    let (scenario, relation) = (scenario.to_owned(), Relation::Ratio);
    Some(Against { scenario, metric, relation, times: 1 })
}
