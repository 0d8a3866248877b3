//! What is measured about shards: every scenario against a broker of two, the hop, and the report.

use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;
use coilgun_bench::arguments::{Action, Arguments};
use coilgun_bench::cpu_plan::CpuPlan;
use coilgun_bench::error::BenchError;
use coilgun_bench::interrupt::Interrupt;
use coilgun_bench::matrix::MatrixSettings;
use coilgun_bench::peers::lone_broker::LoneBroker;
use coilgun_bench::peers::servers::{BrokerSource, ServerSettings};
use coilgun_bench::play::play;
use coilgun_bench::scenario::{Scenario, Way, shards};
use coilgun_bench::shards::hop::{hops, measure};
use coilgun_bench::shards::run::run_shards;
use coilgun_bench::traffic::window::Timing;

use crate::fake_broker::{FakeBroker, Fault};
use crate::real_broker::embedded;

const TIMING: Timing = Timing {
    warm_up: Duration::from_millis(5),
    measured: Duration::from_millis(50),
    stall: Duration::from_secs(5),
};

#[test]
fn of_mixed_messages_half_cross() {
    let ways: Vec<_> = (0..4).map(|number| Way::Mixed.of_pair(number)).collect();
    assert_eq!(ways, [(0, 0), (0, 1), (1, 0), (1, 1)]);
}

#[test]
fn messages_stay_or_cross_as_a_scenario_says() {
    let data = tempfile::tempdir().expect("there is room for files");
    let (broker, source) = embedded(data.path(), 2);
    let interrupt = Interrupt::default();
    let lone = LoneBroker::start(&source, &[], &[], &interrupt).expect("it runs already");
    let mut played = Vec::new();
    for scenario in shards().into_iter().flat_map(|group| group.scenarios) {
        let sample = play(&scenario, TIMING, &lone, &interrupt);
        played.push((scenario, sample));
    }
    broker.shutdown_handle().shutdown();
    broker.wait().expect("it ends in good order");
    for (scenario, sample) in played {
        let Scenario { name, .. } = scenario;
        let report = sample.unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(report.sample.messages_checked > 0, "{name}");
        let traffic = report.broker_traffic.expect("the broker counts");
        let [first, second] = traffic.shards[..] else { panic!("{name}: there are two shards") };
        let hops = first.hops + second.hops;
        if name.ends_with("/stay") {
            // Who asks for counters may live on the other shard.
            assert!((first.messages, hops) > (0, 0) && hops <= 2, "{name}: {first:?}, {second:?}");
        } else if name.ends_with("/cross") {
            assert!(first.hops > 2 && second.deliveries > 2, "{name}: {first:?}, {second:?}");
        } else if name.ends_with("/mixed") {
            let all = [first.hops, second.hops, first.deliveries, second.deliveries];
            assert!(all.iter().all(|count| *count > 2), "{name}: {first:?}, {second:?}");
            // As many messages to the one as to the other, but for what a write ends with.
            let (messages, half) = (first.messages + second.messages, hops as f64 * 2.0);
            let share = half / messages as f64;
            assert!((0.9..=1.1).contains(&share), "{name}: {first:?}, {second:?}");
        }
        assert!(first.cpu_ns.is_some() && second.cpu_ns.is_some(), "{name}: threads are found");
    }
}

#[test]
fn every_hop_is_measured_and_nothing_is_lost() {
    for hop in hops(None) {
        let sample = measure(&hop, Duration::from_millis(5)).expect("two threads can talk");
        assert!(sample.messages > 0 && sample.messages_per_second > 0.0, "{}", hop.name);
        assert_eq!(sample.round_trip_ns.is_some(), hop.batch.is_none(), "{}", hop.name);
        assert_eq!(sample.messages_per_parcel.is_some(), hop.batch.is_some(), "{}", hop.name);
    }
    let names: Vec<String> = hops(Some([0, 1])).into_iter().map(|hop| hop.name).collect();
    assert_eq!(names.len(), 16);
    assert!(names.contains(&"hop/two-cores/spinning/round-trip".to_owned()), "{names:?}");
}

fn settings(broker: BrokerSource, only: &[&str]) -> MatrixSettings {
    MatrixSettings {
        servers: ServerSettings { bench: PathBuf::new(), broker, cpus: Vec::new() },
        load_cpu: None,
        only: only.iter().map(ToString::to_string).collect(),
        rounds: 2,
        timing: TIMING,
    }
}

#[test]
fn the_report_holds_every_round_of_scenarios_and_hops() {
    let broker = FakeBroker::start(Fault::None);
    let source = BrokerSource::Running { address: broker.address.clone(), pid: None };
    // A broker that runs already takes no arguments: each scenario fails, and is told.
    let only = ["one-shard/1-pair", "any-core/parked"];
    let report = run_shards(&settings(source, &only), "none", &Interrupt::default(), |_| {});
    let report = report.expect("a failure does not end the run");
    assert_eq!(report.report.rounds.len(), 2);
    assert!(report.report.rounds.iter().all(|round| round.failures.len() == 1));
    assert_eq!(report.hop_rounds.iter().map(Vec::len).collect::<Vec<_>>(), [4, 4]);
    let text = report.markdown();
    assert!(text.contains("| hop/any-core/parked/round-trip |"), "{text}");
    assert!(text.contains("one-shard/1-pair/stay"), "{text}");
    let folder = tempfile::tempdir().expect("there is room for files");
    let path = folder.path().join("report.json");
    report.write_json(&path).expect("the file can be written");
    let bytes = std::fs::read(&path).expect("the file is there");
    let json: serde_json::Value = serde_json::from_slice(&bytes).expect("it is JSON");
    assert_eq!(json["arguments"], "none");
    assert!(json.pointer("/hop_rounds/1/0/round_trip_ns/p50").is_some_and(|it| it.is_u64()));
}

#[test]
fn without_anything_to_measure_it_is_refused() {
    let source = BrokerSource::Program(PathBuf::from("false"));
    let error = run_shards(&settings(source, &["nothing"]), "", &Interrupt::default(), |_| {});
    assert!(matches!(error, Err(BenchError::Argument(_))));
}

#[test]
fn arguments_about_shards_are_read() {
    let soak = |more: &[&str]| {
        let arguments = ["coilgun-bench", "soak"].iter().chain(more);
        Arguments::try_parse_from(arguments).map(|arguments| match arguments.action {
            Action::Soak(soak) => soak.settings().map(|it| (it.shards, it.servers.cpus)).ok(),
            Action::EchoServer(_)
            | Action::Run(_)
            | Action::Matrix(_)
            | Action::Shards(_)
            | Action::Clients(_)
            | Action::Elbus(_)
            | Action::Streams(_)
            | Action::Idle(_) => None,
        })
    };
    assert_eq!(soak(&["--cpus", "none"]).ok(), Some(Some((1, vec![]))));
    let both = ["--shards", "4", "--cpus", "broker=0+1,load=1"];
    assert_eq!(soak(&both).ok(), Some(Some((4, vec![0, 1]))));
    for bad in ["0", "65", "x"] {
        assert!(soak(&["--shards", bad]).is_err(), "{bad}");
    }
    let plan = CpuPlan { broker: vec![7], load: None };
    assert_eq!(CpuPlan::chosen(Some(&plan), 2).ok(), Some(plan));
}
