//! One publisher to many clients over bare sockets, by a schedule.

use std::time::Duration;

use serde::Serialize;

use super::server::{ElbusServer, Programs, Which};
use crate::error::BenchError;
use crate::interrupt::Interrupt;
use crate::sample::Sample;
use crate::traffic::driver::{Driver, Pace};
use crate::traffic::elbus_load::open_elbus_fan_out;
use crate::traffic::window::Timing;

/// The clients.
pub const SUBSCRIBERS: usize = 100;
/// The first rate that is tried, in messages per second.
const FIRST_RATE: u64 = 500;
/// A rate that no server here reaches.
const RATE_MAX: u64 = 1_000_000;
/// Above this a server does not keep up: half of the messages took longer, in nanoseconds.
const P50_NS_MAX: u64 = 50_000_000;

/// One server at one rate.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct FanOutSample {
    /// Which server.
    pub server: Which,
    /// Messages per second.
    pub rate: u64,
    /// What was measured; none: it failed.
    pub sample: Option<Sample>,
    /// Why it failed.
    pub failure: Option<String>,
}

/// How a rate is tried, and how it is measured.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FanOutSettings {
    /// Bytes of a payload.
    pub payload_bytes: usize,
    /// How long the parts of a measurement take.
    pub timing: Timing,
}

/// Publishes at a rate to clients of a server that is started for it.
///
/// # Errors
/// If the server cannot be started or ended, or somebody asks for the end. What fails under the load is
/// no error: the sample says so.
pub fn measure(
    which: Which,
    rate: u64,
    programs: &Programs,
    settings: FanOutSettings,
    interrupt: &Interrupt,
) -> Result<FanOutSample, BenchError> {
    let server = ElbusServer::start(which, programs, interrupt)?;
    let played = play(&server, rate, settings, interrupt);
    let (sample, failure) = match played {
        Ok(sample) => (Some(sample), None),
        Err(BenchError::Interrupted) => return Err(BenchError::Interrupted),
        Err(error) => (None, Some(error.to_string())),
    };
    server.stop()?;
    Ok(FanOutSample { server: which, rate, sample, failure })
}

fn play(
    server: &ElbusServer,
    rate: u64,
    settings: FanOutSettings,
    interrupt: &Interrupt,
) -> Result<Sample, BenchError> {
    let load =
        open_elbus_fan_out(&server.address(), SUBSCRIBERS, settings.payload_bytes, interrupt)?;
    let pace = Pace::OpenLoop { per_second: rate };
    Driver::new(load, pace, settings.timing, Some(server.clock()?)).run()
}

/// The highest rate, within a tenth, that a server keeps up with: nobody is cut off, and half of the
/// messages do not wait long.
///
/// # Errors
/// As [`measure`], and if it does not even keep up with the first rate.
pub fn highest_rate(
    which: Which,
    programs: &Programs,
    settings: FanOutSettings,
    interrupt: &Interrupt,
) -> Result<u64, BenchError> {
    let short = Timing {
        warm_up: settings.timing.measured / 8,
        measured: settings.timing.measured.min(Duration::from_secs(1)),
        ..settings.timing
    };
    let settings = FanOutSettings { timing: short, ..settings };
    search(|rate| {
        let found = measure(which, rate, programs, settings, interrupt)?;
        Ok(found.sample.and_then(|it| it.latency_ns).is_some_and(|it| it.p50 <= P50_NS_MAX))
    })
}

/// Doubles the rate until it is too high, and halves the step between the two until it is small.
fn search(mut keeps_up: impl FnMut(u64) -> Result<bool, BenchError>) -> Result<u64, BenchError> {
    let mut good = 0;
    let mut bad = FIRST_RATE;
    // Ends because the rate doubles.
    while bad <= RATE_MAX && keeps_up(bad)? {
        (good, bad) = (bad, 2 * bad);
    }
    if good == 0 {
        return Err(BenchError::Refused(format!("not even {FIRST_RATE} messages per second")));
    }
    // Ends because the step halves.
    while bad - good > good / 10 {
        let middle = good.midpoint(bad);
        if keeps_up(middle)? {
            good = middle;
        } else {
            bad = middle;
        }
    }
    Ok(good)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_rate_is_found_within_a_tenth() {
        for limit in [500, 999, 1_000, 7_777, 123_456] {
            let found = search(|rate| Ok(rate <= limit)).expect("it keeps up with the first");
            assert!(found <= limit && found * 11 / 10 + 1 >= limit, "{found} of {limit}");
        }
        assert!(search(|rate| Ok(rate <= 499)).is_err());
    }
}
