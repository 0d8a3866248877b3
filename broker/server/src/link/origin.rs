//! Where a connection inside the process comes from.

use std::net::SocketAddr;

/// Where a connection inside the process comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct LinkOrigin {
    /// Which way in it takes, by its place in the list given to [`serve_links`].
    ///
    /// [`serve_links`]: crate::shard::Shard::serve_links
    pub entry: usize,
    /// The address of whoever speaks through it, if that is not this process itself.
    pub address: Option<SocketAddr>,
}
