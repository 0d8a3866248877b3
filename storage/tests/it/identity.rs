//! The identity on a real disk: made once, kept for ever, never overwritten.

use std::fs;
use std::path::{Path, PathBuf};

use coilgun_storage::disk::BLOCK_BYTES;
use coilgun_storage::{
    DataDirectory, IDENTITY_FILE_NAME, Identity, IdentityError, InvalidIdentity,
    open_or_create_identity,
};
use tempfile::TempDir;

use crate::executor::run;

const FIRST: Identity = Identity { log_id: 1 << 100, created_unix_ms: 1_700_000_000_000 };
const SECOND: Identity = Identity { log_id: 2, created_unix_ms: 1_800_000_000_000 };

/// Starts a broker's storage in `path` and stops it again.
fn start(path: &Path, proposed: Identity) -> Result<Identity, IdentityError> {
    let path = path.to_owned();
    run(move || async move {
        let directory = DataDirectory::open(&path).expect("nobody else has it");
        open_or_create_identity(&directory, proposed).await
    })
}

/// A data directory that has the first identity, and its file.
fn started() -> (TempDir, PathBuf) {
    let base = tempfile::tempdir().expect("a temporary directory");
    start(base.path(), FIRST).expect("an empty directory takes what is proposed");
    let file = base.path().join(IDENTITY_FILE_NAME);
    (base, file)
}

/// Asserts that `bytes` in the file are refused, and stay.
fn refused(base: &TempDir, file: &Path, bytes: &[u8]) -> InvalidIdentity {
    fs::write(file, bytes).expect("the file can be damaged");
    let reason = match start(base.path(), SECOND) {
        Err(IdentityError::Invalid { path, reason }) => {
            assert_eq!(path, file);
            reason
        }
        other => panic!("{} bytes must be refused, not {other:?}", bytes.len()),
    };
    assert_eq!(fs::read(file).expect("it is there"), bytes, "the file is left as it was");
    reason
}

#[test]
fn the_first_start_decides_and_later_ones_keep_it() {
    let (base, file) = started();
    assert_eq!(fs::metadata(&file).expect("it is there").len(), BLOCK_BYTES as u64);
    assert_eq!(start(base.path(), SECOND).expect("it reads back"), FIRST);
    assert_eq!(start(base.path(), FIRST).expect("it reads back"), FIRST);
}

#[test]
fn a_crash_before_the_rename_is_recovered() {
    for left in [&b""[..], b"half", FIRST.to_block().bytes()] {
        let base = tempfile::tempdir().expect("a temporary directory");
        let new = base.path().join("IDENTITY.new");
        fs::write(&new, left).expect("it can be written");
        assert_eq!(start(base.path(), SECOND).expect("it starts"), SECOND);
        assert!(!new.exists(), "the leftover is gone");
        assert_eq!(start(base.path(), FIRST).expect("it reads back"), SECOND);
    }
}

#[test]
fn a_crash_after_the_rename_is_recovered() {
    let base = tempfile::tempdir().expect("a temporary directory");
    fs::write(base.path().join(IDENTITY_FILE_NAME), FIRST.to_block().bytes()).expect("written");
    assert_eq!(start(base.path(), SECOND).expect("it starts"), FIRST);
}

#[test]
fn a_flipped_byte_is_refused_on_the_disk() {
    let (base, file) = started();
    let whole = fs::read(&file).expect("it is there");
    // Every field and both ends; the codec's own test flips every bit.
    for at in (0..64).chain([511, 512, 2048, BLOCK_BYTES - 1]) {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x10;
        let expected = if at < 8 { InvalidIdentity::Foreign } else { InvalidIdentity::Checksum };
        assert_eq!(refused(&base, &file, &damaged), expected, "byte {at}");
    }
    fs::write(&file, whole).expect("it can be restored");
    assert_eq!(start(base.path(), SECOND).expect("the backup is good"), FIRST);
}

#[test]
fn a_file_of_another_length_is_refused() {
    let (base, file) = started();
    let whole = fs::read(&file).expect("it is there");
    for length in [0, 1, 511, 512, BLOCK_BYTES - 1] {
        let reason = refused(&base, &file, &whole[..length]);
        assert_eq!(reason, InvalidIdentity::Length { found_bytes: length });
    }
    for extra in [1, BLOCK_BYTES, 3 * BLOCK_BYTES] {
        let longer = [whole.as_slice(), &vec![0; extra]].concat();
        let found_bytes = longer.len().min(2 * BLOCK_BYTES);
        assert_eq!(refused(&base, &file, &longer), InvalidIdentity::Length { found_bytes });
    }
}

#[test]
fn a_foreign_file_is_refused() {
    let (base, file) = started();
    assert_eq!(refused(&base, &file, &[b'x'; BLOCK_BYTES]), InvalidIdentity::Foreign);
    assert_eq!(refused(&base, &file, &[0; BLOCK_BYTES]), InvalidIdentity::Foreign);
}

#[test]
fn something_that_is_no_file_is_refused() {
    let base = tempfile::tempdir().expect("a temporary directory");
    let path = base.path().join(IDENTITY_FILE_NAME);
    fs::create_dir(&path).expect("it can be made");
    let refused = start(base.path(), FIRST);
    assert!(matches!(refused, Err(IdentityError::NotAFile(_))), "{refused:?}");
    fs::remove_dir(&path).expect("it can be removed");
    std::os::unix::fs::symlink(base.path().join("nowhere"), &path).expect("it can be made");
    let refused = start(base.path(), FIRST);
    assert!(matches!(refused, Err(IdentityError::NotAFile(_))), "{refused:?}");
}
