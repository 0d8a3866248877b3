//! What can be said on the command line.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use serde::Serialize;

use super::benchmark::BenchmarkSettings;
use super::fan_out::FanOutSettings;
use super::run::ElbusSettings;
use super::server::Programs;
use crate::arguments::timing;
use crate::error::BenchError;

/// How to measure Coilgun beside the server of busrt.
#[derive(Args, Clone, Debug, Serialize)]
pub struct ElbusArguments {
    /// The broker's program [default: `coilgun` beside this program].
    #[arg(long, value_name = "PATH")]
    pub broker: Option<PathBuf>,
    /// The server of busrt [default: where the tests install it, or on the path].
    #[arg(long, value_name = "PATH")]
    pub busrtd: Option<PathBuf>,
    /// The command line of busrt [default: where the tests install it, or on the path].
    #[arg(long, value_name = "PATH")]
    pub busrt: Option<PathBuf>,
    /// How often everything is measured.
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub rounds: u32,
    /// Measure only this.
    #[arg(long, value_enum)]
    pub only: Option<Part>,
    /// Iterations of each stage of the benchmark.
    #[arg(long, value_name = "N", default_value_t = 200_000, value_parser = clap::value_parser!(u32).range(1..))]
    pub iterations: u32,
    /// Connections of the benchmark.
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub workers: u32,
    /// Bytes of a payload.
    #[arg(long, value_name = "BYTES", default_value_t = 100, value_parser = payload)]
    pub payload: usize,
    /// How long the fan-out is measured in every round, after a warm-up of a quarter of that.
    #[arg(long, value_name = "S", default_value_t = 2.0)]
    pub seconds: f64,
    /// Write every round to this file.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
}

/// A part of the measurement.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Part {
    /// The benchmark of busrt's command line.
    Benchmark,
    /// One publisher to many clients.
    FanOut,
}

impl ElbusArguments {
    /// What the arguments mean, with the defaults that depend on the machine.
    ///
    /// # Errors
    /// If one makes no sense, or a program is not there.
    pub fn settings(&self) -> Result<ElbusSettings, BenchError> {
        let bench = std::env::current_exe().map_err(BenchError::system("finding this program"))?;
        let coilgun = self.broker.clone().unwrap_or_else(|| bench.with_file_name("coilgun"));
        let programs = Programs {
            coilgun,
            busrtd: found("busrtd", self.busrtd.as_deref(), &bench)?,
            busrt: found("busrt", self.busrt.as_deref(), &bench)?,
        };
        let benchmark = BenchmarkSettings {
            iterations: self.iterations,
            workers: self.workers,
            payload_bytes: self.payload,
        };
        let fan_out = FanOutSettings { payload_bytes: self.payload, timing: timing(self.seconds)? };
        Ok(ElbusSettings {
            programs,
            rounds: self.rounds,
            benchmark: (self.only != Some(Part::FanOut)).then_some(benchmark),
            fan_out: (self.only != Some(Part::Benchmark)).then_some(fan_out),
        })
    }
}

/// A program of busrt: where it was said to be, where the tests install it, or on the path.
fn found(name: &str, said: Option<&Path>, bench: &Path) -> Result<PathBuf, BenchError> {
    if let Some(path) = said {
        return Ok(path.to_owned());
    }
    let tools = bench.ancestors().nth(2).map(|target| target.join("tools/bin"));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = tools.into_iter().chain(std::env::split_paths(&path));
    let mut places = folders.map(|folder| folder.join(name));
    places.find(|place| place.is_file()).ok_or_else(|| {
        BenchError::Argument(format!(
            "{name} is not there; `cargo install busrt --version 0.5.6 --features cli,server` builds it, \
             and --{name} says where it is"
        ))
    })
}

fn payload(text: &str) -> Result<usize, String> {
    let bytes = text.parse().ok().filter(|bytes| (64..=65_536).contains(bytes));
    bytes.ok_or_else(|| "a payload has from 64 to 65536 bytes".to_owned())
}
