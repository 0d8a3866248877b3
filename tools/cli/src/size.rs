//! Sizes as people write them: `1MiB`, `64k`, `4096`.

/// Each suffix with the bytes it stands for.
const UNITS: [(&str, u64); 10] = [
    ("b", 1),
    ("k", 1 << 10),
    ("kib", 1 << 10),
    ("kb", 1_000),
    ("m", 1 << 20),
    ("mib", 1 << 20),
    ("mb", 1_000_000),
    ("g", 1 << 30),
    ("gib", 1 << 30),
    ("gb", 1_000_000_000),
];

/// Reads a size in bytes: a whole number, and a unit in any case. `K`, `M` and `G` are powers of
/// 1024, like `KiB`, `MiB` and `GiB`; `kB`, `MB` and `GB` are powers of 1000.
///
/// # Errors
/// If it is no number, its unit is unknown, or it has more than 64 bits.
pub(crate) fn parse_bytes(text: &str) -> Result<usize, String> {
    let text = text.trim();
    let digits = text.find(|it: char| !it.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let number: u64 = number
        .parse()
        .map_err(|_| "a size is a whole number and a unit, such as 1MiB or 4096".to_owned())?;
    let unit = unit.trim().to_lowercase();
    let bytes = match unit.as_str() {
        "" => Some(1),
        unit => UNITS.iter().find(|(name, _)| *name == unit).map(|(_, bytes)| *bytes),
    };
    let bytes =
        bytes.ok_or("the units are B, KiB, MiB and GiB (kB, MB and GB for powers of 1000)")?;
    let total = number.checked_mul(bytes).ok_or("the size has more than 64 bits")?;
    usize::try_from(total).map_err(|_| "the size is too large for this machine".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_unit() {
        for (text, bytes) in [
            ("0", 0),
            ("4096", 4096),
            ("7B", 7),
            ("1k", 1024),
            ("1KiB", 1024),
            ("1kB", 1000),
            (" 2 MiB ", 2 << 20),
            ("1mb", 1_000_000),
            ("3G", 3 << 30),
            ("3GiB", 3 << 30),
            ("1GB", 1_000_000_000),
        ] {
            assert_eq!(parse_bytes(text), Ok(bytes), "{text}");
        }
    }

    #[test]
    fn what_is_no_size() {
        for text in
            ["", "MiB", "-1", "1.5MiB", "1TiB", "1 2", "99999999999999999999", "99999999999GiB"]
        {
            assert!(parse_bytes(text).is_err(), "{text}");
        }
    }
}
