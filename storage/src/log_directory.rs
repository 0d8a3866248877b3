//! Which logs a data directory holds: log `n` is in the directory `log-<n>`, with four decimal digits, and
//! its id is that of the data directory plus `n`.

use crate::identity::Identity;

/// Most logs of one data directory.
pub const LOGS_MAX: u32 = 10_000;

/// The name of the directory of log `number` in the data directory.
///
/// # Panics
/// If `number` is not below [`LOGS_MAX`].
#[must_use]
pub fn log_directory_name(number: u32) -> String {
    assert!(number < LOGS_MAX, "a data directory holds {LOGS_MAX} logs at most");
    format!("log-{number:04}")
}

/// The number of the log whose directory has this name, if it is the name of one.
#[must_use]
pub fn log_directory_number(name: &str) -> Option<u32> {
    let number = name.strip_prefix("log-")?.parse().ok().filter(|number| *number < LOGS_MAX)?;
    (log_directory_name(number) == name).then_some(number)
}

/// The id of log `number` in the data directory with this identity.
#[must_use]
pub fn log_id(identity: &Identity, number: u32) -> u128 {
    identity.log_id.wrapping_add(u128::from(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_and_a_number_are_the_same() {
        for number in [0, 7, 42, 999, LOGS_MAX - 1] {
            let name = log_directory_name(number);
            assert_eq!(name.len(), "log-0000".len());
            assert_eq!(log_directory_number(&name), Some(number));
        }
        for name in ["log-", "log-1", "log-00001", "log-+001", "log-000a", "LOG-0001", "log-10000"]
        {
            assert_eq!(log_directory_number(name), None, "{name}");
        }
    }

    #[test]
    fn ids_differ_and_go_around() {
        let identity = Identity { log_id: u128::MAX, created_unix_ms: 1 };
        assert_eq!([log_id(&identity, 0), log_id(&identity, 1)], [u128::MAX, 0]);
    }
}
