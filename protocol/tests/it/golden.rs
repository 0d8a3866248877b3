//! The files under `tests/golden`, one after the other, so that they can be written anew in one go.

use coilgun_protocol::native::Operation;

use crate::{files, golden_frames, golden_tables};

#[test]
fn golden_files_hold_and_cover_every_operation() {
    golden_frames::preface();
    golden_frames::frames_of_the_client();
    golden_frames::frames_of_the_broker();
    golden_tables::error_codes();
    golden_tables::limits_of_the_wire();

    let (mut names, mut operations) = golden_frames::names_and_operations();
    names.extend(["error_codes.txt", "limits.txt"].map(String::from));
    names.sort_unstable();
    assert_eq!(files::names("golden"), names, "every file is in use");
    operations.sort_unstable();
    operations.dedup();
    let all: Vec<_> = Operation::ALL.iter().map(|operation| *operation as u8).collect();
    assert_eq!(operations, all, "every operation has a file");
}
