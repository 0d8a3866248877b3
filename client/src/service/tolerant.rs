//! Reading fields that others write in more than one way.

use serde::{Deserialize, Deserializer};

/// A value, or its default where null stands.
pub(super) fn or_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(Option::<T>::deserialize(deserializer)?.unwrap_or_default())
}

/// Nanoseconds, also where a language without integers writes them with a fraction, which is left
/// out.
pub(super) fn nanoseconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let Some(number) = Option::<serde_json::Number>::deserialize(deserializer)? else {
        return Ok(0);
    };
    if let Some(whole) = number.as_u64() {
        return Ok(whole);
    }
    match number.as_f64() {
        // A number that is too large becomes the largest; the cast cannot do anything else to it.
        Some(fraction) if fraction >= 0.0 => Ok(fraction as u64),
        Some(_) | None => Err(serde::de::Error::custom("a time is not below zero")),
    }
}
