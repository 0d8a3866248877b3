//! What a run was measured on.

use std::fs;
use std::process::{Command, Stdio};

use serde::Serialize;

use crate::cpu::allowed_cpus;
use crate::error::BenchError;

/// The machine.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Machine {
    /// Release of the kernel.
    pub kernel: String,
    /// The processor, as it names itself.
    pub cpu_model: String,
    /// Whether the processor says that it is virtual.
    pub is_virtual: bool,
    /// Cores the bench may use.
    pub cpus: Vec<usize>,
    /// Memory in KiB.
    pub memory_kib: u64,
}

impl Machine {
    /// Describes the machine this runs on.
    ///
    /// # Errors
    /// If the system does not say.
    pub fn describe() -> Result<Machine, BenchError> {
        let cpuinfo = read("/proc/cpuinfo")?;
        let flags = value_of(&cpuinfo, "flags").unwrap_or_default();
        let memory = read("/proc/meminfo")?;
        let memory_kib = value_of(&memory, "MemTotal")
            .and_then(|value| value.split(' ').next())
            .and_then(|number| number.parse().ok())
            .unwrap_or(0);
        Ok(Machine {
            kernel: read("/proc/sys/kernel/osrelease")?.trim().to_owned(),
            cpu_model: value_of(&cpuinfo, "model name").unwrap_or("unknown").to_owned(),
            is_virtual: flags.split(' ').any(|flag| flag == "hypervisor"),
            cpus: allowed_cpus().map_err(BenchError::system("asking for cores"))?,
            memory_kib,
        })
    }
}

/// How busy the machine was over the last minute, in runnable threads: what else ran beside a run
/// shows here.
///
/// # Errors
/// If the system does not say.
pub fn load_average() -> Result<f64, BenchError> {
    let text = read("/proc/loadavg")?;
    let first = text.split(' ').next().unwrap_or_default();
    first.parse().map_err(|error| BenchError::System {
        doing: "reading /proc/loadavg",
        error: std::io::Error::other(error),
    })
}

/// What a program says to `--version`, in one line; none if it says nothing of the kind.
#[must_use]
pub fn version_of(program: &std::path::Path) -> Option<String> {
    let output = Command::new(program).arg("--version").stdin(Stdio::null()).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let line = text.lines().next()?.trim();
    (output.status.success() && !line.is_empty()).then(|| line.to_owned())
}

fn read(path: &'static str) -> Result<String, BenchError> {
    fs::read_to_string(path).map_err(BenchError::system(path))
}

/// The value behind the first `name:` at the beginning of a line.
fn value_of<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        (key.trim() == name).then(|| value.trim())
    })
}
