//! A process whose lines are read as they come.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child as Process, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

/// How long a line may be waited for.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A process, which ends with this.
#[derive(Debug)]
pub(crate) struct Child {
    process: Process,
    lines: Receiver<String>,
    what: String,
    /// Everything it said, for whoever has to find out what went wrong.
    said: Vec<String>,
}

/// Reads lines until the end. What cannot be read any more is over.
fn read_lines(
    from: impl Read + Send + 'static,
    mark: &'static str,
    to: std::sync::mpsc::Sender<String>,
) {
    std::thread::spawn(move || {
        for line in BufReader::new(from).lines().map_while(Result::ok) {
            if to.send(format!("{mark}{line}")).is_err() {
                return;
            }
        }
    });
}

impl Child {
    /// Starts it. Lines of standard error begin with `! `.
    pub(crate) fn start(mut command: Command) -> Child {
        let what = format!("{command:?}");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut process = command.spawn().unwrap_or_else(|error| panic!("{what}: {error}"));
        let (send, lines) = channel();
        read_lines(process.stdout.take().expect("it is a pipe"), "", send.clone());
        read_lines(process.stderr.take().expect("it is a pipe"), "! ", send);
        Child { process, lines, what, said: Vec::new() }
    }

    /// Writes a line to its standard input.
    pub(crate) fn write(&mut self, line: &str) {
        let input = self.process.stdin.as_mut().expect("it is a pipe");
        writeln!(input, "{line}").unwrap_or_else(|error| panic!("{}: {error}", self.story(line)));
    }

    /// The next line; nothing, if it has ended.
    pub(crate) fn line(&mut self) -> Option<String> {
        match self.lines.recv_timeout(PATIENCE) {
            Ok(line) => {
                self.said.push(line.clone());
                Some(line)
            }
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => panic!("{}", self.story("it says nothing more")),
        }
    }

    /// The first line from now on that holds this.
    pub(crate) fn line_with(&mut self, text: &str) -> String {
        // Ends with the line, or with all lines.
        loop {
            let line = self.line().unwrap_or_else(|| panic!("{}", self.story(text)));
            if line.contains(text) {
                return line;
            }
        }
    }

    /// Waits for a good end, and returns all it said.
    pub(crate) fn finish(mut self) -> String {
        drop(self.process.stdin.take());
        while self.line().is_some() {}
        let status = self.process.wait().expect("it was not waited for");
        assert!(status.success(), "{}", self.story(&status.to_string()));
        self.said.join("\n")
    }

    /// Asks it to end, and waits until it has: what it made goes with it.
    pub(crate) fn end(&mut self) {
        let asked = Command::new("kill").arg(self.process.id().to_string()).status();
        assert!(asked.is_ok_and(|status| status.success()), "{}", self.story("it is gone"));
        while self.line().is_some() {}
        let status = self.process.wait().expect("it was not waited for");
        assert!(status.success(), "{}", self.story(&status.to_string()));
    }

    /// What went wrong, with all that was said.
    pub(crate) fn story(&self, what: &str) -> String {
        format!("{}\n  {what}\nIt said:\n{}", self.what, self.said.join("\n"))
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // Both fail for a process that has ended and was waited for, which is the good case.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
