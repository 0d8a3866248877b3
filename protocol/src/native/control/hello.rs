//! HELLO: the client says who it is.

use flatbuffers::FlatBufferBuilder;

use super::super::error::DecodeError;
use super::super::features::Features;
use super::super::operation::Operation;
use super::super::schema_generated::{HelloTable, HelloTableArgs};
use super::table::{TableTooLong, bytes_or_empty, read_table, write_table};
use super::wish::{backpressure_on_wire, policy_on_wire, read_wish};
use crate::model::SlowConsumerWish;

/// What the client says about itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Hello<'a> {
    /// Name of the namespace; empty: the default one.
    pub namespace: &'a [u8],
    /// Name the client wants to be reached by; empty: none.
    pub name: &'a [u8],
    /// Name of the user; empty: none.
    pub user: &'a [u8],
    /// Password or token; empty: none.
    pub secret: &'a [u8],
    /// Features the client asks for.
    pub features: Features,
    /// Name and version of the client's software; empty: it does not say.
    pub software: &'a str,
    /// The client does not want to receive what it published itself.
    pub no_echo: bool,
    /// One delivery per message, however many of the client's subscriptions match.
    pub once_per_message: bool,
    /// What shall happen to messages for the client that it does not read fast enough.
    pub slow_consumer: SlowConsumerWish,
}

impl<'a> Hello<'a> {
    /// Appends the frame.
    ///
    /// # Errors
    /// If it would be longer than a control frame may be; `out` is unchanged then.
    pub fn encode(&self, out: &mut Vec<u8>) -> Result<(), TableTooLong> {
        write_table(Operation::Hello, out, |builder| self.build(builder))
    }

    fn build(&self, builder: &mut FlatBufferBuilder<'_>) {
        let mut bytes = |part: &[u8]| (!part.is_empty()).then(|| builder.create_vector::<u8>(part));
        let namespace = bytes(self.namespace);
        let name = bytes(self.name);
        let user = bytes(self.user);
        let secret = bytes(self.secret);
        let software = (!self.software.is_empty()).then(|| builder.create_string(self.software));
        let arguments = HelloTableArgs {
            namespace,
            name,
            user,
            secret,
            features: self.features.0,
            software,
            no_echo: self.no_echo,
            once_per_message: self.once_per_message,
            slow_consumer: policy_on_wire(self.slow_consumer),
            backpressure_ms: backpressure_on_wire(self.slow_consumer),
        };
        let table = HelloTable::create(builder, &arguments);
        builder.finish_minimal(table);
    }

    /// Verifies and reads the head of the frame.
    ///
    /// # Errors
    /// If the table does not verify, or asks for a policy there is not.
    pub fn decode(head: &'a [u8]) -> Result<Hello<'a>, DecodeError> {
        let operation = Operation::Hello;
        let table = read_table::<HelloTable<'_>>(operation, head)?;
        Ok(Hello {
            namespace: bytes_or_empty(table.namespace()),
            name: bytes_or_empty(table.name()),
            user: bytes_or_empty(table.user()),
            secret: bytes_or_empty(table.secret()),
            features: Features(table.features()),
            software: table.software().unwrap_or(""),
            no_echo: table.no_echo(),
            once_per_message: table.once_per_message(),
            slow_consumer: read_wish(operation, table.slow_consumer(), table.backpressure_ms())?,
        })
    }
}

/// Fuzz entry: any bytes are refused, or are a table whose values read back.
pub fn fuzz_hello(bytes: &[u8]) {
    let Ok(hello) = Hello::decode(bytes) else { return };
    let mut again = Vec::new();
    if hello.encode(&mut again).is_ok() {
        assert_eq!(Hello::decode(&again[8..]), Ok(hello), "the values read back");
    }
}
