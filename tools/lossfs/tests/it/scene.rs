//! A mounted file system in a folder of its own.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

use coilgun_lossfs::{Forgotten, Keep, LossyDisk, in_own_mounts, missing};
use tempfile::TempDir;

pub(crate) struct Scene {
    pub(crate) disk: LossyDisk,
    folder: TempDir,
}

/// Runs a test on a file system, if one can be mounted here.
pub(crate) fn with_disk(test: impl FnOnce(&Scene) + Send) {
    if let Some(why) = missing() {
        // `cargo xtask test --require-peers` sets it.
        assert!(std::env::var_os("COILGUN_REQUIRE_PEERS").is_none(), "{why}");
        let thread = std::thread::current();
        // Past the test's own output, which is shown for tests that fail only.
        let said =
            writeln!(io::stderr(), "{} is skipped: {why}", thread.name().unwrap_or("a test"));
        said.expect("standard error is open");
        return;
    }
    in_own_mounts(|| {
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("it is writable");
        fs::create_dir(folder.path().join("mounted")).expect("it is writable");
        let (backing, point) = (folder.path().join("backing"), folder.path().join("mounted"));
        let disk = LossyDisk::mount(&backing, &point, 7).expect("root may mount");
        let scene = Scene { disk, folder };
        test(&scene);
        scene.disk.unmount().expect("it was mounted");
    });
}

impl Scene {
    /// A path on the file system.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join("mounted").join(name)
    }

    /// Opens a file to write it, and makes it if it is not there.
    pub(crate) fn open(&self, name: &str, flags: i32) -> File {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).custom_flags(flags);
        options.open(self.path(name)).expect("it can be opened")
    }

    /// Makes the names in the directory durable.
    pub(crate) fn sync_names(&self) {
        File::open(self.path(".")).and_then(|it| it.sync_all()).expect("there is power");
    }

    /// The content of a file; nothing if it is not there.
    pub(crate) fn read(&self, name: &str) -> Option<Vec<u8>> {
        fs::read(self.path(name)).ok()
    }

    /// Cuts the power; what that took. Afterwards the file system and the disk below are the same.
    pub(crate) fn cut(&self, keep: Keep) -> Forgotten {
        self.disk.cut();
        assert!(fs::read_dir(self.path(".")).is_err(), "nothing works without power");
        let forgotten = self.disk.forget(keep).expect("the disk below works");
        let names = |path| {
            let entries = fs::read_dir(path).expect("it is a directory");
            let mut names: Vec<_> =
                entries.map(|it| it.expect("it is there").file_name()).collect();
            names.sort();
            names
        };
        let found = names(self.path("."));
        assert_eq!(found, names(self.disk.on_disk()));
        for name in found {
            let seen = fs::read(self.path(".").join(&name)).ok();
            assert_eq!(seen, fs::read(self.disk.on_disk().join(&name)).ok(), "{name:?}");
        }
        forgotten
    }
}
