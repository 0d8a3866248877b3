//! What a session does by the clock, and with what no other client would say.

use super::config::ElbusConfig;
use super::machine::ElbusSession;
use crate::buffer::{Chunk, OutBuf, Pool, Region};
use crate::elbus::{Operation, Qos, encode_frame};
use crate::model::{
    ClientId, Close, Closing, Command, Commands, ErrorCode, Event, OpenFlags, Opened, Outcome,
    Timestamp,
};
use crate::session::Session;

struct World {
    session: ElbusSession,
    commands: Commands,
    out: OutBuf,
}

impl World {
    fn new(config: ElbusConfig) -> World {
        let out = OutBuf::new(Pool::new(Region::heap(64 * 1024), 4096), 64);
        let mut world =
            World { session: ElbusSession::new(config), commands: Commands::default(), out };
        world.session.on_open(at(0), &mut world.out);
        world
    }

    fn open(config: ElbusConfig) -> World {
        let mut world = World::new(config);
        world.say(at(0), b"\xEB\x01\x00\x01\x00a");
        world.commands.clear();
        let client = ClientId { slot: 1, generation: 0 };
        world.session.on_event(at(0), &Event::Opened(Opened { client }), &mut world.out);
        world.written();
        world
    }

    fn say(&mut self, now: Timestamp, bytes: &[u8]) {
        let World { session, commands, out } = self;
        let consumed = session.on_bytes(now, Chunk::plain(bytes), commands, out);
        assert_eq!(consumed.expect("it is valid").bytes, bytes.len());
    }

    fn tick(&mut self, now: Timestamp) -> Vec<Command> {
        self.commands.clear();
        self.session.on_tick(now, &mut self.commands, &mut self.out);
        self.commands.list().to_vec()
    }

    fn written(&mut self) -> Vec<u8> {
        let written = self.out.segments().collect::<Vec<_>>().concat();
        self.out.consume(written.len());
        written
    }
}

fn at(ms: u64) -> Timestamp {
    Timestamp::default().plus_ms(ms)
}

fn close(code: ErrorCode) -> Vec<Command> {
    vec![Command::Close(Close { code })]
}

#[test]
fn a_handshake_has_its_time() {
    let config = ElbusConfig { handshake_ms: 700, ..ElbusConfig::default() };
    for said in [&b""[..], b"\xEB\x01\x00", b"\xEB\x01\x00\x01\x00a"] {
        let mut world = World::new(config);
        world.say(at(0), said);
        assert_eq!(world.session.deadline(), Some(at(700)));
        assert_eq!(world.tick(at(699)), []);
        assert_eq!(world.tick(at(700)), close(ErrorCode::HandshakeTimeout));
        world.written();
        let closing = Closing { code: ErrorCode::HandshakeTimeout, detail: "" };
        world.session.on_event(at(700), &Event::Closing(closing), &mut world.out);
        assert_eq!(world.written(), b"", "nobody is told");
        assert_eq!(world.session.deadline(), None);
    }
}

#[test]
fn signs_of_life_come_at_their_interval_and_can_be_switched_off() {
    let config = ElbusConfig { ping_interval_ms: 100, ..ElbusConfig::default() };
    let mut world = World::open(config);
    for number in 1..4 {
        assert_eq!(world.session.deadline(), Some(at(number * 100)));
        assert_eq!(world.tick(at(number * 100)), []);
        assert_eq!(world.written(), [0; 6]);
    }
    let quiet = ElbusConfig { ping_interval_ms: 0, ..ElbusConfig::default() };
    assert_eq!(World::open(quiet).session.deadline(), None);
}

#[test]
fn who_says_nothing_is_cut_off_only_where_that_is_wanted() {
    let config = ElbusConfig { ping_interval_ms: 0, idle_ms: 1_000, ..ElbusConfig::default() };
    let mut world = World::open(config);
    assert_eq!(world.session.deadline(), Some(at(1_000)));
    world.say(at(900), &[0; 9]);
    assert_eq!(world.tick(at(1_000)), [], "a ping is a sign of life");
    world.session.on_sign_of_life(at(1_500));
    assert_eq!(world.tick(at(2_400)), [], "so is a part of a frame");
    assert_eq!(world.tick(at(2_500)), close(ErrorCode::StaleConnection));
    let patient = ElbusConfig { idle_ms: 0, ..ElbusConfig::default() };
    assert_eq!(World::open(patient).tick(at(100_000_000)), []);
}

#[test]
fn a_name_is_taken_from_others_only_by_a_primary_and_where_that_is_wanted() {
    for (force_register, name, replaces) in
        [(true, "a", true), (true, "a%%1", false), (false, "a", false)]
    {
        let mut world = World::new(ElbusConfig { force_register, ..ElbusConfig::default() });
        let said = [b"\xEB\x01\x00", &(name.len() as u16).to_le_bytes()[..], name.as_bytes()];
        world.say(at(0), &said.concat());
        let Some(Command::Open(open)) = world.commands.list().first() else {
            panic!("it wants to come in")
        };
        assert_eq!(open.flags.contains(OpenFlags::REPLACE_NAMESAKE), replaces, "{name}");
        assert_eq!(!open.primary.is_empty(), name.contains('%'), "{name}");
    }
}

#[test]
fn a_refused_topic_can_be_asked_for_again() {
    let mut world = World::open(ElbusConfig::default());
    let answer = |world: &mut World, code| {
        let Some(Command::Subscribe(subscribe)) = world.commands.list().first() else {
            panic!("it is asked for")
        };
        let ticket = subscribe.ticket;
        let outcome = Outcome { ticket, code, receivers: 0, is_starved: false };
        world.session.on_event(at(1), &Event::Outcome(outcome), &mut world.out);
    };
    // What everybody subscribes to was asked for in the handshake, and is answered first.
    let mut frame = Vec::new();
    encode_frame(1, Operation::Subscribe, Qos::PROCESSED, &[b"x"], &mut frame);
    let warned = Outcome {
        ticket: crate::model::Ticket(4 << 33),
        code: ErrorCode::Ok,
        receivers: 0,
        is_starved: false,
    };
    world.session.on_event(at(1), &Event::Outcome(warned), &mut world.out);
    for code in [ErrorCode::PermissionDenied, ErrorCode::PermissionDenied, ErrorCode::Ok] {
        world.commands.clear();
        world.say(at(1), &frame);
        answer(&mut world, code);
        let told: &[u8] = if code == ErrorCode::Ok { b"" } else { b"\xFE\x01\0\0\0\x79" };
        assert_eq!(world.written(), told, "the rest comes at the barrier");
    }
    world.commands.clear();
    world.say(at(1), &frame);
    assert!(matches!(world.commands.list(), [Command::Barrier(_)]), "it is there already");
}
