//! What was exercised, so that a test that tests nothing is no good one.

use std::collections::BTreeMap;
use std::process::ExitCode;

/// How often each thing was seen.
#[derive(Debug, Default)]
pub(crate) struct Counts(BTreeMap<&'static str, u32>);

/// What has to be seen at least, and how often: with seven kinds of clients there are 49 pairs.
const MINIMA: &[(&str, u32)] = &[
    ("acknowledged orders", 670),
    ("broadcasts heard", 49),
    ("calls answered", 36),
    ("calls that failed", 108),
    ("command lines run", 40),
    ("large messages heard", 49),
    ("messages heard", 112),
    ("notifications and calls without an answer heard", 72),
    ("pairs of clients", 49),
    ("publications heard", 91),
    ("messages to nobody refused", 49),
    ("stages of busrt's benchmark completed", 7),
];

impl Counts {
    /// One more of these.
    pub(crate) fn add(&mut self, what: &'static str) {
        *self.0.entry(what).or_default() += 1;
    }

    /// Good, if there was enough of everything.
    pub(crate) fn verdict(&self) -> ExitCode {
        let few = MINIMA.iter().filter(|(what, least)| self.0.get(what).unwrap_or(&0) < least);
        let few: Vec<_> = few.map(|(what, least)| format!("fewer than {least} {what}")).collect();
        if few.is_empty() {
            return ExitCode::SUCCESS;
        }
        eprintln!("clients: {}", few.join(", "));
        ExitCode::FAILURE
    }
}

impl std::fmt::Display for Counts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|(what, count)| writeln!(f, "{count:>6} {what}"))
    }
}
