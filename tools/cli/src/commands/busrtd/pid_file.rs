//! The file that holds the number of the process.

use std::fs;
use std::path::{Path, PathBuf};

use crate::failure::Failure;

/// A file with the number of this process. It is removed when this is dropped, unless it holds
/// another number by then.
#[derive(Debug)]
pub(super) struct PidFile(PathBuf);

impl PidFile {
    /// Writes it.
    ///
    /// # Errors
    /// If it cannot be written.
    pub(super) fn create(path: &Path) -> Result<PidFile, Failure> {
        // Where it is told from is not where it ends, if somebody changes the directory.
        let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        fs::write(&path, std::process::id().to_string())
            .map_err(|source| Failure::path("write", &path, source))?;
        Ok(PidFile(path))
    }
}

impl Drop for PidFile {
    fn drop(&mut self) {
        let is_ours =
            fs::read_to_string(&self.0).is_ok_and(|text| text == std::process::id().to_string());
        if is_ours {
            // Nobody can do anything about it any more; who reads it finds no such process.
            let _ = fs::remove_file(&self.0);
        }
    }
}
