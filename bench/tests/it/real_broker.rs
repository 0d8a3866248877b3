//! The whole first suite against the broker itself, embedded in the test.

use std::path::{Path, PathBuf};
use std::time::Duration;

use coilgun_bench::interrupt::Interrupt;
use coilgun_bench::peers::servers::{BrokerSource, ServerSettings};
use coilgun_bench::soak::run::{SoakSettings, run_soak};
use coilgun_server::broker::Broker;
use coilgun_server::config::{Config, Limits};

use crate::whole_runs::{run, settings};

#[test]
fn a_short_soak_exercises_everything_and_loses_nothing() {
    let data = tempfile::tempdir().expect("there is room for files");
    let (broker, source) = embedded(data.path());
    let settings = SoakSettings {
        servers: ServerSettings { bench: PathBuf::new(), broker: source, cpu: None },
        load_cpu: None,
        duration: Duration::from_secs(4),
        interval: Duration::from_millis(200),
    };
    let report = run_soak(&settings, "no arguments", &Interrupt::default(), |_| {});
    broker.shutdown_handle().shutdown();
    let counters = broker.wait().expect("it ends in good order");
    let report = report.expect("the broker can be looked at");
    assert_eq!(report.error, None);
    assert_eq!(report.amounts.below(&report.minimums), [""; 0], "{report}");
    assert!(report.amounts.stalled_readers > 0, "{report}");
    assert!(report.samples.len() >= 4 && report.memory.is_some(), "{report}");
    assert!(report.samples.iter().all(|it| it.counters.is_some() && it.resident_bytes.is_some()));
    assert!(counters.slow_consumers >= report.amounts.stalled_readers);
    assert!(counters.protocol_errors > 0);
}

#[test]
fn the_broker_carries_every_scenario_of_the_suite() {
    let data = tempfile::tempdir().expect("there is room for files");
    let (broker, source) = embedded(data.path());
    let ran = run(&settings(source, &[]));
    broker.shutdown_handle().shutdown();
    let counters = broker.wait().expect("it ends in good order");
    let report = ran.expect("nothing is lost, doubled, overtaken or altered");
    let carried = |name: &str| -> u64 {
        let samples = report.rounds.iter().flat_map(|round| &round.samples);
        samples
            .filter(|found| found.scenario.starts_with(name))
            .map(|found| found.sample.messages_checked)
            .sum()
    };
    // A request and its reply are two messages.
    let names = ["publish-deliver", "throughput", "open-loop"];
    let expected = names.map(carried).iter().sum::<u64>() + 2 * carried("request-reply");
    assert!(expected > 0);
    // Before and after each scenario the broker was asked what it had counted.
    let samples = report.rounds.iter().flat_map(|round| &round.samples);
    let asked = 2 * samples.filter(|found| found.broker_traffic.is_some()).count() as u64;
    assert!(asked > 0);
    let all = expected + asked;
    assert_eq!((counters.messages, counters.deliveries), (all, all));
    assert_eq!((counters.protocol_errors, counters.slow_consumers), (0, 0));
}

/// A broker in this process, and where it is.
fn embedded(data: &Path) -> (Broker, BrokerSource) {
    let config = Config {
        listen: vec![([127, 0, 0, 1], 0).into()],
        unix: Some(PathBuf::new()),
        data: data.join("data"),
        // A burst of the soak is 500 connections.
        limits: Limits { connections_max: 600, ..Limits::default() },
        ..Config::default()
    };
    let broker = Broker::start(config).expect("the broker starts");
    let address = broker.addresses().first().expect("it listens").clone();
    (broker, BrokerSource::Running { address, pid: Some(std::process::id()) })
}
