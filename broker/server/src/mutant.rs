//! Deliberate faults that prove that the tests of the broker can fail.
//!
//! What it does: names faults of the network, the shard and its sleep that a named test must find. What
//! it never does: without the feature `mutants`, which only this crate's own tests ask for, no fault can
//! be switched on and the questions cost nothing.

coilgun_protocol::mutants! {
    /// The bytes of a send leave the outbox when it is submitted, not when it completes.
    FreedEarly,
    /// A receive that ended by itself counts as armed.
    DroppedReceive,
    /// An accept that ended by itself is not armed again.
    DroppedAccept,
    /// A send that was short begins again with its first byte.
    RepeatedSend,
    /// Clients that come and go are not announced.
    Unannounced,
    /// Who takes a name from somebody gets it before that one has lost it.
    SharedName,
    /// A turn allocates.
    PlantedAllocation,
    /// An append to a stream allocates.
    AllocatingAppend,
    /// A connection that found no receive block is forgotten.
    LostStarved,
    /// A message goes to those of its targets that have room.
    HalfFanOut,
    /// What is dropped for a slow reader is not counted for its subscription.
    UntoldDrop,
    /// A descriptor is closed while operations on it are outstanding.
    EarlyRelease,
    /// A subscription is answered before every other shard knows it.
    EarlyAck,
    /// What a client sends behind a subscription is not held until that is in force everywhere.
    NoHold,
    /// A barrier does not wait for the shards that its client published into.
    NoBarrier,
    /// A message that found nobody of its group on another shard is not sent back.
    LostBounce,
    /// A shard that is about to sleep looks at its queues without a fence before it.
    NoSleeperFence,
    /// Who has put work into a queue looks for the sleeper without a fence before it.
    NoWakerFence,
    /// Who has given a loan back looks whether it is waited for without a fence before it.
    NoLoanFence,
    /// A request is delivered although its time is over.
    LateRequest,
    /// Who has sent through a connection inside the process does not ring the doorbell.
    NoDoorbell,
    /// Who has done something on a connection inside the process looks without a fence before it whether
    /// the other end waits for that.
    NoLinkFence,
    /// A client of elbus keeps what it might do when its entry changes.
    StaleAccess,
    /// Segments are given back before it is durable that their records were given up.
    EarlyReuse,
    /// A verdict counts for whoever is in the slot of the client that asked for it.
    StaleVerdict,
}
