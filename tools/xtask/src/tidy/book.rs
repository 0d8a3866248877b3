//! Every page of the book is in its table of contents, and the code of each is run.

use crate::repository::Tree;
use crate::tidy::finding::Finding;

/// Where the pages are.
const PAGES: &str = "docs/book/src/";
/// The table of contents.
const SUMMARY: &str = "docs/book/src/SUMMARY.md";
/// Where the pages are handed to the tests of documentation.
const DOCTESTS: &str = "client/src/book.rs";

/// Finds pages that no reader gets to, and code that no test runs.
pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let summary = tree.text(SUMMARY).unwrap_or_default();
    let doctests = tree.text(DOCTESTS).unwrap_or_default();
    let mut findings = Vec::new();
    let pages = tree.texts_ending(".md").filter(|(path, _)| path.starts_with(PAGES));
    for (path, text) in pages.filter(|(path, _)| *path != SUMMARY) {
        let page = path.strip_prefix(PAGES).unwrap_or(path);
        if !summary.contains(&format!("]({page})")) {
            findings.push(Finding::in_file(path, format!("the page is not in {SUMMARY}")));
        }
        let has_code = text.lines().any(|line| line.starts_with("```rust"));
        if has_code && !doctests.contains(&format!("docs/book/src/{page}\"")) {
            findings.push(Finding::in_file(path, format!("its code is not run by {DOCTESTS}")));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(summary: &str, page: &str, doctests: &str) -> usize {
        let files = [(SUMMARY, summary), ("docs/book/src/a.md", page), (DOCTESTS, doctests)];
        check(&Tree::of(&files)).len()
    }

    #[test]
    fn a_page_is_listed_and_its_code_is_run() {
        let doctest = "#[doc = include_str!(\"../../docs/book/src/a.md\")]";
        assert_eq!(count("- [A](a.md)", "# A\n```rust\n```\n", doctest), 0);
        assert_eq!(count("- [A](a.md)", "# A\n```sh\n```\n", ""), 0);
        assert_eq!(count("- [B](b.md)", "# A\n", ""), 1);
        assert_eq!(count("- [A](a.md)", "# A\n```rust\n```\n", ""), 1);
    }
}
