//! The architecture document knows every crate.

use crate::repository::Tree;
use crate::tidy::crate_edges::Metadata;
use crate::tidy::finding::Finding;

const ARCHITECTURE_PATH: &str = "docs/ARCHITECTURE.md";

/// Finds crates that the document does not name.
pub(crate) fn check(tree: &Tree, metadata: &Metadata) -> Vec<Finding> {
    let Some(text) = tree.text(ARCHITECTURE_PATH) else {
        return vec![Finding::in_file(ARCHITECTURE_PATH, "is missing")];
    };
    let part_of_name = |letter: char| letter.is_alphanumeric() || letter == '-' || letter == '_';
    let words: Vec<&str> = text.split(|letter| !part_of_name(letter)).collect();
    let unnamed =
        metadata.packages.iter().filter(|package| !words.contains(&package.name.as_str()));
    let text = |name: &str| format!("does not name the crate {name}");
    unnamed.map(|package| Finding::in_file(ARCHITECTURE_PATH, text(&package.name))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> usize {
        let json = r#"{"packages": [{"name": "coilgun", "dependencies": []},
                                    {"name": "coilgun-core", "dependencies": []}]}"#;
        let metadata = Metadata::parse(json).expect("it is what Cargo writes");
        check(&Tree::of(&[(ARCHITECTURE_PATH, text)]), &metadata).len()
    }

    #[test]
    fn crates_that_are_not_named_are_found() {
        assert_eq!(found("`coilgun` and `coilgun-core`."), 0);
        assert_eq!(found("only `coilgun-core`"), 1, "a longer name is another name");
        assert_eq!(found("only coilgun"), 1);
    }

    #[test]
    fn a_missing_document_is_found() {
        let metadata = Metadata { packages: Vec::new() };
        assert_eq!(check(&Tree::default(), &metadata).len(), 1);
    }
}
