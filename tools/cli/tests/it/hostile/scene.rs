//! A broker that is about to be spoilt, with the clients that must not notice.

use super::base::Base;
use super::good_clients::GoodClients;
use super::peer::{Peer, Said};
use crate::process::Broker;

/// How much more memory a broker may have than before, in KiB: what its tables, its allocator and
/// the kernel's accounting keep, and far less than what any of the tests make it use.
const TOLERANCE_KIB: usize = 4 * 1024;

/// A broker process, two clients that were there before, and what the broker held then.
pub(crate) struct Scene {
    pub(crate) broker: Broker,
    pub(crate) good: GoodClients,
    pub(crate) base: Base,
}

impl Scene {
    /// Starts a broker with these arguments and everything that has to be there before.
    pub(crate) fn set(arguments: &[&str]) -> Scene {
        let broker = Broker::start(arguments);
        let mut good = GoodClients::connect(&broker, "before");
        let before = Base::of(&broker);
        // What the first of each kind makes the broker touch belongs to the base.
        let mut first = GoodClients::connect(&broker, "first");
        first.work_large();
        first.work();
        drop(first);
        let mut refused = Peer::open(&broker);
        refused.write(&[0xff; 8]);
        assert!(matches!(refused.last(), Said::Error { .. }), "no frame begins so");
        drop(refused);
        good.work();
        before.has_descriptors_again();
        Scene { base: Base::of(&broker), broker, good }
    }

    /// Proves that the broker serves the clients that were there before and ones that come now, and
    /// that it holds as much as before; then ends it in good order.
    pub(crate) fn end(self) {
        self.end_with_tolerance(TOLERANCE_KIB);
    }

    /// The same, where a broker may keep more for a reason that the caller names.
    pub(crate) fn end_with_tolerance(mut self, tolerance_kib: usize) {
        self.serves();
        self.base.is_restored(tolerance_kib);
        // A broker that ends waits for clients that stay.
        drop(self.good);
        self.broker.stop();
    }

    /// Proves that the broker serves clients that were there before, and ones that come now.
    pub(crate) fn serves(&mut self) {
        self.good.work();
        GoodClients::connect(&self.broker, "after").work();
    }
}
