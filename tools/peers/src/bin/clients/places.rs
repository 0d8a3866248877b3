//! Where the programs are that the tests run.

use std::path::PathBuf;

/// Paths of programs.
#[derive(Clone, Debug, Default)]
pub(crate) struct Places {
    /// The broker.
    pub(crate) broker: PathBuf,
    /// Python, with the packages.
    pub(crate) python: PathBuf,
    /// The command line of busrt.
    pub(crate) busrt: PathBuf,
    /// The programs in Python.
    pub(crate) scripts: PathBuf,
    /// The programs in Rust: where this one is, too.
    pub(crate) programs: PathBuf,
}

impl Places {
    /// Reads `--broker PATH --python PATH --busrt PATH --scripts FOLDER`.
    ///
    /// # Errors
    /// Says what is missing or unknown.
    pub(crate) fn from_arguments(
        mut arguments: impl Iterator<Item = String>,
    ) -> Result<Places, String> {
        let mut places = Places::default();
        while let Some(flag) = arguments.next() {
            let value = arguments.next().ok_or_else(|| format!("{flag} needs a value"))?;
            let place = match flag.as_str() {
                "--broker" => &mut places.broker,
                "--python" => &mut places.python,
                "--busrt" => &mut places.busrt,
                "--scripts" => &mut places.scripts,
                other => return Err(format!("{other} is not known")),
            };
            *place = value.into();
        }
        let all = [&places.broker, &places.python, &places.busrt, &places.scripts];
        if all.iter().any(|place| place.as_os_str().is_empty()) {
            return Err("--broker, --python, --busrt and --scripts are needed".to_owned());
        }
        let own = std::env::current_exe().map_err(|error| error.to_string())?;
        places.programs = own.parent().ok_or("a program is in a folder")?.to_owned();
        Ok(places)
    }
}
