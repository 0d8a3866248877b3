//! Plays a conversation and writes down what comes out.

use std::fmt::Write as _;

use coilgun_protocol::model::{Timestamp, limits::BLOCK_BYTES};
use coilgun_protocol::native::{Incoming, NativeConfig, ServerReader};
use coilgun_protocol::session::Session;

use super::input::{client_bytes, config, event};
use crate::harness::Harness;
use crate::server_text::describe_server_frame;

/// The lines that come out of a session; they are made anew.
const OUTPUTS: [&str; 5] = ["command ", "< ", "error ", "need ", "deadline "];

/// A conversation while it is played.
struct Player {
    harness: Harness,
    reader: ServerReader,
    /// What the session has not used up.
    kept: Vec<u8>,
    text: String,
}

/// The conversation with everything that comes out of it.
pub(crate) fn play(text: &str) -> String {
    let inputs = || text.lines().filter(|line| !OUTPUTS.iter().any(|out| line.starts_with(out)));
    let settings = inputs().find(|line| line.starts_with("config "));
    let ours = NativeConfig { software: "coilgun/test", ..NativeConfig::default() };
    let mut player = Player {
        harness: Harness::new(settings.map_or(ours, config)),
        reader: ServerReader::default(),
        kept: Vec::new(),
        text: String::new(),
    };
    for line in inputs() {
        player.line(line);
        player.step(line);
    }
    player.text
}

impl Player {
    fn line(&mut self, line: &str) {
        writeln!(self.text, "{line}").expect("a string takes any text");
    }

    fn step(&mut self, line: &str) {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        match word {
            "" | "#" | "config" => {}
            ">>" => self.kept.extend(client_bytes(rest)),
            ">" => {
                self.kept.extend(client_bytes(rest));
                self.feed();
            }
            "event" => self.harness.event(&event(rest)),
            "at" => {
                let ms = rest.parse().expect("the time is a number of milliseconds");
                self.harness.now = Timestamp::default().plus_ms(ms);
            }
            "tick" => {
                let Harness { session, commands, out, now } = &mut self.harness;
                session.on_tick(*now, commands, out);
            }
            "drain" => self.harness.session.on_drain(&mut self.harness.out),
            "close" => self.harness.session.on_close(),
            "deadline?" => match self.harness.session.deadline() {
                Some(at) => self.line(&format!("deadline {}", at.ms_since(Timestamp::default()))),
                None => self.line("deadline none"),
            },
            other => panic!("a conversation has no line that begins with {other}"),
        }
        self.outputs();
    }

    fn feed(&mut self) {
        let kept = std::mem::take(&mut self.kept);
        let read = self.harness.feed(&kept);
        for command in self.harness.take_commands(&kept) {
            self.line(&format!("command {command}"));
        }
        match read {
            Ok(consumed) => {
                self.kept = kept[consumed.bytes..].to_vec();
                if consumed.need > 0 {
                    self.line(&format!("need {} of {}", consumed.need, self.kept.len()));
                }
            }
            Err(error) => self.line(&format!("error {}: {}", error.code.name(), error.detail)),
        }
    }

    fn outputs(&mut self) {
        for command in self.harness.take_commands(&[]) {
            self.line(&format!("command {command}"));
        }
        let written = self.harness.take_written();
        assert!(written.len() < BLOCK_BYTES, "conversations are short");
        let mut at = 0;
        // Ends because every item takes bytes away.
        while at < written.len() {
            let (line, used) = match self.reader.read(&written[at..]) {
                Ok(Incoming::Preface { used, .. }) => (String::from("< preface"), used),
                Ok(Incoming::Frame { frame, used }) => {
                    (format!("< {}", describe_server_frame(&frame)), used)
                }
                Ok(Incoming::Incomplete { need }) => panic!("half a frame, {need} bytes needed"),
                Err(error) => panic!("the broker's bytes are valid: {error}"),
            };
            self.line(&line);
            at += used;
        }
    }
}
