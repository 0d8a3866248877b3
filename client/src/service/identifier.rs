//! Identifiers of instances, and moments, as text.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Digits of an identifier: a token of a subject may consist of them.
const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// So many of them hold 128 bits.
const LENGTH: usize = 22;

/// The identifier that a seed stands for: 22 letters and digits, different for different seeds.
pub(super) fn identifier(seed: u128) -> String {
    let mut left = seed;
    let mut digits = [0; LENGTH];
    for digit in &mut digits {
        *digit = DIGITS[usize::try_from(left % 62).expect("it is below 62")];
        left /= 62;
    }
    digits.iter().rev().map(|digit| char::from(*digit)).collect()
}

/// A moment in UTC as RFC 3339 writes it, to the nanosecond. What lies before 1970 is 1970.
pub(super) fn rfc_3339(moment: SystemTime) -> String {
    let since = moment.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    let (days, second) = (since.as_secs() / 86_400, since.as_secs() % 86_400);
    let (year, month, day) = date(days);
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    let nanos = since.subsec_nanos();
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{nanos:09}Z")
}

/// Year, month and day so many days after 1970-01-01, after Howard Hinnant's `civil_from_days`:
/// years begin in March there, so that the leap day is the last of a year, and 400 years are always
/// 146,097 days.
fn date(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let leaps = day_of_era / 1_460 + day_of_era / 146_096;
    let year_of_era = (day_of_era + day_of_era / 36_524 - leaps) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identifier_is_a_token_of_its_own() {
        assert_eq!(identifier(0), "0".repeat(22));
        assert_eq!(identifier(61), format!("{}z", "0".repeat(21)));
        assert_eq!(identifier(u128::MAX).len(), 22);
        assert_ne!(identifier(u128::MAX), identifier(u128::MAX - 1));
    }

    #[test]
    fn moments_are_those_that_date_prints() {
        let at = |seconds, nanos| rfc_3339(UNIX_EPOCH + Duration::new(seconds, nanos));
        assert_eq!(at(0, 0), "1970-01-01T00:00:00.000000000Z");
        assert_eq!(at(951_782_399, 1), "2000-02-28T23:59:59.000000001Z");
        assert_eq!(at(951_782_400, 0), "2000-02-29T00:00:00.000000000Z");
        assert_eq!(at(951_868_800, 0), "2000-03-01T00:00:00.000000000Z");
        assert_eq!(at(1_754_629_637, 720_783_523), "2025-08-08T05:07:17.720783523Z");
        assert_eq!(at(4_107_542_400, 0), "2100-03-01T00:00:00.000000000Z");
        assert_eq!(rfc_3339(UNIX_EPOCH - Duration::from_secs(1)), "1970-01-01T00:00:00.000000000Z");
    }
}
