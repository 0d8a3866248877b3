//! Deliberate faults that prove that the tests can fail.
//!
//! What it does: names faults that the checks of this crate must find, and lets a test switch one on for
//! itself. What it never does: without the feature `mutants`, which only a crate's own tests ask for, no
//! fault can be switched on and the questions cost nothing.

coilgun_protocol::mutants! {
    /// A queue group delivers to two of its members.
    DoubleDelivery,
    /// A subscription without wildcards leaves the cached route of its subject as it is.
    StaleRoute,
    /// A subscription with a wildcard leaves all cached routes as they are.
    StaleWildcard,
    /// A member of a queue group is chosen although it has no credit.
    IgnoredCredit,
    /// The turn of a queue group does not move on.
    StuckTurn,
    /// A client that asked not to hear itself hears itself.
    Echo,
    /// What an identity might do stays remembered in routes when it may do something else.
    StalePermits,
    /// A leading wildcard sees inboxes and system subjects whatever its subscription asked for.
    SeesEverything,
    /// The subscriptions of a client that is being removed in slices are still delivered to.
    Undead,
    /// A shard picks members of queue groups that the publisher's shard did not pick it for.
    RemoteGroupPick,
    /// What a shard hears of another changes what is stored and no remembered route.
    DeafRoute,
    /// A publisher whose hint finds a route may publish to it.
    IgnoredPermission,
    /// Subjects that a client must not see stay in what it subscribed to.
    IgnoredDeny,
    /// Subjects that a client excludes are delivered to it.
    IgnoredExclusion,
    /// Secondaries stay when their primary goes.
    Undying,
    /// An append is acked as durable when it gets its offsets.
    EarlyAck,
    /// Producers of earlier epochs may go on.
    NoEpochCheck,
    /// What a producer sends again is appended again.
    NoDedup,
    /// A duplicate of a pending append is acked before that is durable.
    DuplicateAckedEarly,
    /// Followers see what is written, durable or not.
    VisibleEarly,
    /// An atomic append goes on without the parts that were refused.
    AtomicInPart,
    /// After poison a batch that came before is refused like one that did not.
    KnownAfterPoison,
}
