//! Deliberate faults that prove that the tests of a crate can fail.
//!
//! What it does: lends every crate the same way to name its faults and to switch one on
//! ([`mutants!`](crate::mutants)). What it never does: without the feature `mutants` of the crate that
//! uses it, which only that crate's own tests ask for, no fault can be switched on and the questions cost
//! nothing.

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
