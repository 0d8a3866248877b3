//! The task itself: all targets, a table, and what to do about a failure.

use std::path::Path;

use crate::command_line::FuzzOptions;
use crate::failure::Failure;
use crate::fuzz::campaign::{self, Crash, Plan, Report};
use crate::fuzz::corpus;
use crate::fuzz::guard::panic_of;
use crate::fuzz::targets::{Target, targets};

/// Below the root.
const FAILURES_FOLDER: &str = "target/fuzz-failures";

/// Runs the targets as the options say.
///
/// # Errors
/// If a target fails, or there is no such target.
pub(crate) fn run(root: &Path, options: &FuzzOptions) -> Result<(), Failure> {
    let mut chosen = choose(targets(), options.target.as_deref())?;
    corpus::add_to(root, &mut chosen)?;
    match &options.replay {
        Some(file) => chosen.iter().try_for_each(|target| replay(target, file)),
        None => smoke(root, &chosen, options),
    }
}

/// All targets, or the one of that name.
///
/// # Errors
/// If there is none of that name.
pub(crate) fn choose(all: Vec<Target>, name: Option<&str>) -> Result<Vec<Target>, Failure> {
    let Some(name) = name else { return Ok(all) };
    let names: Vec<&str> = all.iter().map(|target| target.name).collect();
    let known = names.join(", ");
    match all.into_iter().find(|target| target.name == name) {
        Some(target) => Ok(vec![target]),
        None => Err(Failure::new(format!("there is no fuzz target {name}; there are {known}"))),
    }
}

fn smoke(root: &Path, targets: &[Target], options: &FuzzOptions) -> Result<(), Failure> {
    let plan = Plan { seed: options.seed, executions: options.executions };
    println!(
        "{:<24} {:>12} {:>9} {:>14}  result (seed {})",
        "target", "executions", "seconds", "per second", plan.seed
    );
    let mut failed = Vec::new();
    for target in targets {
        let report = campaign::run(target, plan);
        println!("{}", row(target, &report));
        if let Some(crash) = &report.crash {
            explain(root, target, crash)?;
            failed.push(target.name);
        }
    }
    if failed.is_empty() {
        return Ok(());
    }
    Err(Failure::new(format!("fuzz targets that failed: {}", failed.join(", "))))
}

fn row(target: &Target, report: &Report) -> String {
    let result = if report.crash.is_some() { "FAILED" } else { "ok" };
    let rate = report.executions_per_second();
    let seconds = report.elapsed.as_secs_f64();
    format!("{:<24} {:>12} {seconds:>9.1} {rate:>14}  {result}", target.name, report.executions)
}

/// Saves the input and says how to see it fail again.
///
/// # Errors
/// If it cannot be saved.
pub(crate) fn explain(root: &Path, target: &Target, crash: &Crash) -> Result<(), Failure> {
    let path = campaign::save(&root.join(FAILURES_FOLDER), target.name, crash)?;
    let shown = path.strip_prefix(root).unwrap_or(&path).display();
    println!("  {}", crash.panic);
    println!("  input of {} bytes: {}", crash.input.len(), crash.input.escape_ascii());
    println!("  show it again: cargo xtask fuzz-smoke --target {} --replay {shown}", target.name);
    Ok(())
}

/// Runs a target on one file.
fn replay(target: &Target, file: &Path) -> Result<(), Failure> {
    let input = std::fs::read(file).map_err(Failure::while_doing(&file.display().to_string()))?;
    match panic_of(target.entry, &input) {
        None => {
            println!("{}: ok on {} bytes", target.name, input.len());
            Ok(())
        }
        Some(panic) => Err(Failure::new(format!("{}: {panic}", target.name))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn planted(name: &'static str) -> Target {
        let entry = |bytes: &[u8]| assert!(bytes.len() < 3, "three bytes");
        Target { name, corpus: "nowhere", entry, seeds: vec![b"ab".to_vec()] }
    }

    fn options() -> FuzzOptions {
        FuzzOptions { target: None, executions: 1_000, seed: 1, replay: None }
    }

    #[test]
    fn one_target_is_chosen_by_name() {
        let all = || vec![planted("a"), planted("b")];
        assert_eq!(choose(all(), None).map(|chosen| chosen.len()), Ok(2));
        assert_eq!(choose(all(), Some("b")).expect("it is there")[0].name, "b");
        let failure = choose(all(), Some("c")).expect_err("it is not there");
        assert!(failure.to_string().contains("a, b"), "{failure}");
    }

    #[test]
    fn a_failure_is_saved_and_can_be_replayed() {
        let root = std::env::temp_dir().join(format!("coilgun-smoke-{}", std::process::id()));
        let failure = smoke(&root, &[planted("long")], &options()).expect_err("it fails");
        assert!(failure.to_string().contains("long"), "{failure}");
        let folder = root.join(FAILURES_FOLDER);
        let mut saved = std::fs::read_dir(folder).expect("there is a folder");
        let file = saved.next().expect("there is a file").expect("it can be read").path();
        assert_eq!(std::fs::read(&file).expect("it can be read"), [0; 3]);
        let failure = replay(&planted("long"), &file).expect_err("it fails again");
        assert!(failure.to_string().contains("three bytes"), "{failure}");
        std::fs::remove_dir_all(&root).expect("it can be removed");
    }
}
