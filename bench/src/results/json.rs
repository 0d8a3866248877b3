//! Reports as JSON.

use std::fs;
use std::path::Path;

use serde::Serialize;

use crate::error::BenchError;

/// Writes a report without spaces, and a line feed behind it.
///
/// # Errors
/// If the file cannot be written.
pub(crate) fn write_compact(report: &impl Serialize, path: &Path) -> Result<(), BenchError> {
    let failed = |error| BenchError::Write { path: path.to_owned(), error };
    let mut text = serde_json::to_vec(report).map_err(|error| failed(error.into()))?;
    text.push(b'\n');
    fs::write(path, text).map_err(failed)
}
