//! Runs stages and reports on them.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::command_line::TestOptions;
use crate::failure::Failure;
use crate::test::stages::{Context, STAGES, Stage};

/// What became of a stage.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Outcome {
    Passed,
    Failed(Failure),
    Skipped(String),
    NotRun,
}

/// A stage with what became of it.
struct Finished {
    name: &'static str,
    outcome: Outcome,
    elapsed: Duration,
}

/// Runs every stage, or up to the first that fails.
///
/// # Errors
/// If a stage failed, or was skipped although everything is required.
pub(crate) fn run(root: &Path, options: TestOptions) -> Result<(), Failure> {
    let is_wanted = |stage: &&Stage| options.only.is_none_or(|only| only == stage.name);
    let stages: Vec<Stage> = STAGES.iter().filter(is_wanted).copied().collect();
    let finished = run_stages(&stages, Context::new(root, options), options);
    println!("\n{:<14} {:>9}  result", "stage", "elapsed");
    for stage in &finished {
        println!("{}", row(stage));
    }
    verdict(&finished)
}

fn run_stages(stages: &[Stage], context: Context<'_>, options: TestOptions) -> Vec<Finished> {
    let mut finished: Vec<Finished> = Vec::new();
    let mut stopped = false;
    for (index, stage) in stages.iter().enumerate() {
        let started = Instant::now();
        let outcome = if stopped {
            Outcome::NotRun
        } else {
            println!("\n==> [{}/{}] {}", index + 1, stages.len(), stage.name);
            run_stage(stage, context, options)
        };
        let elapsed = started.elapsed();
        match &outcome {
            Outcome::Failed(failure) => {
                println!("{} failed after {}: {failure}", stage.name, seconds(elapsed));
                stopped = !options.keep_going;
            }
            Outcome::Passed => println!("{} passed in {}", stage.name, seconds(elapsed)),
            Outcome::Skipped(why) => println!("{} skipped: {why}", stage.name),
            Outcome::NotRun => {}
        }
        finished.push(Finished { name: stage.name, outcome, elapsed });
    }
    finished
}

fn run_stage(stage: &Stage, context: Context<'_>, options: TestOptions) -> Outcome {
    let missing = stage.peers.iter().find(|peer| !peer.is_there());
    match missing.map(|peer| format!("{} is not installed", peer.name)) {
        Some(why) if options.require_peers => Outcome::Failed(Failure::new(why)),
        Some(why) => Outcome::Skipped(why),
        None => match (stage.run)(context) {
            Ok(()) => Outcome::Passed,
            Err(failure) => Outcome::Failed(failure),
        },
    }
}

fn row(stage: &Finished) -> String {
    let result = match &stage.outcome {
        Outcome::Passed => "passed".to_owned(),
        Outcome::Failed(failure) => format!("FAILED: {failure}"),
        Outcome::Skipped(why) => format!("skipped: {why}"),
        Outcome::NotRun => "not run".to_owned(),
    };
    format!("{:<14} {:>9}  {result}", stage.name, seconds(stage.elapsed))
}

fn seconds(elapsed: Duration) -> String {
    format!("{:.1} s", elapsed.as_secs_f64())
}

fn verdict(finished: &[Finished]) -> Result<(), Failure> {
    let failed = finished.iter().filter(|stage| matches!(stage.outcome, Outcome::Failed(_)));
    let names: Vec<&str> = failed.map(|stage| stage.name).collect();
    if names.is_empty() {
        Ok(())
    } else {
        Err(Failure::new(format!("failed: {}", names.join(", "))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test::peer::Peer;

    const NOBODY: Peer = Peer { name: "nobody", programs: &["a-program-that-nobody-has"] };
    const SHELL: Peer = Peer { name: "a shell", programs: &["a-program-that-nobody-has", "sh"] };
    const GOOD: Stage = Stage { name: "good", peers: &[SHELL], run: |_| Ok(()) };
    const BAD: Stage = Stage { name: "bad", peers: &[], run: |_| Err(Failure::new("on purpose")) };
    const LONELY: Stage = Stage { name: "lonely", peers: &[SHELL, NOBODY], run: |_| Ok(()) };
    const OPTIONS: TestOptions =
        TestOptions { require_peers: false, keep_going: false, full: false, only: None };

    fn outcomes(stages: &[Stage], options: TestOptions) -> (Vec<Outcome>, bool) {
        let context = Context::new(Path::new("."), options);
        let finished = run_stages(stages, context, options);
        let passed = verdict(&finished).is_ok();
        (finished.into_iter().map(|stage| stage.outcome).collect(), passed)
    }

    #[test]
    fn the_first_failure_stops_the_rest() {
        let failed = Outcome::Failed(Failure::new("on purpose"));
        let (found, passed) = outcomes(&[GOOD, BAD, GOOD, BAD], OPTIONS);
        assert_eq!(found, [Outcome::Passed, failed.clone(), Outcome::NotRun, Outcome::NotRun]);
        assert!(!passed);
        let keep_going = TestOptions { keep_going: true, ..OPTIONS };
        let (found, passed) = outcomes(&[GOOD, BAD, GOOD], keep_going);
        assert_eq!(found, [Outcome::Passed, failed, Outcome::Passed]);
        assert!(!passed);
        assert!(outcomes(&[GOOD, GOOD], OPTIONS).1);
    }

    #[test]
    fn a_missing_peer_skips_a_stage_unless_it_is_required() {
        let why = "nobody is not installed".to_owned();
        let (found, passed) = outcomes(&[LONELY, GOOD], OPTIONS);
        assert_eq!(found, [Outcome::Skipped(why.clone()), Outcome::Passed]);
        assert!(passed);
        let required = TestOptions { require_peers: true, ..OPTIONS };
        let (found, passed) = outcomes(&[LONELY, GOOD], required);
        assert_eq!(found, [Outcome::Failed(Failure::new(why)), Outcome::NotRun]);
        assert!(!passed);
    }

    #[test]
    fn the_table_names_what_happened() {
        let skipped = Outcome::Skipped("nobody is not installed".to_owned());
        let stage =
            Finished { name: "lonely", outcome: skipped, elapsed: Duration::from_millis(1500) };
        let row = row(&stage);
        assert!(row.contains("lonely") && row.contains("1.5 s"), "{row}");
        assert!(row.contains("skipped: nobody is not installed"), "{row}");
    }
}
