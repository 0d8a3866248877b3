//! The scenarios of a suite, in the order in which a round plays them: echo and broker in turns.

use super::open::native_frame_bytes;
use super::shape::{Beside, Scenario, Shape};
use crate::error::BenchError;
use crate::traffic::driver::Pace;

/// Connections where there are many.
const MANY: usize = 64;
/// Bytes per write of one connection that sends as fast as it can.
const WRITE_BYTES: usize = 64 * 1024;
/// Bytes per write of each of many such connections.
const WRITE_BYTES_OF_MANY: usize = 4 * 1024;

/// What may be chosen about a suite.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PlanSettings {
    /// Payload sizes, in bytes.
    pub payload_bytes: Vec<usize>,
    /// Rates of the scenarios that send by a schedule, in messages per second.
    pub rates: Vec<u64>,
}

/// The first suite: round trips, many connections, throughput, and latency by a schedule.
///
/// # Errors
/// If no broker accepts such a payload.
pub fn first_suite(settings: &PlanSettings) -> Result<Vec<Scenario>, BenchError> {
    let mut scenarios = Vec::new();
    for &bytes in &settings.payload_bytes {
        let frame_bytes = native_frame_bytes(bytes)?;
        let mut add = |what: &str, shape, payload_bytes, pace| {
            let name = format!("{what}/{bytes}B");
            scenarios.push(Scenario { name, shape, payload_bytes, pace, beside: Beside::Nothing });
        };
        let one_echo = Shape::Echo { connections: 1 };
        let many_echoes = Shape::Echo { connections: MANY };
        let one_pair = Shape::Pairs { pairs: 1 };
        let many_pairs = Shape::Pairs { pairs: MANY };
        let to_itself = Shape::ToItself { connections: MANY };
        let fast = Pace::Pipelined { write_bytes: WRITE_BYTES };
        let fast_many = Pace::Pipelined { write_bytes: WRITE_BYTES_OF_MANY };

        add("echo-payload-rtt", one_echo, bytes, Pace::PingPong);
        add("publish-deliver-rtt", one_pair, bytes, Pace::PingPong);
        add("echo-rtt", one_echo, frame_bytes, Pace::PingPong);
        add("request-reply-rtt", Shape::RequestReply, bytes, Pace::PingPong);
        add("echo-64", many_echoes, frame_bytes, Pace::PingPong);
        add("publish-deliver-64", to_itself, bytes, Pace::PingPong);
        add("echo-throughput", one_echo, frame_bytes, fast);
        add("throughput", one_pair, bytes, fast);
        add("echo-throughput-64", many_echoes, frame_bytes, fast_many);
        add("throughput-64", many_pairs, bytes, fast_many);
        for &per_second in &settings.rates {
            let pace = Pace::OpenLoop { per_second };
            add(&format!("echo-open-loop-{per_second}"), one_echo, frame_bytes, pace);
            add(&format!("open-loop-{per_second}"), one_pair, bytes, pace);
        }
    }
    Ok(scenarios)
}
