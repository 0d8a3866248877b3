//! Whole runs of the matrix with tiny windows.

use std::path::PathBuf;
use std::time::Duration;

use coilgun_bench::error::BenchError;
use coilgun_bench::interrupt::Interrupt;
use coilgun_bench::matrix::{MatrixSettings, run_matrix};
use coilgun_bench::peers::servers::{BrokerSource, ServerSettings};
use coilgun_bench::results::markdown::markdown;
use coilgun_bench::results::report::Report;
use coilgun_bench::scenario::Metric;
use coilgun_bench::traffic::window::Timing;

use crate::fake_broker::{FakeBroker, Fault};

fn run(broker: BrokerSource, only: &[&str]) -> Result<Report, BenchError> {
    let settings = MatrixSettings {
        servers: ServerSettings { bench: PathBuf::new(), broker, cpus: Vec::new() },
        load_cpu: None,
        only: only.iter().map(ToString::to_string).collect(),
        rounds: 2,
        timing: Timing {
            warm_up: Duration::from_millis(5),
            measured: Duration::from_millis(50),
            stall: Duration::from_secs(5),
        },
    };
    run_matrix(&settings, "no arguments", &Interrupt::default(), |_| {})
}

fn running(broker: &FakeBroker) -> BrokerSource {
    BrokerSource::Running { address: broker.address.clone(), pid: Some(std::process::id()) }
}

#[test]
fn every_kind_of_scenario_is_measured_and_told() {
    let broker = FakeBroker::start(Fault::None);
    let only = ["idle/nobody", "throughput/10-10/16B", "fan-out/5", "connections/64", "default/"];
    let report = run(running(&broker), &only).expect("the broker is faithful");
    for round in &report.rounds {
        assert_eq!((round.samples.len(), round.failures.len()), (6 + 1, 0), "{round:?}");
    }
    let found = |name: &str| {
        let mut samples = report.rounds[0].samples.iter();
        &samples.find(|it| it.scenario == name).expect("it was played").sample
    };
    assert_eq!(found("idle/nobody").messages, 0);
    assert!(Metric::ResidentMib.of(found("idle/nobody")).is_some_and(|mib| mib > 0.0));
    assert!(found("throughput/10-10/16B").deliveries > 0);
    assert!(found("fan-out/5").server_cpu_ns_per_delivery.is_some());
    assert!(found("stalled/default/beside").stalled_reader.is_some_and(|it| it.sent > 0));
    let text = markdown(&report);
    for round in &report.rounds {
        for sample in &round.samples {
            assert!(text.contains(&format!("| {} |", sample.scenario)), "{text}");
        }
    }
}

#[test]
fn a_scenario_that_fails_is_told_and_the_others_go_on() {
    let broker = FakeBroker::start(Fault::None);
    let only = ["spin/"];
    let report = run(running(&broker), &only).expect("a failure does not end the run");
    for round in &report.rounds {
        assert_eq!(round.samples.len(), 1);
        // A broker that runs already does not take arguments.
        assert_eq!(round.failures.len(), 1);
        assert!(round.failures[0].error.contains("--spin"), "{:?}", round.failures);
    }
    let spin = report.figures.iter().find(|it| it.comparison.scenario == "spin/spinning");
    assert_eq!(spin.map(|figure| figure.is_within_goal), Some(None));
    let text = markdown(&report);
    assert!(text.contains("FAILED in 2 of 2: a broker that runs already"), "{text}");
}

#[test]
fn a_broker_that_does_not_start_fails_its_scenarios_only() {
    let source = BrokerSource::Program(PathBuf::from("false"));
    let report = run(source, &["fan-out/1"]).expect("a failure does not end the run");
    let failures: Vec<_> = report.rounds.iter().flat_map(|round| &round.failures).collect();
    assert!(!failures.is_empty());
    assert!(failures.iter().all(|it| it.error.contains("ended by itself")), "{failures:?}");
}
