//! A session of the broker against any bytes in any pieces.

use crate::buffer::{Chunk, OutBuf, Pool, Region};
use crate::model::{
    BarrierDone, ClientId, Command, Commands, ErrorCode, Event, Opened, Outcome, Timestamp,
};
use crate::session::{Session, SessionError};
use crate::transcript::describe_command;

/// Size of an output block: small, so that frames are cut at block ends and a run is fast.
const OUT_BLOCK_BYTES: usize = 4096;

/// What a session made of some bytes.
#[derive(PartialEq, Eq, Debug)]
struct Reading {
    commands: Vec<String>,
    written: Vec<u8>,
    error: Option<SessionError>,
}

/// A client's bytes give the same commands, answers and refusal, however they are cut.
///
/// The first byte says how long the pieces are. Commands are answered like a broker would, so that
/// every state is reached.
pub(crate) fn check_session<S: Session>(bytes: &[u8], new: impl Fn() -> S) {
    let Some((&piece_bytes, bytes)) = bytes.split_first() else { return };
    let whole = read_all(new(), bytes, bytes.len().max(1));
    let pieces = read_all(new(), bytes, usize::from(piece_bytes).max(1));
    assert_eq!(whole, pieces, "where the bytes are cut does not matter");
}

/// Feeds the bytes in pieces, with what was not used up in front of the next piece.
fn read_all(mut session: impl Session, bytes: &[u8], piece_bytes: usize) -> Reading {
    let mut out = OutBuf::new(Pool::new(Region::heap(4 * OUT_BLOCK_BYTES), OUT_BLOCK_BYTES), 64);
    let mut reading = Reading { commands: Vec::new(), written: Vec::new(), error: None };
    session.on_open(Timestamp(1), &mut out);
    let mut kept = Vec::new();
    for piece in bytes.chunks(piece_bytes) {
        kept.extend_from_slice(piece);
        match read_kept(&mut session, &kept, &mut out, &mut reading) {
            Ok(used) => {
                kept.drain(..used);
            }
            Err(error) => {
                reading.error = Some(error);
                break;
            }
        }
    }
    drain(&mut out, &mut reading.written);
    session.on_close();
    assert!(session.deadline().is_none(), "a closed session waits for nothing");
    reading
}

/// Reads as many frames as there are, and answers their commands.
fn read_kept(
    session: &mut impl Session,
    kept: &[u8],
    out: &mut OutBuf,
    reading: &mut Reading,
) -> Result<usize, SessionError> {
    let mut commands = Commands::default();
    let mut used = 0;
    // Ends because a slice that used up nothing ends it.
    loop {
        let chunk = Chunk::plain(&kept[used..]);
        let read = session.on_bytes(Timestamp(2), chunk, &mut commands, out);
        for command in commands.list() {
            reading.commands.push(describe_command(command, chunk.bytes(), commands.text()));
            answer(session, command, out);
        }
        commands.clear();
        drain(out, &mut reading.written);
        let consumed = read?;
        let left = chunk.len() - consumed.bytes;
        assert!(consumed.need == 0 || consumed.need > left, "what is there is not waited for");
        used += consumed.bytes;
        if consumed.bytes == 0 || left == 0 {
            return Ok(used);
        }
    }
}

/// What a broker without any other client says to a command.
fn answer(session: &mut impl Session, command: &Command, out: &mut OutBuf) {
    let code = ErrorCode::Ok;
    let outcome =
        |ticket| Event::Outcome(Outcome { ticket, code, receivers: 0, is_starved: false });
    let event = match command {
        Command::Open(_) => Event::Opened(Opened { client: ClientId { slot: 1, generation: 2 } }),
        Command::Publish(publish) => outcome(publish.ticket),
        Command::Subscribe(subscribe) => outcome(subscribe.ticket),
        Command::Unsubscribe(unsubscribe) => outcome(unsubscribe.ticket),
        Command::Exclude(exclude) => outcome(exclude.ticket),
        Command::Barrier(barrier) => Event::BarrierDone(BarrierDone { token: barrier.token }),
        Command::Stream(stream) => match stream.refused(ErrorCode::StreamsUnavailable) {
            Some(event) => event,
            None => return,
        },
        Command::AddCredit(_) | Command::Close(_) => return,
    };
    session.on_event(Timestamp(3), &event, out);
}

/// Takes what was written, as a network would.
fn drain(out: &mut OutBuf, written: &mut Vec<u8>) {
    for segment in out.segments() {
        written.extend_from_slice(segment);
    }
    out.consume(out.pending_bytes());
}
