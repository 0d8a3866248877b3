//! What the tests of futures run on.

use std::future::Future;
use std::time::Duration;

/// Longer than any test takes, so that what hangs fails.
const TEST_TIME: Duration = Duration::from_secs(120);

/// Runs a test on two threads, and fails it if it hangs.
pub(crate) fn run(test: impl Future<Output = ()>) {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    let runtime = builder.worker_threads(2).enable_all().build().expect("a runtime");
    runtime.block_on(async { tokio::time::timeout(TEST_TIME, test).await.expect("it hangs") });
}
