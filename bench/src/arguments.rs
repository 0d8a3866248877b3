//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use coilgun_protocol::model::limits::{PAYLOAD_BYTES_CEILING, SHARDS_MAX};
use coilgun_server::net::ListenAddress;
use serde::Serialize;

use crate::cpu_plan::CpuPlan;
use crate::elbus::arguments::ElbusArguments;
use crate::error::BenchError;
use crate::matrix::MatrixSettings;
use crate::peers::servers::{BrokerSource, ServerSettings, parse_address};
use crate::scenario::PlanSettings;
use crate::soak::run::SoakSettings;
use crate::suite::SuiteSettings;
use crate::traffic::message::STAMP_BYTES;
use crate::traffic::window::Timing;

/// Measure Coilgun beside the bare ring it stands on.
#[derive(Parser, Debug)]
#[command(name = "coilgun-bench", version)]
pub struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub action: Action,
}

/// What to do.
#[derive(Subcommand, Debug)]
pub enum Action {
    /// Echo whatever comes, on the bare ring, until SIGINT or SIGTERM.
    ///
    /// Prints the address it listens on in one line when it is ready.
    EchoServer(EchoArguments),
    /// Run a suite of scenarios and report what was measured.
    ///
    /// Starts the echo server and the broker on one core, drives both in turns from another core,
    /// prints a table to standard output, and writes every round as JSON if asked to.
    Run(RunArguments),
    /// Play the matrix of scenarios against brokers that are started for it.
    ///
    /// Prints markdown tables to standard output, and writes every round as JSON if asked to. A
    /// scenario that fails is reported and does not end the run.
    Matrix(MatrixArguments),
    /// Measure what several shards cost and give, and the hop between two threads by itself.
    ///
    /// Prints markdown tables to standard output, and writes every round as JSON if asked to. A
    /// scenario that fails is reported and does not end the run.
    Shards(ShardsArguments),
    /// Measure what the clients cost a program: publishing, requests, and a broker in the same process.
    ///
    /// Prints markdown tables to standard output, and writes every round as JSON if asked to. This
    /// process is the client, and in some measurements the broker as well.
    Clients(MatrixArguments),
    /// Measure beside the server of busrt: with the benchmark of busrt's own command line, and by a fan-out
    /// at half of the rate that server keeps up with.
    ///
    /// Prints markdown tables to standard output, and writes every round as JSON if asked to.
    Elbus(ElbusArguments),
    /// Measure streams: appends that wait for the disk and those that do not, reading from the beginning,
    /// and a bare synced write beside them.
    ///
    /// Prints markdown tables to standard output, and writes every round as JSON if asked to.
    Streams(MatrixArguments),
    /// Measure what partitions cost that nobody uses, and a start behind them and a long log.
    ///
    /// Prints a markdown table to standard output. It makes the partitions, appends a record to each, fills
    /// the log, kills the broker, and starts it again.
    Idle(IdleArguments),
    /// Drive a broker with all kinds of clients for a long time, and judge whether it stays as it was.
    ///
    /// Fails if a message is lost, memory or descriptors grow, or too little was exercised.
    Soak(SoakArguments),
}

/// Where to echo.
#[derive(Args, Debug)]
pub struct EchoArguments {
    /// A TCP address (port 0: any), or a path for a UNIX socket.
    #[arg(long, value_name = "ADDR|PATH", default_value = "127.0.0.1:0", value_parser = address)]
    pub listen: ListenAddress,
}

/// How to run a suite.
#[derive(Args, Clone, Debug, Serialize)]
pub struct RunArguments {
    /// Which scenarios.
    #[arg(long, value_enum, default_value_t = SuiteName::First)]
    pub suite: SuiteName,
    /// The broker's program [default: `coilgun` beside this program].
    #[arg(long, value_name = "PATH", conflicts_with = "connect")]
    pub broker: Option<PathBuf>,
    /// Use the broker that listens at this TCP address or UNIX path, instead of starting one.
    #[arg(long, value_name = "ADDR|PATH")]
    pub connect: Option<String>,
    /// Process of the broker named by --connect, to read its CPU time.
    #[arg(long, value_name = "PID", requires = "connect")]
    pub pid: Option<u32>,
    /// How scenarios are played.
    #[command(flatten)]
    #[serde(flatten)]
    pub play: PlayArguments,
    /// Payload sizes in bytes.
    #[arg(long, value_name = "BYTES,...", value_delimiter = ',', default_values_t = [64])]
    pub size: Vec<usize>,
    /// Messages per second of the scenarios that send by a schedule.
    #[arg(long, value_name = "N,...", value_delimiter = ',', default_values_t = [50_000])]
    pub rate: Vec<u64>,
    /// The core of the servers that are started, and the core of the load, as
    /// `broker=0,load=1`; or `none` [default: the first two cores there are].
    #[arg(long, value_name = "PLAN")]
    pub cpus: Option<CpuPlan>,
}

/// How the scenarios of a suite are played.
#[derive(Args, Clone, Debug, Serialize)]
pub struct PlayArguments {
    /// How often every scenario is played.
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub rounds: u32,
    /// How long every scenario is measured in every round, after a warm-up of a quarter of that.
    #[arg(long, value_name = "S", default_value_t = 2.0)]
    pub seconds: f64,
    /// Play only scenarios whose name contains one of these.
    #[arg(long, value_name = "TEXT,...", value_delimiter = ',')]
    pub only: Vec<String>,
    /// Write every round to this file.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
}

/// How many partitions, and how long a log.
#[derive(Args, Clone, Debug)]
pub struct IdleArguments {
    /// The broker's program [default: `coilgun` beside this program].
    #[arg(long, value_name = "PATH")]
    pub broker: Option<PathBuf>,
    /// How many partitions.
    #[arg(long, value_name = "N", default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub partitions: u32,
    /// How much is appended behind them, in MiB of payload.
    #[arg(long, value_name = "MIB", default_value_t = 2048)]
    pub log_mib: u64,
    /// The core of the broker and the core of the load, as `broker=0,load=1`; or `none`
    /// [default: the first two cores there are].
    #[arg(long, value_name = "PLAN")]
    pub cpus: Option<CpuPlan>,
}

/// How to play the matrix.
#[derive(Args, Clone, Debug, Serialize)]
pub struct MatrixArguments {
    /// The broker's program [default: `coilgun` beside this program].
    #[arg(long, value_name = "PATH")]
    pub broker: Option<PathBuf>,
    /// How scenarios are played.
    #[command(flatten)]
    #[serde(flatten)]
    pub play: PlayArguments,
    /// The core of the broker and the core of the load, as `broker=0,load=1`; or `none`
    /// [default: the first two cores there are].
    #[arg(long, value_name = "PLAN")]
    pub cpus: Option<CpuPlan>,
}

/// How to measure shards.
#[derive(Args, Clone, Debug, Serialize)]
pub struct ShardsArguments {
    /// The broker's program [default: `coilgun` beside this program].
    #[arg(long, value_name = "PATH")]
    pub broker: Option<PathBuf>,
    /// How scenarios are played.
    #[command(flatten)]
    #[serde(flatten)]
    pub play: PlayArguments,
    /// The two cores of the broker's shards and the core of the load, as `broker=0+1,load=1`; or
    /// `none` [default: the first two cores there are, the load on the second].
    #[arg(long, value_name = "PLAN")]
    pub cpus: Option<CpuPlan>,
}

/// How to soak a broker.
#[derive(Args, Clone, Debug, Serialize)]
pub struct SoakArguments {
    /// The broker's program [default: `coilgun` beside this program].
    #[arg(long, value_name = "PATH")]
    pub broker: Option<PathBuf>,
    /// How long, in minutes.
    #[arg(long, value_name = "N", default_value_t = 10.0, conflicts_with = "seconds")]
    pub minutes: f64,
    /// How long, in seconds, for a short look.
    #[arg(long, value_name = "S")]
    pub seconds: Option<f64>,
    /// Time between two samples, in seconds.
    #[arg(long, value_name = "S", default_value_t = 10.0)]
    pub interval: f64,
    /// Shards of the broker. More than one need all their kinds of traffic exercised: messages that
    /// stay on every shard and messages that leave and reach every one.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = shard_count)]
    pub shards: usize,
    /// Write every sample and the verdict to this file.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// The cores of the broker and the core of the load, as `broker=0+1,load=1`; or `none`
    /// [default: the first two cores there are, one for the broker if it has one shard, else both].
    #[arg(long, value_name = "PLAN")]
    pub cpus: Option<CpuPlan>,
}

/// Which scenarios.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SuiteName {
    /// Round trips, 64 connections, throughput, latency by a schedule.
    First,
}

fn address(text: &str) -> Result<ListenAddress, String> {
    if text.is_empty() {
        Err("an address is not empty".to_owned())
    } else {
        Ok(parse_address(text))
    }
}

impl RunArguments {
    /// What the arguments mean, with the defaults that depend on the machine.
    ///
    /// # Errors
    /// If one makes no sense, or the machine does not say what it is.
    pub fn settings(&self) -> Result<SuiteSettings, BenchError> {
        let is_size = |bytes: &&usize| !(STAMP_BYTES..=PAYLOAD_BYTES_CEILING).contains(*bytes);
        if let Some(bytes) = self.size.iter().find(is_size) {
            let text = format!("--size {bytes}: {STAMP_BYTES} to {PAYLOAD_BYTES_CEILING}");
            return Err(wrong(text));
        }
        if let Some(rate) = self.rate.iter().find(|rate| !(1..=100_000_000).contains(*rate)) {
            return Err(wrong(format!("--rate {rate}: 1 to 100000000")));
        }
        let cpus = CpuPlan::chosen(self.cpus.as_ref(), 1)?;
        let bench = std::env::current_exe().map_err(BenchError::system("finding this program"))?;
        let broker = match &self.connect {
            Some(text) => BrokerSource::Running { address: parse_address(text), pid: self.pid },
            None => BrokerSource::Program(
                self.broker.clone().unwrap_or_else(|| bench.with_file_name("coilgun")),
            ),
        };
        Ok(SuiteSettings {
            load_cpu: cpus.load,
            servers: ServerSettings { bench, broker, cpus: cpus.broker },
            plan: PlanSettings { payload_bytes: self.size.clone(), rates: self.rate.clone() },
            only: self.play.only.clone(),
            rounds: self.play.rounds,
            timing: timing(self.play.seconds)?,
        })
    }
}

impl MatrixArguments {
    /// What the arguments mean, with the defaults that depend on the machine.
    ///
    /// # Errors
    /// If one makes no sense, or the machine does not say what it is.
    pub fn settings(&self) -> Result<MatrixSettings, BenchError> {
        let cpus = CpuPlan::chosen(self.cpus.as_ref(), 1)?;
        matrix_settings(self.broker.as_ref(), &self.play, cpus)
    }
}

impl IdleArguments {
    /// What the arguments mean, with the defaults that depend on the machine.
    ///
    /// # Errors
    /// If one makes no sense, or the machine does not say what it is.
    pub fn settings(&self) -> Result<MatrixSettings, BenchError> {
        let cpus = CpuPlan::chosen(self.cpus.as_ref(), 1)?;
        let play = PlayArguments { rounds: 1, seconds: 1.0, only: Vec::new(), json: None };
        matrix_settings(self.broker.as_ref(), &play, cpus)
    }
}

impl ShardsArguments {
    /// What the arguments mean, with the defaults that depend on the machine.
    ///
    /// # Errors
    /// If one makes no sense, or the machine does not say what it is.
    pub fn settings(&self) -> Result<MatrixSettings, BenchError> {
        let cpus = CpuPlan::chosen(self.cpus.as_ref(), 2)?;
        matrix_settings(self.broker.as_ref(), &self.play, cpus)
    }
}

fn matrix_settings(
    program: Option<&PathBuf>,
    play: &PlayArguments,
    cpus: CpuPlan,
) -> Result<MatrixSettings, BenchError> {
    Ok(MatrixSettings {
        load_cpu: cpus.load,
        servers: broker_only(program, cpus)?,
        only: play.only.clone(),
        rounds: play.rounds,
        timing: timing(play.seconds)?,
    })
}

impl SoakArguments {
    /// What the arguments mean, with the defaults that depend on the machine.
    ///
    /// # Errors
    /// If one makes no sense, or the machine does not say what it is.
    pub fn settings(&self) -> Result<SoakSettings, BenchError> {
        let cpus = CpuPlan::chosen(self.cpus.as_ref(), self.shards)?;
        let time = |seconds: f64| {
            Duration::try_from_secs_f64(seconds)
                .ok()
                .filter(|time| (0.05..=604_800.0).contains(&time.as_secs_f64()))
                .ok_or_else(|| wrong(format!("{seconds} seconds: 0.05 to 604800")))
        };
        Ok(SoakSettings {
            load_cpu: cpus.load,
            servers: broker_only(self.broker.as_ref(), cpus)?,
            shards: self.shards,
            duration: time(self.seconds.unwrap_or(60.0 * self.minutes))?,
            interval: time(self.interval)?,
        })
    }
}

/// A broker that is started, on its core.
fn broker_only(program: Option<&PathBuf>, cpus: CpuPlan) -> Result<ServerSettings, BenchError> {
    let bench = std::env::current_exe().map_err(BenchError::system("finding this program"))?;
    let program = program.cloned().unwrap_or_else(|| bench.with_file_name("coilgun"));
    Ok(ServerSettings { bench, broker: BrokerSource::Program(program), cpus: cpus.broker })
}

/// The parts of a scenario that is measured for so long.
pub(crate) fn timing(seconds: f64) -> Result<Timing, BenchError> {
    let measured = Duration::try_from_secs_f64(seconds)
        .ok()
        .filter(|measured| (0.01..=3600.0).contains(&measured.as_secs_f64()))
        .ok_or_else(|| wrong(format!("--seconds {seconds}: 0.01 to 3600")))?;
    Ok(Timing { warm_up: measured / 4, measured, stall: Duration::from_secs(5) })
}

fn shard_count(text: &str) -> Result<usize, String> {
    let count = text.parse().ok().filter(|count| (1..=SHARDS_MAX).contains(count));
    count.ok_or_else(|| format!("there are from 1 to {SHARDS_MAX} shards"))
}

fn wrong(text: String) -> BenchError {
    BenchError::Argument(text)
}
