//! The exceptions to the length rules, each with its ceiling, so that it can only shrink.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::failure::Failure;
use crate::repository::Tree;

/// Where the exceptions are listed.
pub(crate) const RATCHET_PATH: &str = "tools/xtask/ratchet.toml";

/// What `ratchet.toml` says.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Ratchet {
    /// Path to the most lines that file may have.
    #[serde(default)]
    pub(crate) files: BTreeMap<String, usize>,
    /// `path::function` to the most lines that function may have.
    #[serde(default)]
    pub(crate) functions: BTreeMap<String, usize>,
    /// Files that a program writes; no rule about source applies to them.
    #[serde(default)]
    pub(crate) generated: Vec<String>,
}

impl Ratchet {
    /// Reads the list; an absent one is empty.
    ///
    /// # Errors
    /// If the file is not what it should be.
    pub(crate) fn read(tree: &Tree) -> Result<Ratchet, Failure> {
        let text = tree.text(RATCHET_PATH).unwrap_or_default();
        toml::from_str(text).map_err(Failure::while_doing(RATCHET_PATH))
    }

    /// The Rust files people write, with their text.
    pub(crate) fn written<'a>(
        &'a self,
        tree: &'a Tree,
    ) -> impl Iterator<Item = (&'a str, &'a str)> {
        tree.texts_ending(".rs")
            .filter(|(path, _)| !self.generated.iter().any(|generated| generated == path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_list_is_refused() {
        let tree = Tree::of(&[(RATCHET_PATH, "[flies]\n")]);
        assert!(Ratchet::read(&tree).is_err());
        assert!(Ratchet::read(&Tree::default()).is_ok());
    }

    #[test]
    fn generated_files_are_not_written_by_people() {
        let tree = Tree::of(&[
            (RATCHET_PATH, "generated = [\"a.rs\"]\n"),
            ("a.rs", ""),
            ("b.rs", ""),
            ("c.md", ""),
        ]);
        let ratchet = Ratchet::read(&tree).expect("the list is one");
        assert_eq!(ratchet.written(&tree).map(|(path, _)| path).collect::<Vec<_>>(), ["b.rs"]);
    }
}
