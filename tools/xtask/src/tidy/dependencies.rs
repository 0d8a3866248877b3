//! Every direct dependency has a line that justifies it, and no line outlives its dependency.

use std::collections::BTreeSet;

use crate::failure::Failure;
use crate::repository::Tree;
use crate::tidy::finding::Finding;

const DEPENDENCIES_PATH: &str = "docs/DEPENDENCIES.md";

/// Finds dependencies without a line, and lines without a dependency.
///
/// # Errors
/// If a manifest cannot be read.
pub(crate) fn check(tree: &Tree) -> Result<Vec<Finding>, Failure> {
    let mut used = BTreeSet::new();
    for (path, text) in tree.texts_ending("Cargo.toml") {
        used.extend(external(text).map_err(Failure::while_doing(path))?);
    }
    let Some(text) = tree.text(DEPENDENCIES_PATH) else {
        return Ok(vec![Finding::in_file(DEPENDENCIES_PATH, "is missing")]);
    };
    let documented = documented(text);
    let without_line = used.difference(&documented).map(|name| format!("has no line for {name}"));
    let without_use = documented.difference(&used).map(|name| format!("nothing uses {name}"));
    let findings = without_line.chain(without_use);
    Ok(findings.map(|text| Finding::in_file(DEPENDENCIES_PATH, text)).collect())
}

/// The keys of everything a manifest takes from a registry.
fn external(manifest: &str) -> Result<BTreeSet<String>, toml::de::Error> {
    let manifest: toml::Table = toml::from_str(manifest)?;
    let mut names = BTreeSet::new();
    for table in dependency_tables(&manifest) {
        let external = table.iter().filter(|(_, value)| !is_ours(value));
        names.extend(external.map(|(name, _)| name.clone()));
    }
    Ok(names)
}

/// Whether a dependency lies in this repository. What a crate takes from the workspace is judged
/// where the workspace names it.
fn is_ours(dependency: &toml::Value) -> bool {
    let inherits = dependency.get("workspace").and_then(toml::Value::as_bool) == Some(true);
    dependency.get("path").is_some() || inherits
}

/// Every table of dependencies of a manifest: its own, the workspace's and those of each target.
fn dependency_tables(manifest: &toml::Table) -> Vec<&toml::Table> {
    let below = |key: &str| manifest.get(key).and_then(toml::Value::as_table);
    let targets = below("target").into_iter().flat_map(toml::Table::values);
    let owners = std::iter::once(manifest)
        .chain(below("workspace"))
        .chain(targets.filter_map(toml::Value::as_table));
    let kinds = ["dependencies", "dev-dependencies", "build-dependencies"];
    let tables = owners.flat_map(|owner| kinds.map(|kind| owner.get(kind)));
    tables.flatten().filter_map(toml::Value::as_table).collect()
}

/// The names in the first column of the document's table.
fn documented(text: &str) -> BTreeSet<String> {
    let rows = text.lines().filter_map(|line| line.strip_prefix("| `"));
    rows.filter_map(|row| row.split_once('`')).map(|(name, _)| name.to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOCUMENT: &str =
        "# Dependencies\n| package | why |\n|---|---|\n| `a` | x |\n| `b` | y |\n";

    fn found(manifest: &str) -> Vec<String> {
        let tree = Tree::of(&[("x/Cargo.toml", manifest), (DEPENDENCIES_PATH, DOCUMENT)]);
        let findings = check(&tree).expect("the manifest is one");
        findings.into_iter().map(|finding| finding.text).collect()
    }

    #[test]
    fn lines_and_dependencies_that_match_are_fine() {
        let manifest = "[workspace.dependencies]\na = \"1\"\nours = { path = \"ours\" }\n\
                        [dependencies]\na.workspace = true\n[dev-dependencies]\nb = \"1\"\n";
        assert_eq!(found(manifest), [""; 0]);
    }

    #[test]
    fn dependencies_without_a_line_are_found_in_every_table() {
        for table in ["dependencies", "build-dependencies", "target.'cfg(unix)'.dependencies"] {
            let manifest =
                format!("[workspace.dependencies]\na = \"1\"\nb = \"1\"\n[{table}]\nc = \"1\"\n");
            assert_eq!(found(&manifest), ["has no line for c"], "{table}");
        }
    }

    #[test]
    fn lines_without_a_dependency_are_found() {
        assert_eq!(found("[dependencies]\na = \"1\"\n"), ["nothing uses b"]);
    }

    #[test]
    fn a_missing_document_is_found() {
        assert_eq!(check(&Tree::default()).map(|findings| findings.len()), Ok(1));
    }
}
