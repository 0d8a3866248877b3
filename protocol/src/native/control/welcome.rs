//! WELCOME: the broker lets the client in.

use flatbuffers::FlatBufferBuilder;

use super::super::error::DecodeError;
use super::super::features::Features;
use super::super::operation::Operation;
use super::super::schema_generated::{WelcomeTable, WelcomeTableArgs};
use super::table::{TableTooLong, read_table, write_table};
use crate::model::ClientId;
use crate::model::limits::PAYLOAD_BYTES_CEILING;

/// What the broker says to a client it lets in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Welcome<'a> {
    /// Name and version of the broker's software.
    pub software: &'a str,
    /// The version of the protocol both speak.
    pub version: u16,
    /// What the broker calls this connection.
    pub client: ClientId,
    /// The features in force.
    pub features: Features,
    /// Largest payload the broker accepts, in bytes; at most [`PAYLOAD_BYTES_CEILING`].
    pub payload_bytes_max: u32,
    /// How long the connection may be silent before the broker sends PING, in milliseconds; 0: it
    /// never does.
    pub ping_interval_ms: u32,
}

impl<'a> Welcome<'a> {
    /// Appends the frame.
    ///
    /// # Errors
    /// If it would be longer than a control frame may be; `out` is unchanged then.
    pub fn encode(&self, out: &mut Vec<u8>) -> Result<(), TableTooLong> {
        write_table(Operation::Welcome, out, |builder| self.build(builder))
    }

    fn build(&self, builder: &mut FlatBufferBuilder<'_>) {
        let software = Some(builder.create_string(self.software));
        let arguments = WelcomeTableArgs {
            software,
            version: self.version,
            client_slot: self.client.slot,
            client_generation: self.client.generation,
            features: self.features.0,
            payload_bytes_max: self.payload_bytes_max,
            ping_interval_ms: self.ping_interval_ms,
        };
        let table = WelcomeTable::create(builder, &arguments);
        builder.finish_minimal(table);
    }

    /// Verifies and reads the head of the frame.
    ///
    /// # Errors
    /// If the table does not verify, or names a payload above [`PAYLOAD_BYTES_CEILING`].
    pub fn decode(head: &'a [u8]) -> Result<Welcome<'a>, DecodeError> {
        let operation = Operation::Welcome;
        let table = read_table::<WelcomeTable<'_>>(operation, head)?;
        let payload_bytes_max = table.payload_bytes_max();
        if payload_bytes_max as usize > PAYLOAD_BYTES_CEILING {
            return Err(DecodeError::OutOfRange {
                operation,
                field: "payload_bytes_max",
                value: payload_bytes_max,
                value_max: PAYLOAD_BYTES_CEILING as u32,
            });
        }
        Ok(Welcome {
            software: table.software().unwrap_or(""),
            version: table.version(),
            client: ClientId { slot: table.client_slot(), generation: table.client_generation() },
            features: Features(table.features()),
            payload_bytes_max,
            ping_interval_ms: table.ping_interval_ms(),
        })
    }
}

/// Fuzz entry: any bytes are refused, or are a table whose values read back.
pub fn fuzz_welcome(bytes: &[u8]) {
    let Ok(welcome) = Welcome::decode(bytes) else { return };
    let mut again = Vec::new();
    if welcome.encode(&mut again).is_ok() {
        assert_eq!(Welcome::decode(&again[8..]), Ok(welcome), "the values read back");
    }
}
