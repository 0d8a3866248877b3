//! The file system while it is mounted, and the hand on its power.

use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use fuser::{BackgroundSession, Config, MountOption};

use crate::dice::Dice;
use crate::faults::{Faults, Lie};
use crate::filesystem::{LossyFilesystem, SharedVolume};
use crate::namespace::unmount_as;
use crate::power::Power;
use crate::storing::Forgotten;
use crate::volume::Volume;

/// Why there is no file system.
#[derive(Debug)]
pub struct MountError {
    doing: &'static str,
    path: PathBuf,
    source: io::Error,
}

impl core::fmt::Display for MountError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "cannot {} {}: {}", self.doing, self.path.display(), self.source)
    }
}

impl core::error::Error for MountError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        Some(&self.source)
    }
}

/// What a power cut leaves of what was not synced.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Keep {
    /// Nothing.
    Nothing,
    /// What dice with this seed choose: of each block all, some sectors or nothing, of each file the new
    /// length or the old one, and of each directory's changes the first ones.
    Some(u64),
}

/// A mounted file system that forgets. Dropping it unmounts it, also under a process that still uses it.
#[derive(Debug)]
pub struct LossyDisk {
    volume: SharedVolume,
    power: Arc<Power>,
    mount_point: PathBuf,
    backing: PathBuf,
    /// Nothing once it was unmounted.
    session: Option<BackgroundSession>,
}

impl LossyDisk {
    /// Mounts at `mount_point`, an empty directory, what is kept in `backing`. The seed says in which order
    /// blocks reach the disk. A thread of this process serves it: who blocks that one blocks all.
    ///
    /// # Errors
    /// If this process may not mount, or the disk below refuses.
    pub fn mount(backing: &Path, mount_point: &Path, seed: u64) -> Result<LossyDisk, MountError> {
        let on = |doing, path: &Path| {
            let path = path.to_owned();
            move |source| MountError { doing, path, source }
        };
        let power = Arc::new(Power::new());
        let volume = Volume::open(backing, seed, power.clone()).map_err(on("take in", backing))?;
        #[expect(clippy::disallowed_types, reason = "the type of `SharedVolume`")]
        let volume: SharedVolume = Arc::new(std::sync::Mutex::new(volume));
        let filesystem = LossyFilesystem { volume: volume.clone(), power: power.clone() };
        let mut config = Config::default();
        config.mount_options =
            vec![MountOption::FSName("lossfs".to_owned()), MountOption::DefaultPermissions];
        let session = fuser::spawn_mount(filesystem, mount_point, &config)
            .map_err(on("mount", mount_point))?;
        Ok(LossyDisk {
            volume,
            power,
            mount_point: mount_point.to_owned(),
            backing: backing.to_owned(),
            session: Some(session),
        })
    }

    /// The directory that a disk would hold if the power were cut now.
    #[must_use]
    pub fn on_disk(&self) -> PathBuf {
        self.backing.join("disk")
    }

    /// Cuts the power: from now on nothing reaches the disk, and everything fails with `EIO`. What is under
    /// way stops where it is, also between two blocks of a synced write. Returns when it has.
    pub fn cut(&self) {
        self.power.cut();
        drop(self.locked());
    }

    /// Has the power cut itself after so many steps in which something becomes durable: a block, the length of
    /// a file, or a change of a name; or never. Earlier calls count no more. False if it was cut already.
    pub fn cut_after(&self, steps: Option<u32>) -> bool {
        self.power.cut_after(steps)
    }

    /// How many such steps there were since it was mounted.
    #[must_use]
    pub fn steps(&self) -> u64 {
        self.power.taken()
    }

    /// Whether the power was cut, or has cut itself.
    #[must_use]
    pub fn is_cut(&self) -> bool {
        self.power.is_cut()
    }

    /// Drops what is not on the disk, closes what is open, and brings the power back. To be called when the
    /// processes that used the file system have ended: a handle of theirs does not work any more.
    ///
    /// # Errors
    /// If the disk below refuses.
    pub fn forget(&self, keep: Keep) -> io::Result<Forgotten> {
        let mut volume = self.locked();
        let mut dice = match keep {
            Keep::Nothing => None,
            Keep::Some(seed) => Some(Dice::new(seed)),
        };
        let forgotten = volume.forget(dice.as_mut());
        self.power.restore();
        forgotten
    }

    /// How many bytes all files may have together; `None` sets no limit. What is there stays.
    pub fn set_capacity(&self, bytes: Option<u64>) {
        self.change_faults(|faults| faults.capacity_bytes = bytes);
    }

    /// How many bytes all files have together, in whole blocks.
    #[must_use]
    pub fn used_bytes(&self) -> u64 {
        self.locked().used_bytes()
    }

    /// Has writes to files whose names begin so fail with `EIO`, or none.
    pub fn fail_writes_to(&self, beginning: Option<&OsStr>) {
        self.change_faults(|faults| faults.failing = beginning.map(OsStr::to_owned));
    }

    /// Breaks a promise from now on, or none.
    pub fn lie(&self, lie: Option<Lie>) {
        self.change_faults(|faults| faults.lie = lie);
    }

    fn change_faults(&self, change: impl FnOnce(&mut Faults)) {
        change(&mut self.locked().faults);
    }

    fn locked(&self) -> std::sync::MutexGuard<'_, Volume> {
        self.volume.lock().expect("nobody panics who has it")
    }

    /// Unmounts it and waits until nobody uses it. What was not synced is lost.
    ///
    /// # Errors
    /// If it is not mounted any more, or serving it failed.
    pub fn unmount(mut self) -> io::Result<()> {
        unmount_as(&self.mount_point, libc::MNT_DETACH)?;
        match self.session.take() {
            Some(session) => session.join(),
            None => Ok(()),
        }
    }
}

impl Drop for LossyDisk {
    fn drop(&mut self) {
        if self.session.is_some() {
            // It fails if somebody else has unmounted it, which is as good.
            let _ = unmount_as(&self.mount_point, libc::MNT_DETACH);
        }
    }
}
