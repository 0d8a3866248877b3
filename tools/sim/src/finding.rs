//! What a simulation found wrong.

use core::any::Any;

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

    /// What a simulation found that ended in a panic.
    #[must_use]
    pub fn of_panic(panic: &(dyn Any + Send)) -> Finding {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|&text| text.to_owned()));
        Finding::new("no assertion fails", text.unwrap_or_default())
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
