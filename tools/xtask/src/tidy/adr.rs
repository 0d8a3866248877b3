//! Decisions are numbered without gaps, so that none gets lost.

use crate::repository::Tree;
use crate::tidy::finding::Finding;

const FOLDER: &str = "docs/adr/";

/// Finds decisions whose name or number is not the next one.
pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let files = tree.texts_ending(".md").filter(|(path, _)| path.starts_with(FOLDER));
    let mut findings = Vec::new();
    for (index, (path, text)) in files.enumerate() {
        let expected = index + 1;
        if number(&path[FOLDER.len()..]) != Some(expected) {
            let text = format!("must be named {expected:04}-title.md: the numbers have no gaps");
            findings.push(Finding::in_file(path, text));
        }
        if !text.starts_with("# ") {
            findings.push(Finding::at(path, 1, "must begin with its title"));
        }
    }
    findings
}

/// The number a file is named with: four digits, a hyphen, and a title behind it.
fn number(name: &str) -> Option<usize> {
    let (digits, title) = name.split_once('-')?;
    let is_number = digits.len() == 4 && digits.bytes().all(|digit| digit.is_ascii_digit());
    let has_title = title.len() > ".md".len() && !title.contains('/');
    if is_number && has_title { digits.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(names: &[&str]) -> usize {
        let paths: Vec<String> = names.iter().map(|name| format!("{FOLDER}{name}")).collect();
        let files: Vec<_> = paths.iter().map(|path| (path.as_str(), "# Title\n")).collect();
        check(&Tree::of(&files)).len()
    }

    #[test]
    fn numbers_without_gaps_are_fine() {
        assert_eq!(found(&[]), 0);
        assert_eq!(found(&["0001-a.md", "0002-b-c.md"]), 0);
    }

    #[test]
    fn gaps_repeats_and_other_names_are_found() {
        assert_eq!(found(&["0002-a.md"]), 1);
        assert_eq!(found(&["0001-a.md", "0003-b.md"]), 1);
        assert_eq!(found(&["0001-a.md", "0001-b.md"]), 1);
        assert_eq!(found(&["1-a.md"]), 1);
        assert_eq!(found(&["0001-.md"]), 1);
        assert_eq!(check(&Tree::of(&[("docs/adr/0001-a.md", "no title")])).len(), 1);
    }
}
