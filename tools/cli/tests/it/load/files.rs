//! Real files as records.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Largest record, in bytes; longer files are cut.
const RECORD_BYTES_MAX: usize = 60_000;

/// The sources of this repository.
#[derive(Clone)]
pub(super) struct Files(Arc<Vec<Vec<u8>>>);

impl Files {
    pub(super) fn of_this_repository() -> Files {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let mut folders: Vec<PathBuf> =
            ["broker", "storage", "protocol", "docs"].iter().map(|it| root.join(it)).collect();
        let mut files = Vec::new();
        // Ends because the folders are a finite tree.
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).expect("the repository can be read") {
                let path = entry.expect("the repository can be read").path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    files.push(path);
                }
            }
        }
        files.sort();
        let read = |path: PathBuf| {
            let mut bytes = fs::read(path).expect("the repository can be read");
            bytes.truncate(RECORD_BYTES_MAX);
            bytes
        };
        Files(Arc::new(files.into_iter().map(read).collect()))
    }

    /// The record with this number of a partition: a file, and which it is.
    pub(super) fn record(&self, partition: u32, number: u64) -> Vec<u8> {
        let at = (number as usize * 7 + partition as usize) % self.0.len();
        let mut record = format!("{partition}:{number}:").into_bytes();
        record.extend_from_slice(&self.0[at]);
        record
    }
}
