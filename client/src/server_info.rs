//! What a broker says about itself.

use coilgun_protocol::model::ClientId;
use coilgun_protocol::native::{Features, Welcome};

/// What the broker said when it let the client in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ServerInfo {
    /// Name and version of its software.
    pub software: String,
    /// The version of the protocol both speak.
    pub version: u16,
    /// What it calls this connection.
    pub client: ClientId,
    /// The features in force.
    pub features: Features,
    /// Largest payload it accepts, in bytes.
    pub payload_bytes_max: usize,
}

impl ServerInfo {
    /// Copies it out of the frame.
    pub(crate) fn new(welcome: &Welcome<'_>) -> ServerInfo {
        ServerInfo {
            software: welcome.software.to_owned(),
            version: welcome.version,
            client: welcome.client,
            features: welcome.features,
            payload_bytes_max: welcome.payload_bytes_max as usize,
        }
    }
}
