//! Crates depend on each other in one direction only (docs/ARCHITECTURE.md).

use std::path::Path;

use serde::Deserialize;

use crate::failure::Failure;
use crate::process;
use crate::tidy::finding::Finding;

/// Each crate with the crates of this workspace it may use, and those its tests may use besides.
const EDGES: &[(&str, &[&str], &[&str])] = &[
    ("coilgun-protocol", &[], &[]),
    ("coilgun-storage", &["coilgun-protocol"], &[]),
    ("coilgun-core", &["coilgun-protocol"], &[]),
    (
        "coilgun-server",
        &["coilgun-protocol", "coilgun-storage", "coilgun-core"],
        &["coilgun-client"],
    ),
    ("coilgun-client", &["coilgun-protocol"], &["coilgun-server"]),
    ("coilgun-client-ffi", &["coilgun-protocol", "coilgun-client"], &["coilgun-server"]),
    ("coilgun-bench", ON_TOP, &[]),
    ("coilgun", ON_TOP, &["coilgun-lossfs"]),
    ("coilgun-lossfs", &[], &[]),
    ("coilgun-sim", ON_TOP, &[]),
    ("xtask", &["coilgun-protocol", "coilgun-storage"], &[]),
];

/// What the programs on top of the libraries may use.
const ON_TOP: &[&str] =
    &["coilgun-protocol", "coilgun-storage", "coilgun-core", "coilgun-server", "coilgun-client"];

/// What `cargo metadata --no-deps` says about the workspace.
#[derive(Debug, Deserialize)]
pub(crate) struct Metadata {
    /// Its packages.
    pub(crate) packages: Vec<Package>,
}

/// One package of the workspace.
#[derive(Debug, Deserialize)]
pub(crate) struct Package {
    /// Its name in its manifest.
    pub(crate) name: String,
    dependencies: Vec<Dependency>,
}

#[derive(Debug, Deserialize)]
struct Dependency {
    name: String,
    /// `dev`, `build`, or nothing for what is shipped.
    kind: Option<String>,
    /// Only packages of this repository have one.
    path: Option<String>,
}

impl Metadata {
    /// Asks Cargo about the workspace below `root`; uses no network.
    ///
    /// # Errors
    /// If Cargo cannot read the manifests.
    pub(crate) fn ask(root: &Path) -> Result<Metadata, Failure> {
        let arguments = ["metadata", "--no-deps", "--format-version", "1"];
        Metadata::parse(&process::output(&mut process::cargo(root, &arguments))?)
    }

    /// Reads Cargo's answer.
    ///
    /// # Errors
    /// If it is not one.
    pub(crate) fn parse(json: &str) -> Result<Metadata, Failure> {
        serde_json::from_str(json).map_err(Failure::while_doing("cargo metadata"))
    }
}

/// Finds edges that point upward, and crates without a place in the picture.
pub(crate) fn check(metadata: &Metadata) -> Vec<Finding> {
    metadata.packages.iter().flat_map(check_package).collect()
}

fn check_package(package: &Package) -> Vec<Finding> {
    let name = package.name.as_str();
    let Some((_, shipped, tests)) = EDGES.iter().find(|(known, _, _)| *known == name) else {
        let text = format!("{name} has no place in the picture: add it to {}", file!());
        return vec![Finding::in_file("Cargo.toml", text)];
    };
    let inside = package.dependencies.iter().filter(|dependency| dependency.path.is_some());
    let upward = inside.filter(|dependency| {
        let for_tests = dependency.kind.as_deref() == Some("dev");
        let used = dependency.name.as_str();
        // A crate's own tests may name it again, to switch a feature on.
        let may_in_tests = tests.contains(&used) || used == name;
        !(shipped.contains(&used) || (for_tests && may_in_tests))
    });
    let text = |used: &Dependency| format!("{name} may not use {}", used.name);
    upward.map(|used| Finding::in_file("docs/ARCHITECTURE.md", text(used))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(package: &str, dependency: &str, kind: &str) -> usize {
        let json = format!(
            r#"{{"packages": [{{"name": "{package}", "dependencies": [
                {{"name": "{dependency}", "kind": {kind}, "path": "/somewhere"}},
                {{"name": "thiserror", "kind": null}}]}}]}}"#
        );
        check(&Metadata::parse(&json).expect("it is what Cargo writes")).len()
    }

    #[test]
    fn edges_that_point_down_are_fine() {
        assert_eq!(found("coilgun-server", "coilgun-core", "null"), 0);
        assert_eq!(found("coilgun", "coilgun-client", "null"), 0);
        assert_eq!(found("coilgun-client", "coilgun-server", "\"dev\""), 0);
        assert_eq!(found("coilgun-core", "coilgun-core", "\"dev\""), 0);
    }

    #[test]
    fn edges_that_point_up_are_found() {
        for kind in ["null", "\"dev\"", "\"build\""] {
            assert_eq!(found("coilgun-protocol", "coilgun-core", kind), 1, "{kind}");
            assert_eq!(found("coilgun-core", "coilgun-storage", kind), 1, "{kind}");
        }
        assert_eq!(found("coilgun-client", "coilgun-server", "null"), 1);
    }

    #[test]
    fn a_crate_without_a_place_is_found() {
        assert_eq!(found("coilgun-unknown", "coilgun-protocol", "null"), 1);
    }

    #[test]
    fn the_picture_has_no_circle() {
        for (name, shipped, _) in EDGES {
            for used in *shipped {
                let below = EDGES.iter().find(|(known, _, _)| known == used);
                let (_, deeper, _) = below.expect("what is used is in the picture");
                assert!(!deeper.contains(name), "{name} and {used}");
                assert!(deeper.iter().all(|deep| shipped.contains(deep)), "{name} over {used}");
            }
        }
    }
}
