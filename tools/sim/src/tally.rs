//! Counting what simulations did, and how much of it there must be.

use std::fmt;

/// What many seeds did, added up.
pub trait Tallied: Default + Send + fmt::Display {
    /// Adds what happened elsewhere.
    fn add(&mut self, other: &Self);

    /// How many seeds were run.
    fn seeds(&self) -> u64;

    /// What happened less often than it must, as text; nothing is asked of few seeds.
    fn too_rare(&self) -> Vec<String>;
}

/// Declares what is counted: its field, its name in reports, and how often it must happen in a
/// thousand seeds. The first is the number of seeds.
macro_rules! tally {
    ($(#[$about:meta])* $tally:ident; $($(#[$meaning:meta])* $field:ident, $name:literal, $least:literal;)+) => {
        $(#[$about])*
        #[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
        pub struct $tally {
            $($(#[$meaning])* pub $field: u64,)+
        }

        impl $tally {
            /// Everything with its name and how often it must happen in a thousand seeds.
            fn rows(&self) -> [(&'static str, u64, u64); [$($least),+].len()] {
                [$(($name, self.$field, $least)),+]
            }
        }

        impl $crate::tally::Tallied for $tally {
            fn add(&mut self, other: &$tally) {
                $(self.$field += other.$field;)+
            }

            fn seeds(&self) -> u64 {
                self.seeds
            }

            fn too_rare(&self) -> Vec<String> {
                $crate::tally::too_rare(&self.rows(), self.seeds)
            }
        }

        impl std::fmt::Display for $tally {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                $crate::tally::show(&self.rows(), self.seeds, f)
            }
        }
    };
}

pub(crate) use tally;

/// What happened less often than it must.
pub(crate) fn too_rare(rows: &[(&str, u64, u64)], seeds: u64) -> Vec<String> {
    let rows = rows.iter().filter(|(_, count, least)| count * 1_000 < least * seeds);
    rows.map(|(name, count, least)| format!("{name}: {count}, less than {least} per 1,000 seeds"))
        .collect()
}

/// A table of what happened.
pub(crate) fn show(
    rows: &[(&str, u64, u64)],
    seeds: u64,
    f: &mut fmt::Formatter<'_>,
) -> fmt::Result {
    writeln!(f, "{:<26}{:>12}{:>14}{:>10}", "", "all", "per 1,000", "at least")?;
    for (name, count, least) in rows {
        let per_thousand = count * 1_000 / seeds.max(1);
        writeln!(f, "{name:<26}{count:>12}{per_thousand:>14}{least:>10}")?;
    }
    Ok(())
}
