//! The document of the laws names tests that exist.

use std::collections::HashSet;

use crate::repository::Tree;
use crate::tidy::finding::Finding;

const LAWS_PATH: &str = "docs/LAWS.md";

/// Finds tests that the document names and no file has. A test of a law is named after it: `s12_`
/// and what must hold.
pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let Some(text) = tree.text(LAWS_PATH) else {
        return vec![Finding::in_file(LAWS_PATH, "is missing")];
    };
    let functions: HashSet<&str> = tree.texts_ending(".rs").flat_map(|(_, it)| names(it)).collect();
    let mut findings = Vec::new();
    for (number, line) in text.lines().enumerate() {
        // Every second part lies between two grave accents.
        for name in line.split('`').skip(1).step_by(2) {
            if is_test_of_a_law(name) && !functions.contains(name) {
                let text = format!("names the test {name}, which does not exist");
                findings.push(Finding::at(LAWS_PATH, number + 1, text));
            }
        }
    }
    findings
}

/// Names of the functions of a source file.
fn names(source: &str) -> impl Iterator<Item = &str> {
    source.lines().filter_map(|line| {
        line.trim_start().trim_start_matches("pub(crate) ").strip_prefix("fn ")?.split('(').next()
    })
}

fn is_test_of_a_law(name: &str) -> bool {
    let Some((law, rest)) = name.split_once('_') else { return false };
    let number = law.strip_prefix('s').or_else(|| law.strip_prefix('l'));
    number.is_some_and(|it| !it.is_empty() && it.bytes().all(|byte| byte.is_ascii_digit()))
        && !rest.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(laws: &str) -> usize {
        let source = "    fn s1_blocks_are_counted() {}\nfn other() {}\n";
        check(&Tree::of(&[(LAWS_PATH, laws), ("a/src/b.rs", source)])).len()
    }

    #[test]
    fn tests_that_do_not_exist_are_found() {
        assert_eq!(found("Held by `s1_blocks_are_counted`; kept in `net/ring.rs`."), 0);
        assert_eq!(found("Held by `s1_blocks_are_weighed`."), 1);
        assert_eq!(found("one `s1_blocks_are_counted`,\n`s22_a` and `l3_b`"), 2);
    }

    #[test]
    fn a_missing_document_is_found() {
        assert_eq!(check(&Tree::default()).len(), 1);
    }
}
