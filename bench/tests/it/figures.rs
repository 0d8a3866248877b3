//! The arithmetic from counters to samples, from samples to figures, from rounds to medians.

use std::time::Duration;

use coilgun_bench::results::report::{Figure, RoundReport, SampleReport};
use coilgun_bench::results::summary::Spread;
use coilgun_bench::sample::{LoadTraffic, Percentiles, Sample};
use coilgun_bench::scenario::{Against, Comparison, Goal, Metric, Peer, Relation};
use coilgun_bench::traffic::connection::Traffic;
use coilgun_bench::traffic::window::{Arrivals, Phase, Timing, Window};

const TIMING: Timing = Timing {
    warm_up: Duration::from_nanos(100),
    measured: Duration::from_nanos(1000),
    stall: Duration::from_secs(1),
};

#[test]
fn a_spread_is_smallest_middle_and_largest() {
    assert_eq!(Spread::of([]), None);
    assert_eq!(Spread::of([7.0]), Some(Spread { min: 7.0, median: 7.0, max: 7.0 }));
    let odd = Spread::of([9.0, 1.0, 4.0]);
    assert_eq!(odd, Some(Spread { min: 1.0, median: 4.0, max: 9.0 }));
    let even = Spread::of([9.0, 1.0, 4.0, 5.0]);
    assert_eq!(even, Some(Spread { min: 1.0, median: 4.5, max: 9.0 }));
}

#[test]
fn only_what_was_meant_to_be_sent_in_the_window_is_recorded_however_late_it_arrives() {
    let mut window = Window::new(0, TIMING, None);
    for (intended, now) in [(99, 150), (100, 110), (1099, 90_000), (1100, 1110)] {
        window.record_latency(intended, now);
    }
    let latencies = Percentiles::of(window.latencies()).expect("two were in the window");
    assert_eq!((latencies.count, latencies.min), (2, 10));
    let error = latencies.max.abs_diff(88_901);
    assert!(error <= 89, "three digits of 88,901 are kept; it is {}", latencies.max);
}

#[test]
fn percentiles_of_known_values() {
    let mut window = Window::new(0, TIMING, None);
    for value in 1..=1000 {
        window.record_latency(500, 500 + value);
    }
    let found = Percentiles::of(window.latencies()).expect("there are values");
    let Percentiles { count, min, p50, p90, p99, p99_9, p99_99, max } = found;
    assert_eq!(
        (count, min, p50, p90, p99, p99_9, p99_99, max),
        (1000, 1, 500, 900, 990, 999, 1000, 1000)
    );
}

#[test]
fn a_window_counts_what_happened_between_its_snapshots() {
    let mut window = Window::new(1_000, TIMING, None);
    let traffic = |sends, sent_bytes| {
        let (receives, received_bytes) = (2 * sends, sent_bytes);
        move || Traffic { sends, sent_bytes, receives, received_bytes }
    };
    for (now, completed, phase) in
        [(1_050, 7, Phase::Running), (1_200, 10, Phase::Running), (2_200, 510, Phase::Over)]
    {
        let traffic = traffic(completed / 10, completed * 64);
        let arrivals = Arrivals { messages: completed, deliveries: 3 * completed };
        assert_eq!(window.advance(now, arrivals, traffic).ok(), Some(phase));
        assert_eq!(Sample::of(&window, false, 600).is_some(), phase == Phase::Over);
    }
    let sample = Sample::of(&window, false, 600).expect("the window is over");
    assert_eq!((sample.messages, sample.deliveries, sample.messages_checked), (500, 1500, 600));
    assert!((sample.seconds - 1e-6).abs() < 1e-15);
    assert!((sample.messages_per_second - 5e8).abs() < 1.0);
    assert_eq!(sample.latency_ns, None);
    assert_eq!(sample.server_cpu_ns_per_message, None);
    let LoadTraffic { sends, bytes_per_send, receives, bytes_per_receive } = sample.load_traffic;
    assert_eq!((sends, receives), (50, 100));
    assert_eq!((bytes_per_send, bytes_per_receive), (Some(640.0), Some(320.0)));
}

fn sample(p50: u64, server_cpu: Option<f64>) -> Sample {
    Sample {
        seconds: 1.0,
        messages: 1,
        messages_checked: 1,
        messages_per_second: 1.0,
        deliveries: 1,
        deliveries_per_second: 1.0,
        latency_ns: Some(Percentiles {
            count: 1,
            min: p50,
            p50,
            p90: p50,
            p99: 10 * p50,
            p99_9: 10 * p50,
            p99_99: 10 * p50,
            max: 10 * p50,
        }),
        send_lag_ns: None,
        server_cpu_ns_per_message: server_cpu,
        server_cpu_seconds_per_million: None,
        server_cpu_ns_per_delivery: server_cpu,
        server_cpu_share: None,
        load_cpu_ns_per_message: None,
        load_cpu_seconds_per_million: None,
        load_cpu_ns_per_delivery: None,
        load_cpu_share: 0.5,
        is_load_limited: Some(false),
        load_traffic: LoadTraffic {
            sends: 0,
            bytes_per_send: None,
            receives: 0,
            bytes_per_receive: None,
        },
        broker_memory: None,
        stalled_reader: None,
    }
}

fn round(round: u32, ours: Sample, echo: Sample) -> RoundReport {
    let report = |scenario: &str, peer, sample| SampleReport {
        scenario: scenario.to_owned(),
        peer,
        payload_bytes: 64,
        sample,
        broker_traffic: None,
    };
    let samples = vec![report("ours", Peer::Broker, ours), report("echo", Peer::Echo, echo)];
    RoundReport { round, samples, failures: Vec::new() }
}

fn comparison(metric: Metric, times: Option<u32>, limit: Option<f64>) -> Comparison {
    let relation = Relation::Ratio;
    let against =
        times.map(|times| Against { scenario: "echo".to_owned(), metric, relation, times });
    let goal = limit.map(Goal::AtMost);
    Comparison { name: "test".to_owned(), metric, scenario: "ours".to_owned(), against, goal }
}

#[test]
fn ratios_are_made_inside_a_round_and_the_median_is_theirs() {
    // The median of the ratios (2) is not the ratio of the medians (20 / 15).
    let rounds = [
        round(1, sample(10, None), sample(5, None)),
        round(2, sample(20, None), sample(40, None)),
        round(3, sample(60, None), sample(15, None)),
    ];
    let one = Figure::of(&comparison(Metric::LatencyP50, Some(1), Some(2.0)), &rounds);
    assert_eq!(one.rounds, [Some(2.0), Some(0.5), Some(4.0)]);
    assert_eq!(one.spread, Some(Spread { min: 0.5, median: 2.0, max: 4.0 }));
    assert_eq!(one.is_within_goal, Some(true));
    let two = Figure::of(&comparison(Metric::LatencyP99, Some(2), Some(0.9)), &rounds);
    assert_eq!(two.spread.map(|spread| spread.median), Some(1.0));
    assert_eq!(two.is_within_goal, Some(false));
}

#[test]
fn a_round_without_a_value_stays_visible() {
    let rounds = [
        round(1, sample(1, Some(150.0)), sample(1, None)),
        round(2, sample(1, None), sample(1, None)),
    ];
    let alone = Figure::of(&comparison(Metric::ServerCpu, None, Some(200.0)), &rounds);
    assert_eq!(alone.rounds, [Some(150.0), None]);
    assert_eq!(alone.is_within_goal, Some(true));
    let ratio = Figure::of(&comparison(Metric::ServerCpu, Some(1), Some(200.0)), &rounds);
    assert_eq!((ratio.spread, ratio.is_within_goal), (None, None));
}

#[test]
fn a_difference_is_shared_out_among_its_parts() {
    let rounds = [round(1, sample(90, None), sample(30, None))];
    let mut hops = comparison(Metric::LatencyP50, Some(2), Some(30.0));
    if let Some(against) = &mut hops.against {
        against.relation = Relation::Difference;
    }
    let figure = Figure::of(&hops, &rounds);
    assert_eq!((figure.rounds, figure.is_within_goal), (vec![Some(30.0)], Some(true)));
}
