//! Plays one scenario of the matrix once.

use std::time::Duration;

use crate::cpu::monotonic_ns;
use crate::error::BenchError;
use crate::interrupt::Interrupt;
use crate::peers::broker_traffic::{BrokerTraffic, ask_counters};
use crate::peers::lone_broker::LoneBroker;
use crate::peers::process::resident_bytes;
use crate::peers::shard_clocks::shard_cpu_ns;
use crate::results::report::SampleReport;
use crate::sample::{BrokerMemory, Sample};
use crate::scenario::{Beside, Scenario, Shape, open};
use crate::traffic::connection::Traffic;
use crate::traffic::driver::Driver;
use crate::traffic::native_load::NativeClient;
use crate::traffic::poller::Poller;
use crate::traffic::stalled_reader::StalledReader;
use crate::traffic::window::{Arrivals, Phase, Timing, Window};

/// Longest wait before looking whether somebody asked for the end.
const WAIT_MAX: Duration = Duration::from_millis(50);

/// Plays a scenario against a broker, and says what was measured.
///
/// # Errors
/// As [`Driver::run`], and if the broker cannot be reached or is gone.
pub fn play(
    scenario: &Scenario,
    timing: Timing,
    broker: &LoneBroker,
    interrupt: &Interrupt,
) -> Result<SampleReport, BenchError> {
    if scenario.shape == Shape::Nobody {
        // Whoever asks for counters is somebody.
        let sample = watch_nobody(timing, broker, interrupt)?;
        return Ok(SampleReport::new(scenario, sample, None));
    }
    let address = broker.address();
    let before_bytes = broker.pid().map(resident_bytes).transpose()?;
    let first = ask_counters(address)?;
    let first_cpu = broker.pid().map(shard_cpu_ns).transpose()?.unwrap_or_default();
    let (idle, stalled_reader) = open_beside(scenario.beside, broker, interrupt)?;
    let opened_bytes = broker.pid().map(resident_bytes).transpose()?;
    let load = open(scenario, address, interrupt)?;
    let mut sample =
        Driver::new(load, scenario.pace, timing, broker.clock()).beside(stalled_reader).run()?;
    if let (Some(before_bytes), Some(opened_bytes)) = (before_bytes, opened_bytes) {
        let grown = opened_bytes.saturating_sub(before_bytes) as f64;
        let idle_connection_bytes = (!idle.is_empty()).then(|| grown / idle.len() as f64);
        let resident_bytes = broker.pid().map_or(Ok(0), resident_bytes)?;
        sample.broker_memory =
            Some(BrokerMemory { before_bytes, resident_bytes, idle_connection_bytes });
    }
    drop(idle);
    let last_cpu = broker.pid().map(shard_cpu_ns).transpose()?.unwrap_or_default();
    let last = ask_counters(address)?;
    let traffic = first
        .zip(last)
        .map(|(first, last)| BrokerTraffic::between(&first, &last).with_cpu(&first_cpu, &last_cpu));
    Ok(SampleReport::new(scenario, sample, traffic))
}

/// Opens what goes on beside the load.
fn open_beside(
    beside: Beside,
    broker: &LoneBroker,
    interrupt: &Interrupt,
) -> Result<(Vec<NativeClient>, Option<StalledReader>), BenchError> {
    let mut idle = Vec::new();
    match beside {
        Beside::Nothing => Ok((idle, None)),
        Beside::IdleConnections { count } => {
            for _ in 0..count {
                if interrupt.is_raised() {
                    return Err(BenchError::Interrupted);
                }
                idle.push(NativeClient::open_idle(broker.address())?);
            }
            Ok((idle, None))
        }
        Beside::StalledReader => Ok((idle, Some(StalledReader::open(broker.address())?))),
    }
}

/// Lets the window pass while nobody is connected.
fn watch_nobody(
    timing: Timing,
    broker: &LoneBroker,
    interrupt: &Interrupt,
) -> Result<Sample, BenchError> {
    let before_bytes = broker.pid().map(resident_bytes).transpose()?;
    let mut nothing = Poller::new().map_err(BenchError::system("making a poller"))?;
    let mut window = Window::new(monotonic_ns(), timing, broker.clock());
    // Ends because time passes.
    while window.advance(monotonic_ns(), Arrivals::default(), Traffic::default)? == Phase::Running {
        if interrupt.is_raised() {
            return Err(BenchError::Interrupted);
        }
        let wait = WAIT_MAX.min(timing.measured / 4);
        nothing.wait(wait, &mut Vec::new()).map_err(BenchError::system("letting time pass"))?;
    }
    let mut sample = Sample::of(&window, false, 0).expect("the window is over");
    if let (Some(pid), Some(before_bytes)) = (broker.pid(), before_bytes) {
        let resident_bytes = resident_bytes(pid)?;
        sample.broker_memory =
            Some(BrokerMemory { before_bytes, resident_bytes, idle_connection_bytes: None });
    }
    Ok(sample)
}
