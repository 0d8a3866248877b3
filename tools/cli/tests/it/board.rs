//! A folder with a mounted disk, and the broker on it.

use std::fs;
use std::io::{self, Write};
use std::path::PathBuf;

use coilgun_lossfs::{LossyDisk, in_own_mounts, missing};
use tempfile::TempDir;

use crate::process::{self, Running, coilgun};

/// A disk that forgets, and the broker on it.
pub(crate) struct Board {
    pub(crate) disk: LossyDisk,
    pub(crate) place: Place,
}

/// A folder in which something is mounted, and in which a broker runs.
pub(crate) struct Place {
    pub(crate) folder: TempDir,
}

/// Runs a test with a disk that forgets, if one can be mounted here; whether one can.
pub(crate) fn with_board(seed: u64, test: impl FnOnce(&Board) + Send) -> bool {
    if let Some(why) = missing() {
        skip(&why);
        return false;
    }
    in_own_mounts(|| {
        let place = Place::new();
        let backing = place.folder.path().join("backing");
        let disk = LossyDisk::mount(&backing, &place.mount_point(), seed).expect("root may mount");
        let board = Board { disk, place };
        test(&board);
        board.disk.unmount().expect("it was mounted");
    });
    true
}

/// Says why a test does not run. `cargo xtask test --require-peers` has that fail.
pub(crate) fn skip(why: &str) {
    assert!(std::env::var_os("COILGUN_REQUIRE_PEERS").is_none(), "{why}");
    let thread = std::thread::current();
    // Past the test's own output, which is shown for tests that fail only.
    let said = writeln!(io::stderr(), "{} is skipped: {why}", thread.name().unwrap_or("a test"));
    said.expect("standard error is open");
}

impl Place {
    /// A folder where nothing is mounted yet.
    pub(crate) fn new() -> Place {
        let place = Place { folder: process::folder() };
        fs::create_dir(place.mount_point()).expect("the folder is writable");
        fs::write(place.folder.path().join("coilgun.toml"), "[log]\nsegment_bytes = 8388608\n")
            .expect("the folder is writable");
        place
    }

    /// Where the disk belongs on which the data directory is.
    pub(crate) fn mount_point(&self) -> PathBuf {
        self.folder.path().join("disk")
    }

    /// Where the broker listens; not on that disk.
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
