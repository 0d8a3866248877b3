//! Links between the documents lead somewhere.

use crate::repository::Tree;
use crate::tidy::finding::Finding;

/// Finds relative links to files that are not there.
pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in tree.texts_ending(".md") {
        for (line, target) in links(text) {
            if let Some(text) = broken(tree, path, target) {
                findings.push(Finding::at(path, line, text));
            }
        }
    }
    findings
}

/// What is wrong with a link from the document at `path`, if anything is.
fn broken(tree: &Tree, path: &str, target: &str) -> Option<String> {
    let file = target.split('#').next().unwrap_or_default();
    if file.is_empty() || target.contains("://") || target.starts_with("mailto:") {
        return None;
    }
    match resolve(path, file) {
        Some(resolved) if tree.has(&resolved) => None,
        Some(resolved) => {
            Some(format!("the link {target} leads to {resolved}, which is not there"))
        }
        None => Some(format!("the link {target} leads out of the repository")),
    }
}

/// The path from the root that a relative link means; nothing if it leads out.
fn resolve(path: &str, target: &str) -> Option<String> {
    if target.starts_with('/') {
        return None;
    }
    let mut parts: Vec<&str> = path.split('/').collect();
    parts.pop();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            name => parts.push(name),
        }
    }
    Some(parts.join("/"))
}

/// The targets of `[text](target)` with their lines, outside of code.
fn links(text: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    let mut in_code = false;
    for (index, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
        }
        if !in_code {
            // Every second part between back-quotes is code.
            let prose = line.split('`').step_by(2).flat_map(targets);
            found.extend(prose.map(|target| (index + 1, target)));
        }
    }
    found
}

/// Targets in a piece of prose.
fn targets(prose: &str) -> impl Iterator<Item = &str> {
    let starts = prose.match_indices("](").map(|(at, mark)| at + mark.len());
    starts.filter_map(|start| prose[start..].split_once(')')).map(|(target, _)| target.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<usize> {
        let tree = Tree::of(&[("docs/a.md", text), ("docs/adr/0001-b.md", ""), ("README.md", "")]);
        check(&tree).into_iter().map(|finding| finding.line).collect()
    }

    #[test]
    fn links_that_lead_somewhere_are_fine() {
        for link in ["a.md", "a.md#part", "#part", "adr/0001-b.md", "adr", "adr/", "../README.md"] {
            assert_eq!(lines(&format!("see [it]({link}).")), [0; 0], "{link}");
        }
        assert_eq!(lines("[x](https://example.org/a) [y](mailto:a@example.org)"), [0; 0]);
        assert_eq!(lines("`[x](gone.md)`\n```\n[x](gone.md)\n```\n"), [0; 0]);
    }

    #[test]
    fn links_that_lead_nowhere_are_found() {
        assert_eq!(lines("a\n[x](gone.md) [y](a.md) [z](adr/gone.md#part)"), [2, 2]);
        assert_eq!(lines("[`x`](gone.md)"), [1]);
        assert_eq!(lines("![picture](gone.svg)"), [1]);
        assert_eq!(lines("[x](../../out.md)"), [1]);
        assert_eq!(lines("[x](/etc/passwd)"), [1]);
    }
}
