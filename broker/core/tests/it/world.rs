//! A router with clients, made and asked in few words.

use coilgun_core::router::{ClientAttributes, Plan, RouteHint, Router, RouterLimits, Subscription};
use coilgun_protocol::model::{
    ClientId, ErrorCode, NamespaceId, OpenFlags, SlowConsumer, SubscriptionId, Visibility,
};

/// The keys most tests give to the router's tables.
pub(crate) const SEEDS: [u64; 4] = [1, 2, 3, 4];

/// Credit without limit.
pub(crate) const UNLIMITED: u32 = u32::MAX;

/// A router, a plan and a hint to try it with.
pub(crate) struct World {
    pub(crate) router: Router,
    pub(crate) plan: Plan,
    pub(crate) hint: RouteHint,
}

/// The client in this slot, in its first life.
pub(crate) fn client(slot: u32) -> ClientId {
    ClientId { slot, generation: 0 }
}

/// A plain subscription that sees everything and never runs out of credit.
pub(crate) fn wants(id: u64, filter: &str) -> Subscription<'_> {
    Subscription {
        id: SubscriptionId(id),
        filter: filter.as_bytes(),
        group: b"",
        credit: UNLIMITED,
        deliveries_max: 0,
        visibility: Visibility::ALL,
        slow_consumer: SlowConsumer::default(),
    }
}

impl World {
    /// A router with these limits and `clients` clients in the default namespace.
    pub(crate) fn with_limits(clients: u32, limits: RouterLimits) -> World {
        let mut router = Router::new(SEEDS, limits);
        for slot in 0..clients {
            router.add_client(client(slot), ClientAttributes::default());
        }
        World { router, plan: Plan::default(), hint: RouteHint::default() }
    }

    /// A router with default limits.
    pub(crate) fn new(clients: u32) -> World {
        World::with_limits(clients, RouterLimits::default())
    }

    /// Adds a client that wants to be treated like this.
    pub(crate) fn add(&mut self, slot: u32, namespace: u16, flags: OpenFlags) {
        let namespace = NamespaceId(namespace);
        self.router.add_client(
            client(slot),
            ClientAttributes { namespace, flags, ..ClientAttributes::default() },
        );
    }

    /// Subscribes, which must succeed.
    pub(crate) fn subscribe(&mut self, slot: u32, wanted: Subscription<'_>) {
        assert_eq!(self.router.subscribe(client(slot), wanted), Ok(()));
    }

    /// Plans a message from the client in `slot`; every outbox has room.
    pub(crate) fn plan(&mut self, slot: u32, subject: &str) -> Vec<(u32, u64, u32)> {
        let World { router, plan, hint } = self;
        let planned = router.plan(client(slot), subject.as_bytes(), hint, |_| true, plan);
        assert_eq!(planned, Ok(()));
        self.targets()
    }

    /// Plans a message and carries the plan out. Returns slot, number and missed count per target.
    pub(crate) fn publish(&mut self, slot: u32, subject: &str) -> Vec<(u32, u64, u32)> {
        let targets = self.plan(slot, subject);
        self.router.commit(&self.plan);
        assert_eq!(self.router.invariants(), Ok(()));
        targets
    }

    /// Slot, number and missed count per target of the plan.
    pub(crate) fn targets(&self) -> Vec<(u32, u64, u32)> {
        let short = |target: &coilgun_core::router::Target| {
            (target.client.slot, target.subscription.0, target.missed)
        };
        self.plan.targets().iter().map(short).collect()
    }

    /// What planning a message says.
    pub(crate) fn refusal(&mut self, slot: u32, subject: &[u8]) -> Result<(), ErrorCode> {
        let World { router, plan, hint } = self;
        router.plan(client(slot), subject, hint, |_| true, plan)
    }
}
