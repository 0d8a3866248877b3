//! The start of the thread, from a configuration.

use super::bridge::{Bridge, BridgeListener, BridgeSettings};
use crate::config::{Config, Protocol};
use crate::faults::StartError;
use crate::link::{Connector, LinkOrigin};
use crate::net::{ListenAddress, Listener};
use crate::resources::bridged_connections_max;
use crate::starting::BRIDGED;

/// Bytes that a message may have beside the largest payload: pieces of other frames.
const MESSAGE_MORE: usize = 64 * 1024;

/// Where the thread listens, and what is spoken there.
type Places = Vec<(ListenAddress, Protocol)>;

/// Has a thread accept WebSockets where the configuration says so, whose connections `connector` makes;
/// nothing, if it says so nowhere. `on_fault` is called if the thread breaks.
///
/// # Errors
/// If it is not possible to listen there, or there is no thread to be had.
pub(crate) fn start(
    config: &Config,
    connector: &Connector,
    on_fault: impl FnOnce() + Send + 'static,
) -> Result<Option<(Bridge, Places)>, StartError> {
    let (mut listeners, mut places) = (Vec::new(), Vec::new());
    for (number, listening) in config.bridged_listeners().enumerate() {
        let bound = Listener::bind(&listening.address)?;
        let origin = LinkOrigin { entry: BRIDGED + number, address: None };
        let connector = connector.clone().from_there(origin);
        listeners.push(BridgeListener { socket: bound.accept_elsewhere()?, connector });
        places.push((bound.address().clone(), listening.protocol));
    }
    if listeners.is_empty() {
        return Ok(None);
    }
    let settings = BridgeSettings {
        connections_max: bridged_connections_max(config),
        handshake_ms: config.elbus.handshake_ms,
        message_bytes_max: config.limits.payload_bytes_max + MESSAGE_MORE,
    };
    let bridge = Bridge::start(listeners, settings, on_fault).map_err(StartError::Shard)?;
    Ok(Some((bridge, places)))
}
