//! The files that travel.

use std::fs;
use std::path::{Path, PathBuf};

/// Files below a folder, in a fixed order.
pub(super) struct Corpus {
    pub(super) files: Vec<PathBuf>,
}

impl Corpus {
    /// Every `share`-th file below `root`, and every file above the payload limit.
    pub(super) fn read(root: &Path, share: usize) -> Corpus {
        let mut files = Vec::new();
        let mut folders = vec![root.to_owned()];
        // Ends because the folder is a finite tree; links are not followed.
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder).expect("the registry can be read") {
                let entry = entry.expect("the registry can be read");
                let kind = entry.file_type().expect("a file has a type");
                if kind.is_dir() {
                    folders.push(entry.path());
                } else if kind.is_file() {
                    files.push(entry.path());
                }
            }
        }
        files.sort();
        let files = files.into_iter().enumerate();
        let chosen = files.filter(|(at, path)| at % share == 0 || is_large(path));
        Corpus { files: chosen.map(|(_, path)| path).collect() }
    }
}

fn is_large(path: &Path) -> bool {
    let limit = coilgun_protocol::model::limits::PAYLOAD_BYTES_DEFAULT as u64;
    fs::metadata(path).is_ok_and(|found| found.len() > limit && found.len() < 8 * limit)
}
