//! The native load against a broker that keeps its promises, and one that does not.

use std::time::Duration;

use coilgun_bench::error::BenchError;
use coilgun_bench::interrupt::Interrupt;
use coilgun_bench::sample::Sample;
use coilgun_bench::scenario::{Beside, Scenario, Shape, open};
use coilgun_bench::traffic::driver::{Driver, Pace};
use coilgun_bench::traffic::message::{Faults, MessageError};
use coilgun_bench::traffic::window::Timing;

use crate::fake_broker::{FakeBroker, Fault};

const TIMING: Timing = Timing {
    warm_up: Duration::from_millis(10),
    measured: Duration::from_millis(150),
    stall: Duration::from_secs(1),
};

fn play(
    shape: Shape,
    pace: Pace,
    payload_bytes: usize,
    fault: Fault,
) -> Result<Sample, BenchError> {
    let broker = FakeBroker::start(fault);
    let scenario =
        Scenario { name: "test".to_owned(), shape, payload_bytes, pace, beside: Beside::Nothing };
    let load = open(&scenario, &broker.address, &Interrupt::default())?;
    Driver::new(load, pace, TIMING, None).run()
}

fn faults_of(shape: Shape, pace: Pace, fault: Fault) -> Faults {
    match play(shape, pace, 64, fault) {
        Err(BenchError::Faults(faults)) => faults,
        other => panic!("the run was to fail, and is {other:?}"),
    }
}

const ONE_PAIR: Shape = Shape::Pairs { pairs: 1 };
const PIPELINED: Pace = Pace::Pipelined { write_bytes: 4096 };

#[test]
fn every_shape_carries_messages() {
    for shape in [
        ONE_PAIR,
        Shape::Pairs { pairs: 5 },
        Shape::ToItself { connections: 7 },
        Shape::RequestReply,
        Shape::FanOut { publishers: 1, subscribers: 1 },
    ] {
        for payload_bytes in [16, 64, 70_000] {
            let sample = play(shape, Pace::PingPong, payload_bytes, Fault::None)
                .unwrap_or_else(|error| panic!("{shape:?}, {payload_bytes} bytes: {error}"));
            assert!(sample.messages_checked > 0, "{shape:?} carries messages");
            let latency = sample.latency_ns.expect("ping-pong takes latencies");
            assert!(latency.min <= latency.p50 && latency.p50 <= latency.max);
            assert_eq!(sample.server_cpu_ns_per_message, None, "nobody knows the process");
        }
    }
}

#[test]
fn pipelined_messages_all_arrive_and_are_sent_many_at_a_time() {
    let sample = play(ONE_PAIR, PIPELINED, 64, Fault::None).expect("the broker is faithful");
    assert!(sample.messages_checked > 0);
    assert_eq!(sample.latency_ns, None, "latency says nothing where everything queues");
    let bytes_per_send = sample.load_traffic.bytes_per_send.expect("something was sent");
    assert!(bytes_per_send > 1000.0, "{bytes_per_send} bytes per send");
}

#[test]
fn every_subscriber_of_a_fan_out_gets_everything_and_each_message_counts_once() {
    let shape = Shape::FanOut { publishers: 2, subscribers: 3 };
    for pace in [PIPELINED, Pace::Windowed { messages: 8 }] {
        let sample = play(shape, pace, 64, Fault::None).expect("the broker is faithful");
        assert!(sample.messages > 0);
        assert!(sample.deliveries.abs_diff(3 * sample.messages) <= 3, "{sample:?}");
    }
    // Each of the three subscribers misses the one that was lost.
    let lost = Faults { lost: 3, ..Faults::default() };
    assert_eq!(faults_of(shape, PIPELINED, Fault::Lose(20)), lost);
}

#[test]
fn a_window_bounds_what_is_under_way_on_each_of_many_lanes() {
    let shape = Shape::ToItself { connections: 40 };
    let pace = Pace::Windowed { messages: 4 };
    let sample = play(shape, pace, 64, Fault::None).expect("the broker is faithful");
    assert!(sample.messages_checked > 160, "every lane goes on: {}", sample.messages_checked);
}

#[test]
fn a_schedule_is_kept_however_the_broker_does() {
    let pace = Pace::OpenLoop { per_second: 2_000 };
    let sample = play(ONE_PAIR, pace, 64, Fault::None).expect("the broker is faithful");
    let latency = sample.latency_ns.expect("a schedule takes latencies");
    // 150 ms of 2,000 messages a second: every one that was due in the window counts, late or not.
    assert!((299..=301).contains(&latency.count), "{} messages were due", latency.count);
    assert_eq!(sample.send_lag_ns.map(|lag| lag.count), Some(latency.count));
    assert_eq!(sample.is_load_limited, None, "watching the clock is not working");
}

#[test]
fn a_lost_message_fails_the_run() {
    let lost = Faults { lost: 1, ..Faults::default() };
    assert_eq!(faults_of(ONE_PAIR, PIPELINED, Fault::Lose(100)), lost);
    assert_eq!(faults_of(ONE_PAIR, Pace::PingPong, Fault::Lose(5)), lost);
    assert_eq!(faults_of(Shape::RequestReply, Pace::PingPong, Fault::Lose(7)), lost);
}

#[test]
fn a_doubled_message_fails_the_run() {
    let doubled = Faults { doubled: 1, ..Faults::default() };
    assert_eq!(faults_of(ONE_PAIR, PIPELINED, Fault::Double(100)), doubled);
    assert_eq!(faults_of(ONE_PAIR, Pace::PingPong, Fault::Double(5)), doubled);
}

#[test]
fn an_overtaken_message_fails_the_run() {
    let disordered = Faults { disordered: 1, ..Faults::default() };
    assert_eq!(faults_of(ONE_PAIR, PIPELINED, Fault::Swap(100)), disordered);
}

#[test]
fn an_altered_message_fails_the_run() {
    match play(ONE_PAIR, PIPELINED, 64, Fault::Alter(30)) {
        Err(BenchError::Message(MessageError::Altered { lane: 0, sequence: 30 })) => {}
        other => panic!("the run was to fail, and is {other:?}"),
    }
}

#[test]
fn a_refused_subscription_is_told() {
    match play(ONE_PAIR, PIPELINED, 64, Fault::Refuse) {
        Err(BenchError::Refused(text)) => assert!(text.contains("subject"), "{text}"),
        other => panic!("the run was to fail, and is {other:?}"),
    }
}

#[test]
fn an_interrupt_ends_a_run() {
    let broker = FakeBroker::start(Fault::None);
    let interrupt = Interrupt::default();
    let name = "test".to_owned();
    let scenario = Scenario {
        name,
        shape: ONE_PAIR,
        payload_bytes: 64,
        pace: Pace::PingPong,
        beside: Beside::Nothing,
    };
    let load = open(&scenario, &broker.address, &interrupt).expect("the broker is faithful");
    interrupt.raise();
    let timing = Timing { measured: Duration::from_secs(3600), ..TIMING };
    let ended = Driver::new(load, Pace::PingPong, timing, None).run();
    assert!(matches!(ended, Err(BenchError::Interrupted)), "{ended:?}");
}
