//! Seven packages were chosen for the broker, and each must do real work in it.

use crate::repository::Tree;
use crate::tidy::banned::is_test_file;
use crate::tidy::finding::Finding;
use crate::tidy::rust_tokens::tokens;

/// Where a package does its work.
#[derive(Clone, Copy)]
enum Place {
    /// It is used here.
    At {
        /// The manifest that names it.
        manifest: &'static str,
        /// A file on the path of real data, or of the real program.
        file: &'static str,
        /// What must stand there, as tokens separated by spaces.
        token: &'static str,
    },
    /// No room that needs it stands yet.
    Pending,
}

/// The seven, each with its place. A change that gives a pending one its first use names it here.
const PACKAGES: [(&str, Place); 7] = [
    (
        "glommio",
        Place::At {
            manifest: "storage/Cargo.toml",
            file: "storage/src/disk/glommio.rs",
            token: "glommio :: io",
        },
    ),
    (
        "flatbuffers",
        Place::At {
            manifest: "protocol/Cargo.toml",
            file: "protocol/src/native/control/table.rs",
            token: "flatbuffers :: root_with_opts",
        },
    ),
    (
        "rkyv",
        Place::At {
            manifest: "storage/Cargo.toml",
            file: "storage/src/identity.rs",
            token: "rkyv :: access",
        },
    ),
    (
        "crossbeam",
        Place::At {
            manifest: "broker/server/Cargo.toml",
            file: "broker/server/src/shard/control.rs",
            token: "crossbeam :: queue",
        },
    ),
    (
        "ahash",
        Place::At {
            manifest: "broker/core/Cargo.toml",
            file: "broker/core/src/router/trie.rs",
            token: "ahash :: RandomState",
        },
    ),
    ("hdrhistogram", Place::Pending),
    ("clap", Place::Pending),
];

/// Developer tasks are no part of the broker: what they use proves nothing.
const NO_PRODUCT: &str = "tools/xtask/";

/// Finds packages that do not work where they should, or work without being listed.
pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    PACKAGES.iter().filter_map(|(package, place)| check_one(tree, package, *place)).collect()
}

fn check_one(tree: &Tree, package: &str, place: Place) -> Option<Finding> {
    match place {
        Place::At { manifest, file, token } => {
            if !tree.text(manifest).is_some_and(|text| depends_on(text, package)) {
                let text = format!("must depend on {package}");
                return Some(Finding::in_file(manifest, text));
            }
            let works = tree.text(file).is_some_and(|text| has_row(text, token));
            let text = format!("must use {package} ({token}): see {}", file!());
            (!works).then(|| Finding::in_file(file, text))
        }
        Place::Pending => {
            let row = format!("{package} ::");
            let sources = tree
                .texts_ending(".rs")
                .filter(|(path, _)| !path.starts_with(NO_PRODUCT) && !is_test_file(path));
            let mut users = sources.filter(|(_, text)| has_row(text, &row));
            let text = format!("uses {package}, which is listed as pending in {}", file!());
            users.next().map(|(path, _)| Finding::in_file(path, text))
        }
    }
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

    const AT: Place = Place::At { manifest: "a/Cargo.toml", file: "a/src/b.rs", token: "x :: y" };

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

    #[test]
    fn a_pending_package_must_not_work_unseen() {
        assert!(found("", "use x::y;", Place::Pending));
        assert!(!found("", "#[cfg(test)]\nmod tests { use x::y; }", Place::Pending));
        assert!(!found("", "use xx::y; fn x() {}", Place::Pending));
        let tasks = Tree::of(&[("tools/xtask/src/main.rs", "use x::y;")]);
        assert!(check_one(&tasks, "x", Place::Pending).is_none());
    }
}
