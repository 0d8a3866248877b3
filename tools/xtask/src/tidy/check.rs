//! Runs all checks.

use std::path::Path;

use crate::failure::Failure;
use crate::repository::Tree;
use crate::tidy::crate_edges::Metadata;
use crate::tidy::finding::Finding;
use crate::tidy::ratchet::Ratchet;
use crate::tidy::{
    adr, banned, book, crate_edges, dependencies, file_length, function_length, law_tests, links,
    module_heads, named_crates, packages,
};

/// Checks the repository below `root` and prints what breaks a rule.
///
/// # Errors
/// If something breaks a rule, or the repository cannot be read.
pub(crate) fn run(root: &Path) -> Result<(), Failure> {
    let findings = findings(root)?;
    for finding in &findings {
        println!("{finding}");
    }
    match findings.len() {
        0 => Ok(()),
        count => Err(Failure::new(format!("{count} places break the rules of docs/STYLE.md"))),
    }
}

/// Every place below `root` that breaks a rule.
fn findings(root: &Path) -> Result<Vec<Finding>, Failure> {
    let tree = Tree::read(root)?;
    let ratchet = Ratchet::read(&tree)?;
    let metadata = Metadata::ask(root)?;
    let mut findings = [
        adr::check(&tree),
        banned::check(&tree, &ratchet),
        book::check(&tree),
        crate_edges::check(&metadata),
        dependencies::check(&tree)?,
        file_length::check(&tree, &ratchet),
        function_length::check(&tree, &ratchet),
        law_tests::check(&tree),
        links::check(&tree),
        module_heads::check(&tree, &ratchet),
        named_crates::check(&tree, &metadata),
        packages::check(&tree),
    ]
    .concat();
    findings.sort();
    findings.dedup();
    Ok(findings)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::repository;

    #[test]
    fn the_repository_is_tidy() {
        let findings = findings(&repository::root()).expect("the repository can be read");
        let lines: Vec<String> = findings.iter().map(Finding::to_string).collect();
        assert!(findings.is_empty(), "\n{}", lines.join("\n"));
    }
}
