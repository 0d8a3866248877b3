//! The protocol of elbus and its successor busrt: one wire for both, with no negotiation.
//!
//! What it does: turns frames of a client into commands and events into frames on the broker's side
//! ([`ElbusSession`]), writes and reads the same frames on the client's side ([`encode_frame`],
//! [`read_server_frame`]), translates topics and names into the one space of subjects ([`TOPIC`],
//! [`NAME`]), and knows the layout of the calls that travel inside of messages ([`read_rpc`]).
//! docs/ELBUS.md describes the bytes.
//!
//! What it never does: it opens no socket, reads no clock and knows no other client. It carries out no
//! calls: what the client named `.broker` answers is the server's business.
//!
//! ```text
//! greeting    EB 01 00 from both, then 01 or a code and the end          the broker speaks first
//! name        length u16 | name                      then 01 or a code and the end
//! to broker   op_id u32 | operation, qos u8 | length u32 | body          all little-endian
//! to client   kind u8 | length u32 | realtime u8 | body          FE | op_id u32 | code u8
//! ```

mod code;
mod frame;
mod rpc;
mod server_frame;
mod session;
mod text;

pub use code::ResultCode;
pub use frame::{
    Frame, GREETING, HEADER_BYTES, Operation, PING, Qos, Reading, encode_frame, read_frame,
};
pub use rpc::{RPC_CODE_BASE, RpcError, RpcFrame, encode_rpc, fuzz_rpc, read_rpc};
pub use server_frame::{
    ACK, SERVER_HEADER_BYTES, ServerFrame, ServerKind, ServerReading, fuzz_server_frame,
    read_server_frame,
};
pub use session::{ElbusConfig, ElbusSession, fuzz_session};
pub use text::{BROKER_NAME, Grammar, NAME, TOPIC, fuzz_text, primary_of};
