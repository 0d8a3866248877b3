//! Processes of the binary under test, without the environment of whoever runs the tests.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStderr, ChildStdout, Command, ExitStatus, Output, Stdio};

use tempfile::TempDir;

/// The binary with these arguments, and nothing in its environment but the search path.
pub(crate) fn coilgun(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_coilgun"));
    let path = std::env::var_os("PATH").unwrap_or_default();
    command.env_clear().env("PATH", path).args(arguments).stdin(Stdio::null());
    command
}

/// What a command that ended left behind.
pub(crate) struct Ended {
    pub(crate) status: i32,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
}

impl Ended {
    fn new(output: Output) -> Ended {
        Ended {
            status: output.status.code().expect("no signal ended it"),
            stdout: output.stdout,
            stderr: String::from_utf8(output.stderr).expect("it speaks UTF-8"),
        }
    }

    /// Standard output as text, after a good end.
    pub(crate) fn text(self) -> String {
        assert_eq!(self.status, 0, "{}", self.stderr);
        String::from_utf8(self.stdout).expect("the test expects a text")
    }
}

/// Runs the binary to its end.
pub(crate) fn run(arguments: &[&str]) -> Ended {
    Ended::new(coilgun(arguments).output().expect("the binary runs"))
}

/// A folder for one test, inside the build directory.
pub(crate) fn folder() -> TempDir {
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("the build directory is writable")
}

/// A process that goes on while the test does something else; it is killed if the test fails.
pub(crate) struct Running {
    child: Child,
    /// Nothing, once the test has stopped reading.
    stdout: Option<BufReader<ChildStdout>>,
    stderr: BufReader<ChildStderr>,
    said: String,
}

impl Running {
    /// Starts a command.
    pub(crate) fn start(mut command: Command) -> Running {
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the binary runs");
        let stdout = child.stdout.take().map(BufReader::new);
        let stderr = BufReader::new(child.stderr.take().expect("it is a pipe"));
        Running { child, stdout, stderr, said: String::new() }
    }

    /// Waits until it says a line on standard error that begins so, and returns the rest of it.
    pub(crate) fn wait_for(&mut self, beginning: &str) -> String {
        let rest = self.wait_for_or_end(beginning);
        rest.unwrap_or_else(|| panic!("it ended without {beginning:?}: {}", self.said))
    }

    /// The same of a process that may end before; `None` then.
    pub(crate) fn wait_for_or_end(&mut self, beginning: &str) -> Option<String> {
        // Ends with standard error.
        loop {
            let mut line = String::new();
            let count = self.stderr.read_line(&mut line).expect("it speaks UTF-8");
            if count == 0 {
                return None;
            }
            self.said.push_str(&line);
            if let Some(rest) = line.strip_prefix(beginning) {
                return Some(rest.trim_end().to_owned());
            }
        }
    }

    /// Its standard input, which was asked for when the command was made.
    pub(crate) fn write(&mut self, bytes: &[u8]) {
        let stdin = self.child.stdin.as_mut().expect("its standard input is a pipe");
        stdin.write_all(bytes).expect("it reads");
    }

    /// The next line of its standard output.
    pub(crate) fn next_line(&mut self) -> String {
        let stdout = self.stdout.as_mut().expect("the test still reads");
        let mut line = String::new();
        stdout.read_line(&mut line).expect("it speaks UTF-8");
        line.trim_end_matches('\n').to_owned()
    }

    /// Closes its standard output, as a reader that had enough does.
    pub(crate) fn stop_reading(&mut self) {
        drop(self.stdout.take());
    }

    /// The number of the process.
    pub(crate) fn id(&self) -> libc::pid_t {
        libc::pid_t::try_from(self.child.id()).expect("a process has a small number")
    }

    pub(crate) fn signal(&self, number: libc::c_int) {
        let process = self.id();
        // SAFETY: kill takes two numbers; the process is a child that was not waited for, so that
        // its number belongs to nobody else.
        let result = unsafe { libc::kill(process, number) };
        assert_eq!(result, 0, "the process is there");
    }

    /// Waits for its end.
    pub(crate) fn end(mut self) -> Ended {
        drop(self.child.stdin.take());
        let mut stdout = Vec::new();
        if let Some(mut pipe) = self.stdout.take() {
            pipe.read_to_end(&mut stdout).expect("it writes");
        }
        self.stderr.read_to_string(&mut self.said).expect("it speaks UTF-8");
        let status: ExitStatus = self.child.wait().expect("it was not waited for");
        let stderr = std::mem::take(&mut self.said).into_bytes();
        Ended::new(Output { status, stdout, stderr })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Both fail for a process that has ended and was waited for, which is the good case.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A broker in a folder of its own, on a free port and on a UNIX socket.
pub(crate) struct Broker {
    process: Running,
    /// `127.0.0.1:PORT`.
    pub(crate) tcp: String,
    /// `unix:PATH`.
    pub(crate) unix: String,
    pub(crate) folder: TempDir,
}

impl Broker {
    pub(crate) fn start(arguments: &[&str]) -> Broker {
        Broker::start_changed(arguments, |_| {})
    }

    /// Starts one from a command that is changed first.
    pub(crate) fn start_changed(arguments: &[&str], change: impl FnOnce(&mut Command)) -> Broker {
        let folder = folder();
        // A relative path, because the path of a socket must be short wherever the build is.
        let mut command = coilgun(&["serve", "--listen", "127.0.0.1:0", "--data", "data"]);
        command.args(arguments).current_dir(folder.path());
        change(&mut command);
        let mut process = Running::start(command);
        let tcp = process.wait_for("coilgun: listening on ");
        let unix = format!("unix:{}", process.wait_for("coilgun: listening on "));
        Broker { process, tcp, unix, folder }
    }

    /// A client of this broker over TCP: a verb and its arguments.
    pub(crate) fn client(&self, arguments: &[&str]) -> Command {
        self.client_at(&self.tcp, arguments)
    }

    /// A client of this broker at one of its addresses.
    pub(crate) fn client_at(&self, address: &str, arguments: &[&str]) -> Command {
        let mut command = coilgun(arguments);
        command.env("COILGUN_SERVER", address).current_dir(self.folder.path());
        command
    }

    /// Runs a client to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ended {
        Ended::new(self.client(arguments).output().expect("the binary runs"))
    }

    /// Runs a client to its end, with this standard input.
    pub(crate) fn run_with(&self, arguments: &[&str], stdin: &[u8]) -> Ended {
        let mut command = self.client(arguments);
        command.stdin(Stdio::piped());
        let mut client = Running::start(command);
        client.write(stdin);
        client.end()
    }

    /// Starts a client that says when it is ready.
    pub(crate) fn start_client(&self, arguments: &[&str]) -> Running {
        let mut command = self.client(arguments);
        let ready = if arguments[0] == "reply" {
            "answering"
        } else {
            // A message that never comes fails the test instead of holding it.
            command.args(["--timeout", "60"]);
            "subscribed"
        };
        let mut client = Running::start(command);
        client.wait_for(&format!("coilgun: {ready} "));
        client
    }

    /// The number of its process.
    pub(crate) fn id(&self) -> libc::pid_t {
        self.process.id()
    }

    pub(crate) fn signal(&self, number: libc::c_int) {
        self.process.signal(number);
    }

    pub(crate) fn wait_for(&mut self, beginning: &str) -> String {
        self.process.wait_for(beginning)
    }

    /// Waits for its end; the folder is still there.
    pub(crate) fn end(self) -> (Ended, TempDir) {
        (self.process.end(), self.folder)
    }

    /// Ends it in good order.
    pub(crate) fn stop(self) {
        self.signal(libc::SIGTERM);
        let (ended, _folder) = self.end();
        assert_eq!(ended.status, 0, "{}", ended.stderr);
        assert!(ended.stdout.is_empty(), "a broker's standard output stays empty");
    }
}
