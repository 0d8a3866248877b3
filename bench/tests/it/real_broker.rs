//! The whole first suite against the broker itself, embedded in the test.

use std::path::PathBuf;

use coilgun_bench::peers::servers::BrokerSource;
use coilgun_server::broker::Broker;
use coilgun_server::config::Config;

use crate::whole_runs::{run, settings};

#[test]
fn the_broker_carries_every_scenario_of_the_suite() {
    let data = tempfile::tempdir().expect("there is room for files");
    let config = Config {
        listen: vec![([127, 0, 0, 1], 0).into()],
        unix: Some(PathBuf::new()),
        data: data.path().join("data"),
        ..Config::default()
    };
    let broker = Broker::start(config).expect("the broker starts");
    let address = broker.addresses().first().expect("it listens").clone();
    let source = BrokerSource::Running { address, pid: Some(std::process::id()) };
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
