//! What a simulation found wrong.

/// A promise that was broken.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{promise}: {detail}")]
pub struct Finding {
    /// Which promise, in a few words that do not change.
    pub promise: &'static str,
    /// Who, what and when.
    pub detail: String,
}

impl Finding {
    /// A broken promise, and the details of it.
    #[must_use]
    pub fn new(promise: &'static str, detail: impl Into<String>) -> Finding {
        Finding { promise, detail: detail.into() }
    }
}

/// Finds that `promise` is broken unless `holds`.
///
/// # Errors
/// The finding, with what `detail` says.
pub fn demand(
    holds: bool,
    promise: &'static str,
    detail: impl FnOnce() -> String,
) -> Result<(), Finding> {
    if holds { Ok(()) } else { Err(Finding::new(promise, detail())) }
}
