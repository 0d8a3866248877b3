//! Makes connections inside the process, from any thread.

use std::sync::{Arc, Weak};

use coilgun_protocol::link::{Link, LinkConnector, LinkRefused};

use super::door::{Door, Doors};
use super::origin::LinkOrigin;
use crate::env::monotonic_now;
use crate::shard::{LoadTable, PlacementPolicy};

/// Which shard a connection inside the process goes to.
#[derive(Clone, Debug)]
pub struct Placing {
    /// What each shard carries.
    pub loads: LoadTable,
    /// How connections are shared out.
    pub policy: PlacementPolicy,
    /// Connections there may be, those through sockets included.
    pub connections_max: usize,
}

/// Makes connections to one broker of this process. Cheap to clone, usable from any thread. It keeps
/// nothing of a broker that has ended.
#[derive(Clone, Debug)]
pub struct Connector {
    doors: Weak<[Arc<Door>]>,
    placing: Placing,
    origin: LinkOrigin,
}

impl Connector {
    /// Makes connections through `doors` as long as somebody else keeps them.
    #[must_use]
    pub fn new(doors: &Doors, placing: Placing) -> Connector {
        let origin = LinkOrigin::default();
        Connector { doors: Arc::downgrade(doors), placing, origin }
    }

    /// Where its connections come from.
    #[must_use]
    pub fn origin(&self) -> LinkOrigin {
        self.origin
    }

    /// The same, and its connections come from there.
    #[must_use]
    pub fn from_there(self, origin: LinkOrigin) -> Connector {
        Connector { origin, ..self }
    }
}

impl LinkConnector for Connector {
    fn connect(&self) -> Result<Box<dyn Link>, LinkRefused> {
        let doors = self.doors.upgrade().ok_or(LinkRefused::Ended)?;
        if doors.iter().any(|door| !door.is_open()) {
            return Err(LinkRefused::Ended);
        }
        let Placing { loads, policy, connections_max } = &self.placing;
        if loads.connections() >= *connections_max as u64 {
            return Err(LinkRefused::Full);
        }
        let shard = policy.choose(loads.loads(monotonic_now()));
        let door = &doors[shard.index()];
        // Counted before the shard can hear of it; the shard takes it off when it is over.
        loads.add_connection(shard);
        match door.connect(self.origin) {
            Ok(link) => Ok(Box::new(link)),
            Err(refused) => {
                if refused == LinkRefused::Full {
                    // No shard ever hears of it.
                    loads.remove_connection(shard);
                }
                Err(refused)
            }
        }
    }
}
