//! Runs a future where the broker runs it: inside an executor of the runtime.

use std::future::Future;

use glommio::{LocalExecutorBuilder, Placement};

/// Runs the future that `make` returns to its end on an executor of its own.
pub(crate) fn run<T, F>(make: impl FnOnce() -> F + Send + 'static) -> T
where
    T: Send + 'static,
    F: Future<Output = T> + 'static,
{
    LocalExecutorBuilder::new(Placement::Unbound)
        .spawn(make)
        .expect("an executor starts")
        .join()
        .expect("the executor ends without a panic")
}
