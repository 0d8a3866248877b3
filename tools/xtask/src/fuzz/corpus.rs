//! The corpus that is kept: for each target a file of inputs, small ones first.

use std::path::{Path, PathBuf};

use coilgun_protocol::fuzz::{read_corpus, write_corpus};

use crate::failure::Failure;
use crate::fuzz::targets::Target;

/// Reads the inputs of a target; none if there is no file.
///
/// # Errors
/// If there is a file and it cannot be read.
pub(crate) fn load(folder: &Path, target: &str) -> Result<Vec<Vec<u8>>, Failure> {
    let path = path(folder, target);
    if !path.exists() {
        return Ok(Vec::new());
    }
    let shown = path.display().to_string();
    let text = std::fs::read_to_string(&path).map_err(Failure::while_doing(&shown))?;
    read_corpus(&text).ok_or_else(|| Failure::new(format!("{shown} is no corpus")))
}

/// Adds what is kept below the root to the seeds of targets.
///
/// # Errors
/// As [`load`].
pub(crate) fn add_to(root: &Path, targets: &mut [Target]) -> Result<(), Failure> {
    for target in targets {
        target.seeds.extend(load(&root.join(target.corpus), target.name)?);
    }
    Ok(())
}

/// Writes the inputs of a target, in an order that does not depend on how they were found.
///
/// # Errors
/// If they cannot be written.
pub(crate) fn store(folder: &Path, target: &str, mut inputs: Vec<Vec<u8>>) -> Result<(), Failure> {
    inputs.sort_by(|one, other| one.len().cmp(&other.len()).then_with(|| one.cmp(other)));
    inputs.dedup();
    let path = path(folder, target);
    std::fs::create_dir_all(folder).map_err(Failure::while_doing("cannot make the folder"))?;
    std::fs::write(&path, write_corpus(&inputs))
        .map_err(Failure::while_doing(&path.display().to_string()))
}

fn path(folder: &Path, target: &str) -> PathBuf {
    folder.join(format!("{target}.txt"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_stored_is_loaded_small_ones_first() {
        let folder = std::env::temp_dir().join(format!("coilgun-corpus-{}", std::process::id()));
        assert_eq!(load(&folder, "none"), Ok(vec![]));
        let inputs = vec![vec![9, 0], vec![], vec![10], vec![10]];
        store(&folder, "some", inputs).expect("it can be written");
        assert_eq!(load(&folder, "some"), Ok(vec![vec![], vec![10], vec![9, 0]]));
        std::fs::write(folder.join("bad.txt"), "\\q\n").expect("it can be written");
        assert!(load(&folder, "bad").is_err());
        std::fs::remove_dir_all(&folder).expect("it can be removed");
    }
}
