//! The whole first suite against the broker itself, embedded in the test.

use std::path::{Path, PathBuf};
use std::time::Duration;

use coilgun_bench::interrupt::Interrupt;
use coilgun_bench::peers::servers::{BrokerSource, ServerSettings};
use coilgun_bench::soak::report::{Amounts, SoakReport};
use coilgun_bench::soak::run::{SoakSettings, run_soak};
use coilgun_server::broker::Broker;
use coilgun_server::config::{Config, Limits};
use coilgun_server::shard::ShardCounters;

use crate::whole_runs::{run, settings};

#[test]
fn a_short_soak_exercises_everything_and_loses_nothing() {
    let (report, counters) = soak(1, 4);
    assert!(report.amounts.stalled_readers > 0, "{report}");
    assert!(report.samples.len() >= 4 && report.memory.is_some(), "{report}");
    assert!(report.samples.iter().all(|it| it.counters.is_some() && it.resident_bytes.is_some()));
    assert!(counters.slow_consumers >= report.amounts.stalled_readers);
    assert!(counters.protocol_errors > 0);
    assert_eq!((counters.hops, report.amounts.crossed, report.shards.len()), (0, 0, 0));
}

#[test]
fn a_short_soak_of_three_shards_crosses_them_all_and_stays_on_each() {
    let (report, counters) = soak(3, 4);
    let Amounts { messages, stayed, crossed, .. } = report.amounts;
    assert_eq!(messages, stayed + crossed);
    let hops: Vec<u64> = report.shards.iter().map(|shard| shard.hops).collect();
    assert_eq!(hops.len(), 3);
    assert!(counters.hops >= hops.iter().sum(), "{report}");
    for shard in &report.shards {
        assert_eq!(shard.below(&report.shard_minimums), [""; 0], "{report}");
    }
}

#[test]
fn a_broker_with_another_number_of_shards_is_not_soaked() {
    let data = tempfile::tempdir().expect("there is room for files");
    let (broker, source) = embedded(data.path(), 2);
    let error = run_soak(&soak_settings(source, 4, 1), "", &Interrupt::default(), |_| {});
    broker.shutdown_handle().shutdown();
    broker.wait().expect("it ends in good order");
    let error = error.expect_err("it has two").to_string();
    assert_eq!(error, "the broker has 2 shards, not 4");
}

fn soak_settings(broker: BrokerSource, shards: usize, seconds: u64) -> SoakSettings {
    SoakSettings {
        servers: ServerSettings { bench: PathBuf::new(), broker, cpus: Vec::new() },
        shards,
        load_cpu: None,
        duration: Duration::from_secs(seconds),
        interval: Duration::from_millis(200),
    }
}

/// Soaks a broker of so many shards; nothing was lost, and enough was done.
fn soak(shards: usize, seconds: u64) -> (SoakReport, ShardCounters) {
    let data = tempfile::tempdir().expect("there is room for files");
    let (broker, source) = embedded(data.path(), shards);
    let settings = soak_settings(source, shards, seconds);
    let report = run_soak(&settings, "no arguments", &Interrupt::default(), |_| {});
    broker.shutdown_handle().shutdown();
    let counters = broker.wait().expect("it ends in good order");
    let report = report.expect("the broker can be looked at");
    assert_eq!(report.error, None);
    assert_eq!(report.amounts.below(&report.minimums), [""; 0], "{report}");
    (report, counters)
}

#[test]
fn the_broker_carries_every_scenario_of_the_suite() {
    let data = tempfile::tempdir().expect("there is room for files");
    let (broker, source) = embedded(data.path(), 1);
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

/// A broker of so many shards in this process, and where it is.
pub(crate) fn embedded(data: &Path, shards: usize) -> (Broker, BrokerSource) {
    let config = Config {
        listen: vec![([127, 0, 0, 1], 0).into()],
        unix: Some(PathBuf::new()),
        data: data.join("data"),
        shards,
        // A burst of the soak is 500 connections.
        limits: Limits { connections_max: 600, ..Limits::default() },
        ..Config::default()
    };
    let broker = Broker::start(config).expect("the broker starts");
    let address = broker.addresses().first().expect("it listens").clone();
    (broker, BrokerSource::Running { address, pid: Some(std::process::id()) })
}
