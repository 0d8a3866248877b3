//! Deliberate faults that prove that the tests can fail.
//!
//! What it does: names faults that the checks of this crate must find, lets a test switch one on for
//! itself, and lends the same to other crates ([`mutants!`](crate::mutants)). What it never does:
//! without the feature `mutants`, which only a crate's own tests ask for, no fault can be switched on
//! and the questions cost nothing.

/// Declares a crate's `Mutant`s, and how a test switches one on: `with` and `is_active`. The crate
/// that uses it has a feature `mutants`.
#[macro_export]
macro_rules! mutants {
    ($($(#[$meaning:meta])* $name:ident,)+) => {
        /// One deliberate fault.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub enum Mutant {
            $($(#[$meaning])* $name,)+
        }

        impl Mutant {
            /// Every fault there is.
            pub const ALL: [Mutant; [$(Mutant::$name),+].len()] = [$(Mutant::$name),+];
        }

        #[cfg(feature = "mutants")]
        std::thread_local! {
            /// The fault that is switched on for the tests of this thread.
            static ACTIVE: core::cell::Cell<Option<Mutant>> = const { core::cell::Cell::new(None) };
        }

        /// Runs `body` with the fault switched on in this thread, and off again afterwards, also if
        /// `body` panics.
        #[cfg(feature = "mutants")]
        pub fn with<R>(mutant: Mutant, body: impl FnOnce() -> R) -> R {
            struct Off;
            impl Drop for Off {
                fn drop(&mut self) {
                    ACTIVE.set(None);
                }
            }
            let _off = Off;
            ACTIVE.set(Some(mutant));
            body()
        }

        /// Whether the fault is switched on in this thread. Public for tests that compile a file of
        /// the crate a second time.
        #[cfg(feature = "mutants")]
        pub fn is_active(mutant: Mutant) -> bool {
            ACTIVE.get() == Some(mutant)
        }

        /// Whether the fault is switched on: never.
        #[cfg(not(feature = "mutants"))]
        #[inline(always)]
        pub(crate) const fn is_active(_mutant: Mutant) -> bool {
            false
        }
    };
}

crate::mutants! {
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
}
