//! The soak from its beginning to its end.

use std::time::Duration;

use serde::Serialize;

use super::report::{Amounts, Descriptors, Flatness, ShardAmounts, SoakReport, SoakSample};
use super::steady::{Steady, Ways};
use super::visitors::Visitors;
use crate::cpu::{CpuSet, monotonic_ns};
use crate::error::BenchError;
use crate::interrupt::Interrupt;
use crate::peers::broker_traffic::{BrokerCounters, ask_counters};
use crate::peers::lone_broker::LoneBroker;
use crate::peers::process::{descriptor_count, resident_bytes};
use crate::peers::servers::{BrokerSource, ServerSettings};
use crate::results::machine::{Machine, version_of};
use crate::sample::ratio;
use crate::traffic::poller::Poller;
use crate::traffic::stalled_reader::{StalledReader, StalledReaderReport};
use crate::traffic::window::nanoseconds;

/// Longest wait of the steady traffic for a socket.
const WAIT_MAX: Duration = Duration::from_millis(1);
/// Time between two visits, in nanoseconds.
const VISIT_INTERVAL_NS: u64 = 10_000_000;
/// Time between two bursts of connections, in nanoseconds; the first comes at once.
const BURST_INTERVAL_NS: u64 = 15_000_000_000;
/// How long the broker may take to close what the load has closed, in nanoseconds.
const CLOSE_NS_MAX: u64 = 20_000_000_000;

/// What to do for how long.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SoakSettings {
    /// The broker, and its cores.
    pub servers: ServerSettings,
    /// Shards of the broker, whether it is started or runs already.
    pub shards: usize,
    /// The core of the load; none: any.
    pub load_cpu: Option<usize>,
    /// How long.
    pub duration: Duration,
    /// Time between two samples.
    pub interval: Duration,
}

/// Everybody who is connected, and the broker.
struct Soak<'a> {
    settings: &'a SoakSettings,
    broker: &'a LoneBroker,
    began_ns: u64,
    steady: Steady,
    stalled_reader: StalledReader,
    visitors: Visitors,
    samples: Vec<SoakSample>,
    /// What the broker said at the last sample.
    counters: Option<BrokerCounters>,
    /// CPU time of the broker at the previous sample, and when that was, in nanoseconds.
    previous_cpu: Option<(u64, u64)>,
}

/// Drives a broker with everything for a while, and judges it. What went wrong meanwhile is in the
/// report. `progress` is told each sample.
///
/// # Errors
/// If the broker cannot be started or looked at, or does not end in good order.
pub fn run_soak(
    settings: &SoakSettings,
    arguments: impl Serialize,
    interrupt: &Interrupt,
    mut progress: impl FnMut(&str),
) -> Result<SoakReport, BenchError> {
    let arguments = serde_json::to_value(arguments)
        .map_err(|error| BenchError::Argument(format!("arguments that are no JSON: {error}")))?;
    let source = &settings.servers.broker;
    let broker_arguments = match source {
        BrokerSource::Program(_) => vec!["--shards".to_owned(), settings.shards.to_string()],
        BrokerSource::Running { .. } => Vec::new(),
    };
    let cpus = &settings.servers.cpus;
    let mut broker = LoneBroker::start(source, &broker_arguments, cpus, interrupt)?;
    if let Some(cpu) = settings.load_cpu {
        CpuSet::only(cpu)
            .and_then(|set| set.pin_current_thread())
            .map_err(BenchError::system("moving the load to its core"))?;
    }
    // Whoever asked for counters is gone again before descriptors are counted.
    check_shards(ask_counters(broker.address())?.as_ref(), settings.shards)?;
    let base = broker.pid().map(|pid| settled_descriptors(pid, None)).transpose()?;
    let seconds = settings.duration.as_secs_f64();
    let mut report = SoakReport {
        machine: Machine::describe()?,
        broker: match source {
            BrokerSource::Program(path) => version_of(path),
            BrokerSource::Running { .. } => None,
        },
        arguments,
        seconds,
        shard_count: settings.shards,
        samples: Vec::new(),
        amounts: Amounts::default(),
        minimums: Amounts::least(seconds, settings.shards),
        shards: Vec::new(),
        shard_minimums: ShardAmounts::least(seconds, settings.shards),
        stalled_reader: StalledReaderReport::default(),
        memory: None,
        descriptors: None,
        error: None,
    };
    let ended = drive(settings, &broker, interrupt, &mut report, &mut progress);
    report.error = ended.map_err(|error| broker.explain(error).to_string()).err();
    report.memory = Flatness::of_memory(&report.samples, seconds, settings.shards);
    if let Some((pid, base)) = broker.pid().zip(base).filter(|_| report.error.is_none()) {
        let after = settled_descriptors(pid, Some(base))?;
        report.descriptors = Some(Descriptors { base, after });
    }
    if let Err(error) = broker.stop() {
        report.error.get_or_insert(error.to_string());
    }
    Ok(report)
}

/// Whether a broker has as many shards as it is taken to have.
fn check_shards(counters: Option<&BrokerCounters>, shards: usize) -> Result<(), BenchError> {
    match counters.map(|counters| counters.shards.len()) {
        Some(found) if found != shards => {
            Err(BenchError::Argument(format!("the broker has {found} shards, not {shards}")))
        }
        Some(_) | None => Ok(()),
    }
}

/// Connects everybody, lets them go on until the time is over, and disconnects them.
fn drive(
    settings: &SoakSettings,
    broker: &LoneBroker,
    interrupt: &Interrupt,
    report: &mut SoakReport,
    progress: &mut impl FnMut(&str),
) -> Result<(), BenchError> {
    let address = broker.address();
    let mut soak = Soak {
        settings,
        broker,
        began_ns: monotonic_ns(),
        steady: Steady::open(address, settings.shards, interrupt)?,
        stalled_reader: StalledReader::open(address)?,
        visitors: Visitors::new(address)?,
        samples: Vec::new(),
        counters: None,
        previous_cpu: None,
    };
    let ended = soak.go_on(progress);
    report.amounts = soak.amounts();
    report.shards = soak.shards();
    report.stalled_reader = soak.stalled_reader.report();
    report.samples = soak.samples;
    ended
}

impl Soak<'_> {
    fn go_on(&mut self, progress: &mut impl FnMut(&str)) -> Result<(), BenchError> {
        let ends_ns = self.began_ns + nanoseconds(self.settings.duration);
        let (mut visit_ns, mut burst_ns) = (self.began_ns, self.began_ns);
        let mut sample_ns = self.began_ns;
        // Ends because time passes.
        loop {
            let now = monotonic_ns();
            if now >= sample_ns || now >= ends_ns {
                self.sample(now, progress)?;
                sample_ns = now + nanoseconds(self.settings.interval);
            }
            if now >= ends_ns {
                return self.steady.finish();
            }
            self.steady.turn(now, WAIT_MAX)?;
            self.stalled_reader.turn(now)?;
            if now >= visit_ns {
                self.visitors.next_visit()?;
                visit_ns = now + VISIT_INTERVAL_NS;
            }
            if now >= burst_ns {
                self.visitors.burst()?;
                burst_ns = now + BURST_INTERVAL_NS;
            }
        }
    }

    fn amounts(&self) -> Amounts {
        let visited = self.visitors.amounts();
        let stalled = self.stalled_reader.report();
        let came_back = stalled.reader_cut_off + stalled.publisher_cut_off;
        let ways = self.steady.ways();
        Amounts {
            messages: self.steady.deliveries(),
            connections: visited.connections + self.steady.connection_count() as u64 + came_back,
            stalled_readers: stalled.reader_cut_off,
            stayed: ways.iter().map(|ways| ways.stayed).sum(),
            crossed: ways.iter().map(|ways| ways.crossed).sum(),
            ..visited
        }
    }

    /// What each shard did, if there are several.
    fn shards(&self) -> Vec<ShardAmounts> {
        if self.settings.shards == 1 {
            return Vec::new();
        }
        let counted = self.counters.as_ref().map_or(&[][..], |counters| &counters.shards);
        let of_shard = |(number, ways): (usize, &Ways)| ShardAmounts {
            stayed: ways.stayed,
            crossed: ways.crossed,
            hops: counted.get(number).map_or(0, |counters| counters.hops),
        };
        self.steady.ways().iter().enumerate().map(of_shard).collect()
    }

    fn sample(&mut self, now: u64, progress: &mut impl FnMut(&str)) -> Result<(), BenchError> {
        let pid = self.broker.pid();
        let cpu_ns = match self.broker.clock() {
            Some(clock) => {
                Some(clock.read_ns().map_err(BenchError::system("reading the broker's clock"))?)
            }
            None => None,
        };
        let cpu_share = self.previous_cpu.zip(cpu_ns).and_then(|((before_ns, at_ns), cpu_ns)| {
            ratio((cpu_ns - before_ns) as f64, (now - at_ns) as f64)
        });
        self.previous_cpu = cpu_ns.map(|cpu_ns| (cpu_ns, now));
        self.counters = ask_counters(self.broker.address())?;
        let sample = SoakSample {
            at_seconds: (now - self.began_ns) as f64 / 1e9,
            resident_bytes: pid.map(resident_bytes).transpose()?,
            descriptors: pid.map(descriptor_count).transpose()?,
            cpu_share,
            counters: self.counters.as_ref().map(|counters| counters.total),
            amounts: self.amounts(),
        };
        let mib = sample.resident_bytes.map_or(0.0, |bytes| bytes as f64 / 1_048_576.0);
        let Amounts { messages, connections, vanished, nonsense, stalled_readers, .. } =
            sample.amounts;
        let Amounts { bursts, crossed, .. } = sample.amounts;
        progress(&format!(
            "{:.0} s: {mib:.1} MiB, {} descriptors, {:.0} % CPU; {messages} messages, \
             {crossed} of them across shards, \
             {connections} connections, {vanished} vanished, {nonsense} sent nonsense, \
             {stalled_readers} stalled readers cut off, {bursts} bursts",
            sample.at_seconds,
            sample.descriptors.unwrap_or(0),
            100.0 * sample.cpu_share.unwrap_or(0.0),
        ));
        self.samples.push(sample);
        Ok(())
    }
}

/// The descriptors of the broker once they are at most `goal`; without one, once two looks agree.
/// If that does not happen in time, as many as there are then.
fn settled_descriptors(pid: u32, goal: Option<usize>) -> Result<usize, BenchError> {
    let mut nothing = Poller::new().map_err(BenchError::system("making a poller"))?;
    let ends_at = monotonic_ns() + CLOSE_NS_MAX;
    let mut count = descriptor_count(pid)?;
    // Ends because time runs out.
    while monotonic_ns() < ends_at {
        // That a broker has closed what was closed to it shows in nothing but its descriptors.
        nothing
            .wait(Duration::from_millis(100), &mut Vec::new())
            .map_err(BenchError::system("letting time pass"))?;
        let previous = std::mem::replace(&mut count, descriptor_count(pid)?);
        if goal.map_or(count == previous, |goal| count <= goal) {
            break;
        }
    }
    Ok(count)
}
