//! The data directory that is looked at, and the logs in it.

use std::future::Future;
use std::path::{Path, PathBuf};

use coilgun_storage::disk::{DirectDisk, block_on};
use coilgun_storage::{
    DataDirectory, DataDirectoryError, Identity, log_count, log_directory_name, log_exists, log_id,
    read_identity,
};

use crate::failure::Failure;

/// A data directory that no broker can own meanwhile.
pub(super) struct HeldData {
    /// Keeps brokers out for as long as this value lives.
    directory: DataDirectory,
    identity: Identity,
}

/// One log in it.
#[derive(Clone, Debug)]
pub(super) struct LogPlace {
    /// Its number.
    pub(super) number: u32,
    /// Its id.
    pub(super) log_id: u128,
    directory: PathBuf,
}

impl HeldData {
    /// Takes the lock of a data directory, and reads whose it is.
    ///
    /// # Errors
    /// If a broker runs, or there is none.
    pub(super) fn take(path: &Path) -> Result<HeldData, Failure> {
        let directory = DataDirectory::open_existing(path).map_err(not_held)?;
        let read = block_on(move || async move {
            let identity = read_identity(&directory).await;
            (directory, identity)
        });
        let (directory, identity) = read.map_err(no_executor)?;
        let identity = identity.map_err(|error| not_checked(error.to_string(), ""))?;
        let identity = identity.ok_or_else(|| {
            let text = format!("{} holds no data of a broker", path.display());
            not_checked(text, NAME_ANOTHER)
        })?;
        Ok(HeldData { directory, identity })
    }

    /// The logs with these numbers; all there are if there are none.
    ///
    /// # Errors
    /// If one is not there, or the directory cannot be looked at.
    pub(super) fn logs(&self, numbers: &[u32]) -> Result<Vec<LogPlace>, Failure> {
        let data = self.directory.path();
        let unreadable =
            |error: coilgun_storage::disk::DiskError| not_checked(error.to_string(), "");
        let wanted = match numbers {
            [] => (0..log_count(data).map_err(unreadable)?).collect(),
            some => some.to_vec(),
        };
        let mut places = Vec::new();
        for number in wanted {
            if log_exists(data, number).map_err(unreadable)? {
                places.push(LogPlace {
                    number,
                    log_id: log_id(&self.identity, number),
                    directory: data.join(log_directory_name(number)),
                });
            } else if numbers.contains(&number) {
                let text = format!("there is no log {number} in {}", data.display());
                return Err(not_checked(text, "coilgun log verify checks all logs there are."));
            }
        }
        Ok(places)
    }
}

impl LogPlace {
    /// Runs what `work` makes of the log's directory and id on an executor with direct IO.
    ///
    /// # Errors
    /// If the kernel refuses the executor.
    pub(super) fn run<T, F>(
        &self,
        work: impl FnOnce(DirectDisk, u128) -> F + Send + 'static,
    ) -> Result<T, Failure>
    where
        T: Send + 'static,
        F: Future<Output = T> + 'static,
    {
        let (path, log_id) = (self.directory.clone(), self.log_id);
        block_on(move || work(DirectDisk::new(&path), log_id)).map_err(no_executor)
    }
}

const NAME_ANOTHER: &str = "--data DIRECTORY names another data directory.";

/// The failure of a check that could not be made.
pub(super) fn not_checked(text: String, help: &str) -> Failure {
    Failure::NotChecked { text, help: help.to_owned() }
}

fn not_held(error: DataDirectoryError) -> Failure {
    match error {
        DataDirectoryError::InUse(path) => {
            let text = format!("the data directory {} is in use by a broker", path.display());
            not_checked(text, "Stop the broker first; its logs change while it runs.")
        }
        DataDirectoryError::Missing(_) | DataDirectoryError::NotADirectory(_) => {
            not_checked(error.to_string(), NAME_ANOTHER)
        }
        DataDirectoryError::Disk(error) => {
            not_checked(error.to_string(), "Only the user that the broker runs as may look at it.")
        }
    }
}

fn no_executor(error: std::io::Error) -> Failure {
    let text = format!("direct IO cannot be set up: {error}");
    not_checked(text, "io_uring has to be allowed, and 512 KiB of locked memory (ulimit -l).")
}
