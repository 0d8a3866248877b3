//! Data directories that cannot be used.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use crate::process::{coilgun, folder};

use super::refused::Refused;
use super::restricted::{CAP_DAC_OVERRIDE, without_capability};

fn with_data(folder: &Path, data: &str) -> Command {
    let mut command = coilgun(&["serve", "--listen", "127.0.0.1:0", "--unix", "none"]);
    command.args(["--connections-max", "10", "--data", data]).current_dir(folder);
    without_capability(&mut command, CAP_DAC_OVERRIDE);
    command
}

#[test]
fn a_file_is_no_data_directory() {
    let folder = folder();
    fs::write(folder.path().join("data"), "precious").expect("the folder is writable");
    Refused::run(with_data(folder.path(), "data"), 1)
        .says(&["data is not a directory"], &["--data DIRECTORY"]);
    Refused::run(with_data(folder.path(), "data/below"), 1)
        .says(&["data/below", "Not a directory"], &["--data DIRECTORY"]);
    assert_eq!(fs::read(folder.path().join("data")).expect("it is there"), b"precious");
}

#[test]
fn a_data_directory_has_to_be_writable() {
    let folder = folder();
    let data = folder.path().join("data");
    fs::create_dir(&data).expect("the folder is writable");
    let allow = |mode| fs::set_permissions(&data, fs::Permissions::from_mode(mode));
    allow(0o500).expect("it is ours");
    Refused::run(with_data(folder.path(), "data"), 1)
        .says(&["data/LOCK", "Permission denied"], &["--data DIRECTORY"]);
    Refused::run(with_data(folder.path(), "data/below"), 1)
        .says(&["cannot create data/below", "Permission denied"], &["--data DIRECTORY"]);
    allow(0o700).expect("it is ours");
    assert_eq!(fs::read_dir(&data).expect("it is a directory").count(), 0);
}
