//! A process that ended because it could not start, and what it said.

use std::process::Command;

use crate::process::Running;

/// What a process said instead of starting.
pub(crate) struct Refused {
    /// The first line.
    pub(crate) what: String,
    /// The second one.
    pub(crate) help: String,
}

impl Refused {
    /// Runs a command to its end, which has to be a refusal with this status.
    pub(crate) fn run(command: Command, status: i32) -> Refused {
        let ended = Running::start(command).end();
        assert_eq!(ended.status, status, "{}", ended.stderr);
        assert!(ended.stdout.is_empty(), "its standard output stays empty");
        let lines: Vec<_> = ended.stderr.lines().collect();
        let [what, help] = lines[..] else { panic!("two lines: {}", ended.stderr) };
        let what = what.strip_prefix("coilgun: ").expect("it says who it is").to_owned();
        let help = help.strip_prefix("  help: ").expect("it says what to do").to_owned();
        Refused { what, help }
    }

    /// Fails if the first line lacks one of these, or the second one of those.
    pub(crate) fn says(&self, what: &[&str], help: &[&str]) -> &Refused {
        for part in what {
            assert!(self.what.contains(part), "{part:?} in {:?}", self.what);
        }
        for part in help {
            assert!(self.help.contains(part), "{part:?} in {:?}", self.help);
        }
        self
    }
}
