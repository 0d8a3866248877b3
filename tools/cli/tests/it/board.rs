//! A folder with a mounted disk that forgets, and the broker on it.

use std::fs;
use std::path::PathBuf;

use coilgun_lossfs::{LossyDisk, in_own_mounts, missing};
use tempfile::TempDir;

use crate::process::{self, Running, coilgun};

/// A disk and what runs on it.
pub(crate) struct Board {
    pub(crate) disk: LossyDisk,
    folder: TempDir,
}

/// Runs a test with a disk that forgets, if one can be mounted here.
pub(crate) fn with_board(seed: u64, test: impl FnOnce(&Board) + Send) {
    if let Some(why) = missing() {
        skip(&why);
        return;
    }
    in_own_mounts(|| {
        let folder = process::folder();
        let (backing, point) = (folder.path().join("backing"), folder.path().join("disk"));
        fs::create_dir(&point).expect("the folder is writable");
        fs::write(folder.path().join("coilgun.toml"), "[log]\nsegment_bytes = 8388608\n")
            .expect("the folder is writable");
        let disk = LossyDisk::mount(&backing, &point, seed).expect("root may mount");
        let board = Board { disk, folder };
        test(&board);
        board.disk.unmount().expect("it was mounted");
    });
}

/// Says why a test does not run. `cargo xtask test --require-peers` has that fail.
pub(crate) fn skip(why: &str) {
    assert!(std::env::var_os("COILGUN_REQUIRE_PEERS").is_none(), "{why}");
    println!("skipped: {why}");
}

impl Board {
    /// Where the broker listens; not on the disk that forgets.
    pub(crate) fn socket(&self) -> PathBuf {
        self.folder.path().join("coilgun.sock")
    }

    /// The broker, not started.
    pub(crate) fn command(&self) -> std::process::Command {
        let mut command = coilgun(&["serve", "--config", "coilgun.toml", "--data", "disk/data"]);
        command.args(["--shards", "2", "--listen", "none", "--elbus-unix", "none"]);
        command.args(["--unix", "coilgun.sock"]).current_dir(self.folder.path());
        command
    }

    /// Starts the broker.
    pub(crate) fn start(&self) -> Running {
        let mut process = Running::start(self.command());
        process.wait_for("coilgun: listening on ");
        process
    }
}
