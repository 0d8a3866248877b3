//! No file is longer than one can hold in mind.

use crate::repository::Tree;
use crate::tidy::finding::Finding;
use crate::tidy::ratchet::{RATCHET_PATH, Ratchet};

/// Lines a file may have.
const LINES_MAX: usize = 400;
/// Lines a file on the list may have.
const LISTED_LINES_MAX: usize = 800;
/// How far a ceiling may lie above the file it belongs to.
const SLACK_LINES: usize = 20;
/// Files around which everything else turns, and which would grow first.
const CENTRAL: [&str; 2] = ["broker/server/src/shard.rs", "broker/server/src/dispatch.rs"];
/// Lines such a file may have, without exception.
const CENTRAL_LINES_MAX: usize = 300;

/// Finds files that are too long, and entries of the list that no longer fit.
pub(crate) fn check(tree: &Tree, ratchet: &Ratchet) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in ratchet.written(tree) {
        let lines = text.lines().count();
        findings.extend(too_long(path, lines, ratchet.files.get(path).copied()));
    }
    for (path, ceiling) in &ratchet.files {
        let lines = tree.text(path).map_or(0, |text| text.lines().count());
        findings.extend(stale(path, lines, *ceiling));
    }
    findings
}

fn too_long(path: &str, lines: usize, listed: Option<usize>) -> Option<Finding> {
    let (ceiling, advice) = if CENTRAL.contains(&path) {
        (CENTRAL_LINES_MAX, "move bodies into rooms of their own")
    } else {
        match listed {
            Some(ceiling) => (ceiling.min(LISTED_LINES_MAX), "split it; its ceiling only falls"),
            None => (LINES_MAX, "split it by what its parts are about"),
        }
    };
    let text = format!("{lines} lines, {ceiling} are allowed; {advice}");
    (lines > ceiling).then(|| Finding::in_file(path, text))
}

fn stale(path: &str, lines: usize, ceiling: usize) -> Option<Finding> {
    let text = if lines <= LINES_MAX {
        format!("{path} has {lines} lines: remove it from the list")
    } else if ceiling > LISTED_LINES_MAX {
        format!("the ceiling of {path} is over {LISTED_LINES_MAX}")
    } else if ceiling > lines + SLACK_LINES {
        format!("{path} has {lines} lines: lower its ceiling of {ceiling}")
    } else {
        return None;
    };
    Some(Finding::in_file(RATCHET_PATH, text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_one(path: &str, lines: usize, listed: Option<usize>) -> usize {
        let tree = Tree::of(&[(path, &"//\n".repeat(lines))]);
        let files = listed.map(|ceiling| (path.to_owned(), ceiling)).into_iter().collect();
        check(&tree, &Ratchet { files, ..Ratchet::default() }).len()
    }

    #[test]
    fn long_files_are_found() {
        assert_eq!(check_one("a.rs", 400, None), 0);
        assert_eq!(check_one("a.rs", 401, None), 1);
        assert_eq!(check_one("broker/server/src/shard.rs", 300, None), 0);
        assert_eq!(check_one("broker/server/src/shard.rs", 301, None), 1);
    }

    #[test]
    fn a_ceiling_holds_and_only_falls() {
        assert_eq!(check_one("a.rs", 500, Some(500)), 0);
        assert_eq!(check_one("a.rs", 501, Some(500)), 1);
        assert_eq!(check_one("a.rs", 500, Some(521)), 1);
        assert_eq!(check_one("a.rs", 400, Some(400)), 1);
        assert_eq!(check_one("a.rs", 801, Some(801)), 2);
    }
}
