//! The program `coilgun-bench`: the command line of the crate of the same name.

use std::process::ExitCode;

use clap::Parser;
use coilgun_bench::arguments::{
    Action, Arguments, IdleArguments, MatrixArguments, RunArguments, ShardsArguments, SoakArguments,
};
use coilgun_bench::clients::run::run_clients;
use coilgun_bench::elbus::arguments::ElbusArguments;
use coilgun_bench::elbus::run::run_elbus;
use coilgun_bench::error::BenchError;
use coilgun_bench::interrupt::Interrupt;
use coilgun_bench::matrix::run_matrix;
use coilgun_bench::peers::echo_server::serve;
use coilgun_bench::results::markdown::markdown;
use coilgun_bench::shards::run::run_shards;
use coilgun_bench::soak::run::run_soak;
use coilgun_bench::streams::idle::run_idle;
use coilgun_bench::streams::run::run_streams;
use coilgun_bench::suite::run_suite;

fn main() -> ExitCode {
    let result = match Arguments::parse().action {
        Action::EchoServer(arguments) => serve(&arguments.listen),
        Action::Run(arguments) => run(&arguments),
        Action::Matrix(arguments) => play_matrix(&arguments),
        Action::Shards(arguments) => play_shards(&arguments),
        Action::Clients(arguments) => measure_clients(&arguments),
        Action::Elbus(arguments) => measure_elbus(&arguments),
        Action::Streams(arguments) => measure_streams(&arguments),
        Action::Idle(arguments) => measure_idle(&arguments),
        Action::Soak(arguments) => soak(&arguments),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("coilgun-bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn play_matrix(arguments: &MatrixArguments) -> Result<(), BenchError> {
    let interrupt = Interrupt::default();
    interrupt.on_signals(|| {}).map_err(BenchError::system("catching signals"))?;
    let settings = arguments.settings()?;
    let report = run_matrix(&settings, arguments, &interrupt, |line| eprintln!("{line}"))?;
    print!("{}", markdown(&report));
    match &arguments.play.json {
        Some(path) => report.write_json(path),
        None => Ok(()),
    }
}

fn play_shards(arguments: &ShardsArguments) -> Result<(), BenchError> {
    let interrupt = Interrupt::default();
    interrupt.on_signals(|| {}).map_err(BenchError::system("catching signals"))?;
    let settings = arguments.settings()?;
    let report = run_shards(&settings, arguments, &interrupt, |line| eprintln!("{line}"))?;
    print!("{}", report.markdown());
    match &arguments.play.json {
        Some(path) => report.write_json(path),
        None => Ok(()),
    }
}

fn measure_clients(arguments: &MatrixArguments) -> Result<(), BenchError> {
    let interrupt = Interrupt::default();
    interrupt.on_signals(|| {}).map_err(BenchError::system("catching signals"))?;
    let settings = arguments.settings()?;
    let report = run_clients(&settings, arguments, &interrupt, |line| eprintln!("{line}"))?;
    print!("{}", report.markdown());
    match &arguments.play.json {
        Some(path) => report.write_json(path),
        None => Ok(()),
    }
}

fn measure_streams(arguments: &MatrixArguments) -> Result<(), BenchError> {
    let interrupt = Interrupt::default();
    interrupt.on_signals(|| {}).map_err(BenchError::system("catching signals"))?;
    let settings = arguments.settings()?;
    let report = run_streams(&settings, arguments, &interrupt, |line| eprintln!("{line}"))?;
    print!("{}", report.markdown());
    match &arguments.play.json {
        Some(path) => report.write_json(path),
        None => Ok(()),
    }
}

fn measure_idle(arguments: &IdleArguments) -> Result<(), BenchError> {
    let interrupt = Interrupt::default();
    interrupt.on_signals(|| {}).map_err(BenchError::system("catching signals"))?;
    let (settings, log_bytes) = (arguments.settings()?, arguments.log_mib << 20);
    let report =
        run_idle(&settings, arguments.partitions, log_bytes, &interrupt, |it| eprintln!("{it}"))?;
    print!("{report}");
    Ok(())
}

fn measure_elbus(arguments: &ElbusArguments) -> Result<(), BenchError> {
    let interrupt = Interrupt::default();
    interrupt.on_signals(|| {}).map_err(BenchError::system("catching signals"))?;
    let settings = arguments.settings()?;
    let report = run_elbus(&settings, arguments, &interrupt, |line| eprintln!("{line}"))?;
    print!("{}", report.markdown());
    match &arguments.json {
        Some(path) => report.write_json(path),
        None => Ok(()),
    }
}

fn soak(arguments: &SoakArguments) -> Result<(), BenchError> {
    let interrupt = Interrupt::default();
    interrupt.on_signals(|| {}).map_err(BenchError::system("catching signals"))?;
    let settings = arguments.settings()?;
    let report = run_soak(&settings, arguments, &interrupt, |line| eprintln!("{line}"))?;
    print!("{report}");
    if let Some(path) = &arguments.json {
        report.write_json(path)?;
    }
    match report.complaints().len() {
        0 => Ok(()),
        count => Err(BenchError::Soak(count)),
    }
}

fn run(arguments: &RunArguments) -> Result<(), BenchError> {
    let interrupt = Interrupt::default();
    interrupt.on_signals(|| {}).map_err(BenchError::system("catching signals"))?;
    let settings = arguments.settings()?;
    let report = run_suite(&settings, arguments, &interrupt, |line| eprintln!("{line}"))?;
    print!("{report}");
    match &arguments.play.json {
        Some(path) => report.write_json(path),
        None => Ok(()),
    }
}
