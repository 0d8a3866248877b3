//! The files of the repository, read once and handed to the checks.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::failure::Failure;
use crate::process;

/// The folder the repository was checked out to.
pub(crate) fn root() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let root = package.ancestors().nth(2).expect("this package lies two folders below the root");
    root.to_owned()
}

/// Every file that is or would be committed. Paths are relative to the root, with `/` between.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    texts: BTreeMap<String, String>,
    paths: BTreeSet<String>,
}

impl Tree {
    /// Reads what git knows or would add.
    ///
    /// # Errors
    /// If git cannot be asked, or a file cannot be read.
    pub(crate) fn read(root: &Path) -> Result<Tree, Failure> {
        // A checkout that belongs to another user, as in a container, is refused otherwise.
        let listed = process::output(Command::new("git").current_dir(root).args([
            "-c",
            "safe.directory=*",
            "ls-files",
            "--cached",
            "--others",
            "--exclude-standard",
            "-z",
        ]))?;
        let mut tree = Tree::default();
        for path in listed.split('\0').filter(|path| !path.is_empty()) {
            let full = root.join(path);
            // Listed and gone: removed, but not yet committed.
            if full.is_file() {
                let bytes = std::fs::read(&full).map_err(Failure::while_doing(path))?;
                tree.add(path, bytes);
            }
        }
        Ok(tree)
    }

    /// Adds a file; its text is kept only if it is UTF-8.
    fn add(&mut self, path: &str, bytes: Vec<u8>) {
        self.paths.insert(path.to_owned());
        if let Ok(text) = String::from_utf8(bytes) {
            self.texts.insert(path.to_owned(), text);
        }
    }

    /// A tree of these files, for tests of the checks.
    #[cfg(test)]
    pub(crate) fn of(files: &[(&str, &str)]) -> Tree {
        let mut tree = Tree::default();
        for (path, text) in files {
            tree.add(path, text.as_bytes().to_vec());
        }
        tree
    }

    /// The text of a file, if there is such a file and it is text.
    pub(crate) fn text(&self, path: &str) -> Option<&str> {
        self.texts.get(path).map(String::as_str)
    }

    /// Every text file whose name ends so, by path.
    pub(crate) fn texts_ending(&self, ending: &str) -> impl Iterator<Item = (&str, &str)> {
        let texts = self.texts.iter().map(|(path, text)| (path.as_str(), text.as_str()));
        texts.filter(move |(path, _)| path.ends_with(ending))
    }

    /// Whether a file, or a folder with files in it, has this path. The root is the empty path.
    pub(crate) fn has(&self, path: &str) -> bool {
        if path.is_empty() || self.paths.contains(path) {
            return true;
        }
        let below = format!("{path}/");
        self.paths.range(below.clone()..).next().is_some_and(|next| next.starts_with(&below))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_and_folders_are_found() {
        let tree = Tree::of(&[("docs/adr/0001-a.md", "x"), ("docs-old/b.md", "y")]);
        for there in ["", "docs", "docs/adr", "docs/adr/0001-a.md", "docs-old"] {
            assert!(tree.has(there), "{there}");
        }
        for missing in ["doc", "docs/ad", "docs/adr/0001-a.md/x", "zebra"] {
            assert!(!tree.has(missing), "{missing}");
        }
        assert_eq!(tree.texts_ending(".md").count(), 2);
    }

    #[test]
    fn the_repository_has_its_own_manifest() {
        let tree = Tree::read(&root()).expect("git lists the files");
        assert!(tree.text("Cargo.toml").is_some_and(|text| text.contains("[workspace]")));
    }
}
