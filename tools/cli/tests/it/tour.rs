//! The tour of the README and the first chapter of the book, typed into a shell as they stand there.
//!
//! The shell gets one command after the other, each when the previous one has said what the text
//! promises: as a person would do it. A command in the background is left alone as soon as it has
//! said its lines; any other has to end first.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Duration;

use crate::process::{Running, coilgun, folder};

/// What the shell says when a command has ended; no command of the tour says it.
const END: &str = "-- end of the command --";
/// A function that says it and leaves the status of the command as it was.
const DEFINE_SAY_END: &str =
    "say_end() { local status=$?; printf '%s\\n' '-- end of the command --'; return $status; }";
/// How long a command of the tour may be silent.
const PATIENCE: Duration = Duration::from_secs(60);

/// One command of the tour.
#[derive(Debug)]
struct Step {
    /// As it is typed.
    command: String,
    /// The lines it leads to.
    expected: Vec<String>,
}

impl Step {
    fn is_in_background(&self) -> bool {
        self.command.ends_with('&')
    }
}

/// The section "Tour" of the README.
fn tour(readme: &str) -> &str {
    let (_, tour) = readme.split_once("\n## Tour\n").expect("there is a tour");
    tour.split("\n## ").next().unwrap_or_default()
}

/// The commands in the blocks of a text that are marked as a console.
fn steps(text: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let mut in_console = false;
    for line in text.lines() {
        match (in_console, line.strip_prefix("$ ")) {
            (_, None) if line.starts_with("```") => in_console = line == "```console",
            (true, Some(command)) => {
                steps.push(Step { command: command.to_owned(), expected: Vec::new() });
            }
            (true, None) => {
                let step = steps.last_mut().expect("a block begins with a command");
                step.expected.push(line.to_owned());
            }
            (false, _) => {}
        }
    }
    steps
}

/// A shell that is typed into.
struct Shell {
    child: Child,
    keyboard: ChildStdin,
    screen: Receiver<String>,
}

impl Shell {
    /// A shell in `folder`, whose clients find the broker at `server` and the binary first.
    fn start(folder: &Path, server: &str) -> Shell {
        let binary = Path::new(env!("CARGO_BIN_EXE_coilgun"));
        let mut path = binary.parent().expect("it lies in a folder").as_os_str().to_owned();
        path.push(":");
        path.push(std::env::var_os("PATH").unwrap_or_default());
        let mut command = Command::new("bash");
        command.args(["--noprofile", "--norc"]).current_dir(folder).env_clear();
        command.env("PATH", path).env("COILGUN_SERVER", server).env("LC_ALL", "C");
        // A group of its own, so that what it left in the background can be ended with it.
        command.process_group(0).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("there is a bash");
        let keyboard = child.stdin.take().expect("it is a pipe");
        let mut output = BufReader::new(child.stdout.take().expect("it is a pipe"));
        let (sender, screen) = sync_channel(1);
        std::thread::spawn(move || {
            let mut line = String::new();
            // Ends with the shell, or when nobody looks at the screen any more.
            while output.read_line(&mut line).expect("it speaks UTF-8") > 0 {
                if sender.send(line.trim_end_matches('\n').to_owned()).is_err() {
                    break;
                }
                line.clear();
            }
        });
        let mut shell = Shell { child, keyboard, screen };
        shell.enter("exec 2>&1");
        shell.enter(DEFINE_SAY_END);
        shell
    }

    fn enter(&mut self, line: &str) {
        writeln!(self.keyboard, "{line}").expect("the shell reads");
    }

    /// Types a command, and returns what appears until it has ended, or, in the background, until it
    /// has said as many lines as it should.
    fn carry_out(&mut self, step: &Step) -> Vec<String> {
        self.enter(&step.command);
        let mut said = Vec::new();
        if !step.is_in_background() {
            self.enter("say_end");
        }
        while !step.is_in_background() || said.len() < step.expected.len() {
            match self.screen.recv_timeout(PATIENCE) {
                Ok(line) if line == END => break,
                Ok(line) => said.push(line),
                Err(error) => panic!("{error} after {said:#?} of {step:#?}"),
            }
        }
        said
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        let group = libc::pid_t::try_from(self.child.id()).expect("a process has a small number");
        // SAFETY: kill takes two numbers. The shell was not waited for, so that its number, which is
        // that of its group as well, belongs to nobody else. The call cannot fail while it is there.
        unsafe { libc::kill(-group, libc::SIGKILL) };
        self.child.wait().expect("it was not waited for");
    }
}

/// Types the steps of the document at `path`, below the root of the repository, into a shell beside a
/// broker.
fn carry_out(path: &str, part: fn(&str) -> &str, verbs: &[&str]) {
    let path = format!("{}/../../{path}", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let steps = steps(part(&text));
    for verb in verbs {
        let is_shown = steps.iter().any(|step| step.command.contains(&format!("coilgun {verb} ")));
        assert!(is_shown, "{path} shows coilgun {verb}");
    }
    let folder = folder();
    let mut command = coilgun(&["serve"]);
    command.env("COILGUN_LISTEN", "127.0.0.1:0").env("COILGUN_DATA", "data");
    command.current_dir(folder.path());
    let mut broker = Running::start(command);
    let server = broker.wait_for("coilgun: listening on ");
    let mut shell = Shell::start(folder.path(), &server);
    for step in &steps {
        assert_eq!(shell.carry_out(step), step.expected, "$ {}", step.command);
    }
    drop(shell);
    broker.signal(libc::SIGTERM);
    let ended = broker.end();
    assert_eq!(ended.status, 0, "{}", ended.stderr);
}

#[test]
fn the_tour_of_the_readme_works_as_typed() {
    carry_out("README.md", tour, &["pub", "sub", "request", "reply"]);
}

#[test]
fn the_first_chapter_of_the_book_works_as_typed() {
    carry_out("docs/book/src/getting-started.md", str::trim, &["pub", "sub", "request", "reply"]);
}

#[test]
fn the_password_of_the_book_is_hashed_as_typed() {
    carry_out("docs/book/src/users.md", str::trim, &["user"]);
}

#[test]
fn the_steps_of_a_tour_are_its_commands_with_what_follows() {
    let readme = "# X\n```console\n$ no\n```\n## Tour\nText\n```sh\n$ no\n```\n\
                  ```console\n$ one &\nsays\n$ two\n```\n$ no\n## Next\n```console\n$ no\n```\n";
    let found: Vec<(String, Vec<String>)> =
        steps(tour(readme)).into_iter().map(|step| (step.command, step.expected)).collect();
    let expected = [("one &".to_owned(), vec!["says".to_owned()]), ("two".to_owned(), vec![])];
    assert_eq!(found, expected);
}
