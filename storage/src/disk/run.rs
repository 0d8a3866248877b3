//! An executor for whoever has none: a tool that looks at the files of a log.

use std::future::Future;
use std::io;

use glommio::{LocalExecutorBuilder, Placement};

/// Runs the future that `make` returns to its end, on a thread and an executor of its own, and waits for
/// it. Direct IO works inside of it.
///
/// # Errors
/// If the kernel refuses a thread or the rings of an executor.
///
/// # Panics
/// If the future does.
pub fn block_on<T, F>(make: impl FnOnce() -> F + Send + 'static) -> io::Result<T>
where
    T: Send + 'static,
    F: Future<Output = T> + 'static,
{
    let builder = LocalExecutorBuilder::new(Placement::Unbound).name("log");
    builder.spawn(make).and_then(|thread| thread.join()).map_err(io::Error::from)
}
