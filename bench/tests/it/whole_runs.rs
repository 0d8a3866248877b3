//! Whole runs of the first suite with tiny windows, against the real echo server.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use coilgun_bench::arguments::{PlayArguments, RunArguments, SuiteName};
use coilgun_bench::cpu_plan::CpuPlan;
use coilgun_bench::error::BenchError;
use coilgun_bench::interrupt::Interrupt;
use coilgun_bench::peers::servers::{BrokerSource, ServerSettings};
use coilgun_bench::results::report::Report;
use coilgun_bench::scenario::PlanSettings;
use coilgun_bench::suite::{SuiteSettings, run_suite};
use coilgun_bench::traffic::window::Timing;
use coilgun_server::net::ListenAddress;
use serde_json::Value;

use crate::fake_broker::{FakeBroker, Fault};

const ROUNDS: u32 = 2;

pub(crate) fn settings(broker: BrokerSource, only: &[&str]) -> SuiteSettings {
    let bench = PathBuf::from(env!("CARGO_BIN_EXE_coilgun-bench"));
    SuiteSettings {
        servers: ServerSettings { bench, broker, cpus: Vec::new() },
        load_cpu: None,
        plan: PlanSettings { payload_bytes: vec![64], rates: vec![1000] },
        only: only.iter().map(ToString::to_string).collect(),
        rounds: ROUNDS,
        timing: Timing {
            warm_up: Duration::from_millis(5),
            measured: Duration::from_millis(150),
            stall: Duration::from_secs(5),
        },
    }
}

pub(crate) fn run(settings: &SuiteSettings) -> Result<Report, BenchError> {
    run_suite(settings, "no arguments", &Interrupt::default(), |_| {})
}

fn running(broker: &FakeBroker) -> BrokerSource {
    BrokerSource::Running { address: broker.address.clone(), pid: Some(std::process::id()) }
}

#[test]
fn the_whole_suite_reports_every_round() {
    let broker = FakeBroker::start(Fault::None);
    let report = run(&settings(running(&broker), &[])).expect("both servers are faithful");
    let scenarios = 12;
    assert_eq!(report.scenarios.len(), scenarios);
    for round in &report.rounds {
        assert_eq!(round.samples.len(), scenarios);
        for found in &round.samples {
            let name = &found.scenario;
            assert!(found.sample.messages_checked > 0, "{name} carries messages");
            assert!(found.sample.server_cpu_share.is_some_and(|share| share > 0.0), "{name}");
            let has_latency = found.sample.latency_ns.is_some();
            if name.contains("throughput") {
                assert!(!has_latency, "{name}");
            } else {
                // What a busy machine lets through of what was under way when the window began, one
                // on each of 64 connections, has none.
                assert!(has_latency || found.sample.messages <= 64, "{name}");
            }
        }
    }
    assert_eq!(report.figures.len(), 10);
    for figure in &report.figures {
        assert_eq!(figure.rounds.iter().flatten().count(), ROUNDS as usize, "{figure}");
    }
    let table = report.to_string();
    for scenario in &report.scenarios {
        assert!(table.contains(&scenario.scenario), "{table}");
    }
}

#[test]
fn the_file_holds_the_machine_the_arguments_and_every_round() {
    let source = BrokerSource::Running { address: nowhere(), pid: None };
    let report = run(&settings(source, &["echo-rtt", "echo-open"])).expect("the echo is faithful");
    let folder = tempfile::tempdir().expect("there is room for files");
    let path = folder.path().join("report.json");
    report.write_json(&path).expect("the file can be written");
    let json: Value = read_json(&path);
    assert_eq!(json["arguments"], "no arguments");
    for text in ["/machine/kernel", "/machine/cpu_model", "/versions/bench"] {
        let found = json.pointer(text).and_then(Value::as_str);
        assert!(found.is_some_and(|text| !text.is_empty()), "{text}");
    }
    let rounds = json["rounds"].as_array().expect("rounds are a list");
    assert_eq!(rounds.len(), ROUNDS as usize);
    for round in rounds {
        let names = round["samples"].as_array().expect("samples are a list").iter();
        let names: Vec<_> = names.map(|sample| sample["scenario"].as_str()).collect();
        assert_eq!(names, [Some("echo-rtt/64B"), Some("echo-open-loop-1000/64B")]);
        let latency = &round["samples"][0]["latency_ns"];
        for point in ["count", "min", "p50", "p90", "p99", "p99_9", "p99_99", "max"] {
            assert!(latency[point].as_u64().is_some_and(|value| value > 0), "{point}");
        }
        assert_eq!(round["samples"][0]["peer"], "echo");
    }
    assert_eq!(json["figures"], Value::Array(vec![]), "nothing can be compared");
}

#[test]
fn a_fault_names_its_scenario_and_leaves_nothing_behind() {
    let broker = FakeBroker::start(Fault::Lose(3));
    let mut settings = settings(running(&broker), &["publish-deliver-rtt"]);
    settings.timing.stall = Duration::from_secs(1);
    let error = run(&settings).expect_err("a message was lost").to_string();
    assert!(error.starts_with("publish-deliver-rtt/64B: 1 messages lost"), "{error}");
}

#[test]
fn a_broker_that_ends_at_once_is_told() {
    let source = BrokerSource::Program(PathBuf::from("false"));
    let error = run(&settings(source, &[])).expect_err("there is no broker").to_string();
    assert!(error.contains("broker ended by itself"), "{error}");
}

#[test]
fn the_program_prints_a_table_and_writes_a_file() {
    let folder = tempfile::tempdir().expect("there is room for files");
    let path = folder.path().join("report.json");
    let output = Command::new(env!("CARGO_BIN_EXE_coilgun-bench"))
        .args(["run", "--connect", "127.0.0.1:1", "--only", "echo-rtt", "--rounds", "1"])
        .args(["--seconds", "0.02", "--cpus", "none", "--json"])
        .arg(&path)
        .stdin(Stdio::null())
        .output()
        .expect("the program runs");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    assert!(errors.contains("round 1/1: echo-rtt/64B"), "{errors}");
    let table = String::from_utf8_lossy(&output.stdout);
    assert!(table.contains("echo-rtt/64B"), "{table}");
    assert_eq!(read_json(&path)["arguments"]["rounds"], 1);
}

#[test]
fn unix_sockets_are_compared_with_unix_sockets() {
    let address = ListenAddress::Unix(PathBuf::from("/nowhere/coilgun.sock"));
    let source = BrokerSource::Running { address, pid: None };
    let report = run(&settings(source, &["echo-rtt"])).expect("the echo is faithful");
    assert_eq!(report.rounds.len(), ROUNDS as usize);
}

#[test]
fn arguments_that_make_no_sense_are_refused() {
    let good = RunArguments {
        suite: SuiteName::First,
        broker: None,
        connect: None,
        pid: None,
        play: PlayArguments { rounds: 1, seconds: 1.0, only: vec![], json: None },
        size: vec![64],
        rate: vec![1000],
        cpus: Some(CpuPlan::default()),
    };
    let settings = good.settings().expect("these are good");
    let BrokerSource::Program(path) = &settings.servers.broker else { panic!("it is started") };
    assert_eq!(path.file_name().and_then(|name| name.to_str()), Some("coilgun"));
    let lasting = |seconds| PlayArguments { seconds, ..good.play.clone() };
    for bad in [
        RunArguments { play: lasting(0.0), ..good.clone() },
        RunArguments { play: lasting(f64::NAN), ..good.clone() },
        RunArguments { size: vec![64, 15], ..good.clone() },
        RunArguments { rate: vec![0], ..good.clone() },
    ] {
        let error = bad.settings().expect_err("it makes no sense");
        assert!(matches!(error, BenchError::Argument(_)), "{error}");
    }
    let plan = "broker=3,load=5".parse::<CpuPlan>();
    assert_eq!(plan, Ok(CpuPlan { broker: vec![3], load: Some(5) }));
    let plan = "load=1,broker=0+1".parse::<CpuPlan>();
    assert_eq!(plan, Ok(CpuPlan { broker: vec![0, 1], load: Some(1) }));
    assert_eq!("none".parse::<CpuPlan>(), Ok(CpuPlan::default()));
    for text in ["", "broker", "broker=x", "broker=1+", "load=0+1", "disk=1"] {
        assert!(text.parse::<CpuPlan>().is_err(), "{text}");
    }
}

fn nowhere() -> ListenAddress {
    ListenAddress::Tcp(([127, 0, 0, 1], 1).into())
}

fn read_json(path: &Path) -> Value {
    let bytes = std::fs::read(path).expect("the file is there");
    serde_json::from_slice(&bytes).expect("it is JSON")
}
