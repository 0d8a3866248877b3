//! Processes that the bench starts: they are watched, and never stay behind.

use std::path::PathBuf;
use std::time::Duration;

use coilgun_bench::cpu::{ProcessCpuClock, allowed_cpus};
use coilgun_bench::error::BenchError;
use coilgun_bench::peers::child::{ChildProcess, Program};

fn program(path: &str, arguments: &[&str], cpus: &[usize]) -> Program {
    let arguments = arguments.iter().map(Into::into).collect();
    Program { name: "test child", path: PathBuf::from(path), arguments, cpus: cpus.to_vec() }
}

#[test]
fn a_child_that_is_dropped_is_gone() {
    let folder = tempfile::tempdir().expect("there is room for files");
    let child = ChildProcess::start(&program("sleep", &["1000"], &[]), folder.path())
        .expect("there is a program that sleeps");
    let pid = child.pid();
    assert!(
        child
            .cpu_clock()
            .and_then(|clock| { clock.read_ns().map_err(BenchError::system("reading a clock")) })
            .is_ok()
    );
    drop(child);
    assert!(ProcessCpuClock::of(pid).is_err(), "process {pid} is gone");
}

#[test]
fn a_child_runs_on_its_core_only() {
    let cpu = *allowed_cpus().expect("the system says").last().expect("there is a core");
    let folder = tempfile::tempdir().expect("there is room for files");
    let show = program("grep", &["Cpus_allowed_list", "/proc/self/status"], &[cpu]);
    let child = ChildProcess::start(&show, folder.path());
    let output = match child {
        Ok(child) => {
            assert!(child.wait(Duration::from_secs(10)).expect("it can be waited for"));
            child.output()
        }
        // It was quick enough to have ended before it was first looked at.
        Err(BenchError::Server { output, .. }) => output,
        Err(error) => panic!("{error}"),
    };
    assert_eq!(output.split_whitespace().last(), Some(cpu.to_string().as_str()));
}

#[test]
fn what_a_failed_child_said_is_told() {
    let folder = tempfile::tempdir().expect("there is room for files");
    let echo = env!("CARGO_BIN_EXE_coilgun-bench");
    let listen = ["echo-server", "--listen", "203.0.113.1:1"];
    let mut child = match ChildProcess::start(&program(echo, &listen, &[]), folder.path()) {
        Ok(child) => child,
        Err(BenchError::Server { output, .. }) => {
            assert!(output.contains("203.0.113.1:1"), "{output}");
            return;
        }
        Err(error) => panic!("{error}"),
    };
    assert!(child.wait(Duration::from_secs(10)).expect("it can be waited for"));
    let error = child.check_running().expect_err("it cannot listen there").to_string();
    assert!(error.contains("203.0.113.1:1") && error.contains("ended by itself"), "{error}");
}

#[test]
fn a_program_that_is_not_there_is_named() {
    let folder = tempfile::tempdir().expect("there is room for files");
    let error = ChildProcess::start(&program("/nowhere/coilgun", &[], &[]), folder.path())
        .expect_err("there is no such program");
    assert!(error.to_string().contains("/nowhere/coilgun"), "{error}");
}
