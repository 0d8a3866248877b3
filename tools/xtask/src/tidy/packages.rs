//! Seven packages were chosen for the broker, and each must do real work in it.

use crate::repository::Tree;
use crate::tidy::finding::Finding;
use crate::tidy::rust_tokens::tokens;

/// Where a package does its work.
#[derive(Clone, Copy)]
struct Place {
    /// The manifest that names it.
    manifest: &'static str,
    /// A file on the path of real data, or of a real program.
    file: &'static str,
    /// What must stand there, as tokens separated by spaces.
    token: &'static str,
}

/// The seven, each with its place.
const PACKAGES: [(&str, Place); 7] = [
    (
        "glommio",
        Place {
            manifest: "storage/Cargo.toml",
            file: "storage/src/disk/direct/disk.rs",
            token: "glommio :: io",
        },
    ),
    (
        "flatbuffers",
        Place {
            manifest: "protocol/Cargo.toml",
            file: "protocol/src/native/control/table.rs",
            token: "flatbuffers :: root_with_opts",
        },
    ),
    (
        "rkyv",
        Place {
            manifest: "storage/Cargo.toml",
            file: "storage/src/identity.rs",
            token: "rkyv :: access",
        },
    ),
    (
        "crossbeam",
        Place {
            manifest: "broker/server/Cargo.toml",
            file: "broker/server/src/shard/control.rs",
            token: "crossbeam :: queue",
        },
    ),
    (
        "ahash",
        Place {
            manifest: "broker/core/Cargo.toml",
            file: "broker/core/src/router/trie.rs",
            token: "ahash :: RandomState",
        },
    ),
    (
        "hdrhistogram",
        Place {
            manifest: "bench/Cargo.toml",
            file: "bench/src/sample.rs",
            token: "hdrhistogram :: Histogram",
        },
    ),
    (
        "clap",
        Place { manifest: "bench/Cargo.toml", file: "bench/src/arguments.rs", token: "clap ::" },
    ),
];

/// Finds packages that do not work where they should.
pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    PACKAGES.iter().filter_map(|(package, place)| check_one(tree, package, *place)).collect()
}

fn check_one(tree: &Tree, package: &str, place: Place) -> Option<Finding> {
    let Place { manifest, file, token } = place;
    if !tree.text(manifest).is_some_and(|text| depends_on(text, package)) {
        let text = format!("must depend on {package}");
        return Some(Finding::in_file(manifest, text));
    }
    let works = tree.text(file).is_some_and(|text| has_row(text, token));
    let text = format!("must use {package} ({token}): see {}", file!());
    (!works).then(|| Finding::in_file(file, text))
}

/// Whether a manifest names the package among what it ships with.
fn depends_on(manifest: &str, package: &str) -> bool {
    let manifest: Result<toml::Table, _> = toml::from_str(manifest);
    let dependencies = manifest.ok().and_then(|manifest| manifest.get("dependencies").cloned());
    dependencies.is_some_and(|dependencies| dependencies.get(package).is_some())
}

/// Whether shipped code of a source file has this row of tokens.
fn has_row(text: &str, row: &str) -> bool {
    let words: Vec<&str> = row.split(' ').collect();
    let tokens = tokens(text).unwrap_or_default();
    tokens.windows(words.len()).any(|window| {
        !window[0].in_test
            && window.iter().map(|token| token.text.as_str()).eq(words.iter().copied())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: Place = Place { manifest: "a/Cargo.toml", file: "a/src/b.rs", token: "x :: y" };

    fn found(manifest: &str, source: &str, place: Place) -> bool {
        let tree = Tree::of(&[("a/Cargo.toml", manifest), ("a/src/b.rs", source)]);
        check_one(&tree, "x", place).is_some()
    }

    #[test]
    fn a_package_must_work_where_the_table_says() {
        let manifest = "[dependencies]\nx.workspace = true\n";
        assert!(!found(manifest, "fn f() { x::y() }", AT));
        assert!(!found(manifest, "use x::{y, z};", AT));
        assert!(found(manifest, "fn f() { /* x::y() */ }", AT));
        assert!(found(manifest, "#[cfg(test)]\nmod tests { use x::y; }", AT));
        assert!(found("[dev-dependencies]\nx = \"1\"\n", "use x::y;", AT));
        assert!(check_one(&Tree::default(), "x", AT).is_some());
    }
}
