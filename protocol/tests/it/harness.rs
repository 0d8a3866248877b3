//! A session with everything around it that it needs.

use coilgun_protocol::buffer::{Chunk, OutBuf, Pool, Region};
use coilgun_protocol::model::limits::{BLOCK_BYTES, COPY_MAX};
use coilgun_protocol::model::{ClientId, Command, Commands, Event, Opened, Timestamp};
use coilgun_protocol::native::{
    ClientFrame, Features, Hello, NativeConfig, NativeSession, Preface, encode_frame,
};
use coilgun_protocol::session::{Consumed, Session, SessionError};
use coilgun_protocol::transcript::describe_command;

/// A session, its list of commands, and what it wrote.
pub(crate) struct Harness<S = NativeSession> {
    pub(crate) session: S,
    pub(crate) commands: Commands,
    pub(crate) out: OutBuf,
    pub(crate) now: Timestamp,
}

impl Harness {
    /// A native session of a connection that begins now.
    pub(crate) fn new(config: NativeConfig) -> Harness {
        Harness::with(NativeSession::new(config))
    }

    /// What a client sends first that asks for these features.
    pub(crate) fn greeting(features: Features) -> Vec<u8> {
        let hello = ClientFrame::Hello(Hello { features, ..Hello::default() });
        [Preface::OURS.encode().to_vec(), encoded(&hello)].concat()
    }

    /// A session whose client is in, with these features, and nothing waiting to be sent.
    pub(crate) fn open(config: NativeConfig, features: Features) -> Harness {
        let mut harness = Harness::new(config);
        harness.feed(&Harness::greeting(features)).expect("the greeting is valid");
        assert!(matches!(harness.commands.list(), [Command::Open(_)]));
        harness.commands.clear();
        let client = ClientId { slot: 1, generation: 0 };
        harness.event(&Event::Opened(Opened { client }));
        harness.take_written();
        harness
    }
}

impl<S: Session> Harness<S> {
    /// A session of a connection that begins now.
    pub(crate) fn with(session: S) -> Harness<S> {
        let pool = Pool::new(Region::heap(64 * BLOCK_BYTES), BLOCK_BYTES);
        let mut harness = Harness {
            session,
            commands: Commands::default(),
            out: OutBuf::new(pool, COPY_MAX),
            now: Timestamp::default(),
        };
        harness.session.on_open(harness.now, &mut harness.out);
        harness
    }

    /// Shows bytes to the session.
    pub(crate) fn feed(&mut self, bytes: &[u8]) -> Result<Consumed, SessionError> {
        self.session.on_bytes(self.now, Chunk::plain(bytes), &mut self.commands, &mut self.out)
    }

    /// Raises an event.
    pub(crate) fn event(&mut self, event: &Event<'_>) {
        self.session.on_event(self.now, event, &mut self.out);
    }

    /// Takes the commands as lines of text; their spans lie in `bytes`.
    pub(crate) fn take_commands(&mut self, bytes: &[u8]) -> Vec<String> {
        let text = self.commands.text();
        let list = self.commands.list();
        let lines = list.iter().map(|command| describe_command(command, bytes, text)).collect();
        self.commands.clear();
        lines
    }

    /// Takes what was written so far.
    pub(crate) fn take_written(&mut self) -> Vec<u8> {
        let written = self.out.segments().collect::<Vec<_>>().concat();
        self.out.consume(written.len());
        written
    }
}

/// The bytes of a frame of the client.
pub(crate) fn encoded(frame: &ClientFrame<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode_frame(frame, &mut bytes).expect("the frame is within the limits");
    bytes
}
