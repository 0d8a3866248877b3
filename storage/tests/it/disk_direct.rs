//! What only the real disk can show: that blocks are there, and that writes are synced and direct.

use std::fs;
use std::future::poll_fn;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::rc::Rc;
use std::task::Poll;

use coilgun_storage::disk::{
    BLOCK_BYTES, DirectDisk, Disk, DiskError, DiskFile, FileKind, Operation,
};

use crate::executor::run;

/// The flags with which this process has a file open, as the kernel shows them (proc(5)).
fn open_flags(path: &Path) -> i32 {
    let found = fs::read_dir("/proc/self/fd").expect("the kernel shows them");
    let descriptor = found
        .map(|entry| entry.expect("it can be read").path())
        .find(|entry| fs::read_link(entry).is_ok_and(|target| target == path))
        .expect("the file is open");
    let number = descriptor.file_name().expect("it has a number");
    let info = Path::new("/proc/self/fdinfo").join(number);
    let info = fs::read_to_string(info).expect("the kernel shows it");
    let flags = info.lines().find_map(|line| line.strip_prefix("flags:")).expect("it has flags");
    i32::from_str_radix(flags.trim(), 8).expect("they are octal")
}

#[test]
fn a_filled_file_has_all_its_blocks_and_is_for_this_user_only() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().to_owned();
    // More than is filled by one write, and a rest.
    let bytes = (2 << 20) + 3 * BLOCK_BYTES as u64;
    run(move || async move {
        let disk = DirectDisk::new(&path);
        disk.create_filled("segment", bytes)
            .await
            .expect("it is new")
            .close()
            .await
            .expect("closed");
        disk.write_small("small", b"x").await.expect("it is new");
    });
    let found = fs::metadata(directory.path().join("segment")).expect("it is there");
    assert_eq!(found.len(), bytes);
    assert!(
        found.blocks() * 512 >= bytes,
        "{} of {bytes} bytes are allocated",
        found.blocks() * 512
    );
    for name in ["segment", "small"] {
        let mode =
            fs::metadata(directory.path().join(name)).expect("it is there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
    assert!(
        fs::read(directory.path().join("segment"))
            .expect("it is there")
            .iter()
            .all(|byte| *byte == 0)
    );
}

#[test]
fn writes_are_synced_and_go_around_the_page_cache() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().canonicalize().expect("it is there");
    run(move || async move {
        let disk = DirectDisk::new(&path);
        let segment = path.join("segment");
        let file = disk.create_filled("segment", BLOCK_BYTES as u64).await.expect("it is new");
        let expected = libc::O_DSYNC | libc::O_DIRECT;
        assert_eq!(open_flags(&segment) & expected, expected, "as it was made");
        file.close().await.expect("it is closed");
        let file = disk.open("segment").await.expect("it is there");
        assert_eq!(open_flags(&segment) & expected, expected, "opened again");
        assert_eq!(open_flags(&segment) & libc::O_ACCMODE, libc::O_RDWR);
        file.close().await.expect("it is closed");
        let file = disk.open_read_only("segment").await.expect("it is there");
        assert_eq!(open_flags(&segment) & libc::O_ACCMODE, libc::O_RDONLY);
        file.close().await.expect("it is closed");
    });
}

#[test]
fn a_file_system_without_direct_io_is_refused_with_advice() {
    let error = run(|| async {
        let disk = DirectDisk::new(Path::new("/proc/self"));
        disk.open_read_only("status").await.expect_err("it has no direct IO")
    });
    let text = error.to_string();
    assert!(
        text.contains("the file system of /proc/self has no direct IO; use ext4 or xfs"),
        "{text}"
    );
}

#[test]
fn errors_of_the_kernel_keep_their_number() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().to_owned();
    fs::create_dir(path.join("directory")).expect("it can be made");
    let errors: Vec<DiskError> = run(move || async move {
        let disk = DirectDisk::new(&path);
        disk.write_small("file", b"").await.expect("it is new");
        vec![
            disk.open("directory").await.expect_err("it is none"),
            disk.remove("directory").await.expect_err("it is none"),
            disk.rename("file", "directory").await.expect_err("it is in the way"),
            DirectDisk::new(&path.join("gone")).sync_directory().await.expect_err("it is gone"),
            DirectDisk::new(&path.join("gone")).list().await.expect_err("it is gone"),
        ]
    });
    let numbers: Vec<_> = errors.iter().map(|error| error.source.raw_os_error()).collect();
    let expected = [libc::EISDIR, libc::EISDIR, libc::EISDIR, libc::ENOENT, libc::ENOENT];
    assert_eq!(numbers, expected.map(Some), "{errors:?}");
    let operations: Vec<_> = errors.iter().map(|error| error.operation).collect();
    let expected =
        [Operation::Open, Operation::Remove, Operation::Rename, Operation::Open, Operation::List];
    assert_eq!(operations, expected);
}

#[test]
fn foreign_things_in_the_directory_are_listed_as_what_they_are() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    fs::create_dir(directory.path().join("directory")).expect("it can be made");
    std::os::unix::fs::symlink("nowhere", directory.path().join("link")).expect("it can be made");
    fs::write(directory.path().join("file"), b"12").expect("it can be written");
    let path = directory.path().to_owned();
    let entries =
        run(move || async move { DirectDisk::new(&path).list().await }).expect("it is there");
    let found: Vec<_> =
        entries.iter().map(|entry| (entry.name.as_str(), entry.bytes, entry.kind)).collect();
    let expected = [
        ("directory", 0, FileKind::Directory),
        ("file", 2, FileKind::File),
        ("link", 0, FileKind::Other),
    ];
    assert_eq!(found, expected);
}

#[test]
fn memory_of_a_write_that_nobody_waits_for_does_not_change_under_it() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().to_owned();
    run(move || async move {
        let disk = DirectDisk::new(&path);
        let bytes = 256 * BLOCK_BYTES;
        let file = disk.create_filled("segment", bytes as u64).await.expect("it is new");
        for _ in 0..10 {
            let mut buffer = disk.buffer(bytes);
            buffer.as_mut().fill(1);
            let buffer = Rc::new(buffer);
            {
                let mut write = std::pin::pin!(file.write(buffer.clone(), 0));
                poll_fn(|context| Poll::Ready(write.as_mut().poll(context).is_ready())).await;
            }
            let mut buffer = Rc::try_unwrap(buffer).expect("the write has given it back");
            buffer.as_mut().fill(2);
            file.sync().await.expect("it is synced");
            let read = file.read(0, bytes).await.expect("it is read");
            assert!(read.as_ref().iter().all(|byte| *byte < 2));
        }
        file.close().await.expect("it is closed");
    });
}
