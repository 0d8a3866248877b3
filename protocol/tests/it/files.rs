//! Files that hold what is expected.

use std::path::PathBuf;

/// Where a file of expected results lies.
pub(crate) fn path(folder: &str, name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests").join(folder).join(name)
}

/// Compares `actual` with the file, or writes the file if that was asked for.
pub(crate) fn compare(folder: &str, name: &str, actual: &str) {
    let path = path(folder, name);
    if std::env::var_os("COILGUN_UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, actual).expect("the file can be written");
    }
    let expected = std::fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    assert!(expected == actual, "{} differs; it should be:\n{actual}", path.display());
}

/// The names of the files in a folder, in order.
pub(crate) fn names(folder: &str) -> Vec<String> {
    let entries = std::fs::read_dir(path(folder, "")).expect("the folder is there");
    let mut names: Vec<_> = entries
        .map(|entry| entry.expect("the folder can be read").file_name())
        .map(|name| name.into_string().expect("the names are text"))
        .collect();
    names.sort_unstable();
    names
}
