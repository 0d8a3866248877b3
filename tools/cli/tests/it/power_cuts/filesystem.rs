//! The binary on a real ext4 that is shut down under it, again and again (`FS_IOC_SHUTDOWN`, without a flush of
//! the journal).
//!
//! It checks metadata and ordering only: names, lengths and allocations that were not synced are lost as in a
//! power cut, because ext4 has not committed them. Blocks that were written are not: they are on the disk below,
//! whose power nobody cuts. What is lost of those, and in which order, is tried on the disk that forgets.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use coilgun_lossfs::{in_own_mounts, mount_kind, unmount};

use crate::board::{Place, skip};
use crate::load::{Crowd, dice};
use crate::stream_peer::StreamPeer;

/// Flag of the kernel: the journal is not flushed before the end.
const NO_LOG_FLUSH: u32 = 2;
/// `_IOR('X', 125, __u32)`, as ext4 and xfs have it.
const FS_IOC_SHUTDOWN: libc::Ioctl = 0x8004_587D;
/// Far longer than the kernel needs to close the files of a process that was killed.
const PATIENCE: Duration = Duration::from_secs(30);

/// How often the file system is shut down, and how large it is.
fn round_count() -> (u64, u64) {
    if std::env::var_os("COILGUN_TEST_FULL").is_some() { (200, 8 << 30) } else { (40, 2 << 30) }
}

/// A file with a file system in it.
struct Image {
    file: PathBuf,
    mount_point: PathBuf,
}

impl Image {
    fn new(place: &Place, bytes: u64) -> Image {
        let file = place.folder.path().join("image");
        File::create(&file).and_then(|it| it.set_len(bytes)).expect("the folder is writable");
        let image = Image { file, mount_point: place.mount_point() };
        output("mkfs.ext4", &["-q", "-F", image.text()]).expect("it makes a file system");
        image
    }

    fn text(&self) -> &str {
        self.file.to_str().expect("the build directory has a plain name")
    }

    /// Mounts it. The device ends with the mount.
    fn mount(&self) {
        let device = output("losetup", &["--find", "--show", self.text()]).expect("one is free");
        let mounted = mount_kind("ext4", Path::new(&device), &self.mount_point, false);
        output("losetup", &["--detach", &device]).expect("it is ours");
        mounted.expect("root may mount");
    }

    /// Shuts the file system down: from now on everything on it fails.
    fn shut_down(&self) {
        let directory = File::open(&self.mount_point).expect("it is mounted");
        let flags = NO_LOG_FLUSH;
        // SAFETY: the descriptor is open, and the kernel reads a number that lives through the call.
        let result =
            unsafe { libc::ioctl(directory.as_raw_fd(), FS_IOC_SHUTDOWN, &raw const flags) };
        assert_eq!(result, 0, "{}", io::Error::last_os_error());
    }

    /// Unmounts it when nobody uses it any more.
    fn unmount(&self) {
        let begun = Instant::now();
        // Ends because the kernel closes what a dead process had open, some of it a little later.
        while let Err(error) = unmount(&self.mount_point) {
            assert!(begun.elapsed() < PATIENCE, "nobody uses it: {error}");
            thread::yield_now();
        }
    }
}

/// What a program says, if it does what it should.
fn output(program: &str, arguments: &[&str]) -> io::Result<String> {
    let output = Command::new(program).args(arguments).output()?;
    if !output.status.success() {
        return Err(io::Error::other(String::from_utf8_lossy(&output.stderr).into_owned()));
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim_end().to_owned())
}

/// What this machine lacks for it.
fn missing() -> Option<String> {
    let programs = ["mkfs.ext4", "losetup"].into_iter();
    let mut absent = programs.filter(|program| output(program, &["-V"]).is_err());
    absent
        .next()
        .map(|program| format!("{program} does not run"))
        .or_else(|| output("losetup", &["--find"]).err().map(|it| format!("no loop device: {it}")))
        .or_else(coilgun_lossfs::missing)
}

#[test]
fn l7_l13_nothing_acked_is_lost_or_doubled_whenever_the_file_system_is_shut_down() {
    if let Some(why) = missing() {
        skip(&why);
        return;
    }
    in_own_mounts(|| {
        let begun = Instant::now();
        let (rounds, bytes) = round_count();
        let place = Place::new();
        let (image, mut crowd) = (Image::new(&place, bytes), Crowd::new());
        for number in 0..rounds {
            image.mount();
            let broker = place.start();
            if number == 0 {
                Crowd::create_stream(&place.socket());
            }
            let (acks_wanted, is_down) = (1 + dice(number) % 120, AtomicBool::new(false));
            let has_failed = || is_down.load(Ordering::SeqCst);
            crowd.run(&place.socket(), acks_wanted, &has_failed, |_| {
                is_down.store(true, Ordering::SeqCst);
                image.shut_down();
                broker.signal(libc::SIGKILL);
            });
            drop(broker);
            image.unmount();
        }
        image.mount();
        let broker = place.start();
        let tally = crowd.check(&mut StreamPeer::connect(&place.socket()));
        broker.signal(libc::SIGTERM);
        assert_eq!(broker.end().status, 0);
        image.unmount();
        println!("{rounds} shut down, {tally:?}, {:?}", begun.elapsed());
        assert!(tally.records > 50 * rounds && tally.resent > rounds, "{tally:?}");
        assert!(tally.seen > 10 * rounds && tally.unknown > 0, "{tally:?}");
    });
}
