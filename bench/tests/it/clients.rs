//! What the clients cost, measured for a moment.

use std::path::PathBuf;
use std::time::Duration;

use coilgun_bench::clients::run::run_clients;
use coilgun_bench::error::BenchError;
use coilgun_bench::interrupt::Interrupt;
use coilgun_bench::matrix::MatrixSettings;
use coilgun_bench::peers::servers::{BrokerSource, ServerSettings};
use coilgun_bench::traffic::window::Timing;

/// Two short rounds of what is called so, with a broker that does not start.
pub(crate) fn settings(only: &str) -> MatrixSettings {
    let timing = Timing {
        warm_up: Duration::ZERO,
        measured: Duration::from_millis(20),
        stall: Duration::from_secs(5),
    };
    MatrixSettings {
        servers: ServerSettings {
            bench: PathBuf::new(),
            broker: BrokerSource::Program(PathBuf::from("false")),
            cpus: Vec::new(),
        },
        load_cpu: None,
        only: vec![only.to_owned()],
        rounds: 2,
        timing,
    }
}

#[test]
fn a_broker_in_this_process_is_measured_over_tcp_and_over_memory() {
    let mut lines = Vec::new();
    let report = run_clients(&settings("embedded/"), "", &Interrupt::default(), |line| {
        lines.push(line.to_owned());
    });
    let report = report.expect("nothing is in the way");
    assert_eq!(report.rounds.len(), 2);
    for round in &report.rounds {
        assert_eq!(round.len(), 8, "both ways, both clients, one message and many");
        assert!(round.iter().all(|sample| sample.messages > 0 && sample.cpu_ns_per_message > 0.0));
        let trips = round.iter().filter(|sample| sample.round_trip_ns.is_some()).count();
        assert_eq!(trips, 4);
    }
    assert_eq!(lines.len(), 16);
    let text = report.markdown();
    for figure in ["many at a time", "one at a time", "p50, parked"] {
        assert!(text.contains(figure), "{figure}: {text}");
    }
}

#[test]
fn a_broker_that_does_not_start_is_an_error() {
    let error = run_clients(&settings("publish/raw"), "", &Interrupt::default(), |_| {});
    assert!(matches!(error, Err(BenchError::Server { .. })), "{error:?}");
    let error = run_clients(&settings("nothing"), "", &Interrupt::default(), |_| {});
    assert!(matches!(error, Err(BenchError::Argument(_))), "{error:?}");
}
