//! Hashes of passwords: argon2id (RFC 9106) in the PHC string format.

use std::fmt;

use argon2::password_hash::rand_core::OsRng;
use argon2::password_hash::{PasswordHash, PasswordHasher, PasswordVerifier, SaltString};
use argon2::{Algorithm, Argon2, Params, Version};
use coilgun_protocol::model::limits;

/// A hash that was checked: argon2id, at a cost that the broker can bear.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretHash(String);

/// How costly a hash is to make and to check.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct HashCost {
    /// Memory, in KiB.
    pub memory_kib: u32,
    /// How often that memory is gone through.
    pub iterations: u32,
}

impl Default for HashCost {
    /// What OWASP recommends at least: 19 MiB, twice.
    fn default() -> HashCost {
        HashCost { memory_kib: 19 * 1024, iterations: 2 }
    }
}

/// Why a text is no hash that can be used.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum InvalidHash {
    /// It is not a PHC string.
    #[error("it is not a hash as `coilgun user hash` prints it ({0})")]
    Malformed(String),
    /// It is of another algorithm or version.
    #[error("it is a hash by {0}, and has to be by argon2id, version 19")]
    Algorithm(String),
    /// It would take too much memory or time, or next to none.
    #[error(
        "it costs {memory_kib} KiB, {iterations} times, in {lanes} lanes; at most {memory_max} KiB, \
         {iterations_max} times and {lanes_max} lanes are allowed, and {work_max} KiB in all",
        memory_max = limits::HASH_MEMORY_KIB_MAX,
        iterations_max = limits::HASH_ITERATIONS_MAX,
        lanes_max = limits::HASH_LANES_MAX,
        work_max = limits::HASH_WORK_KIB_MAX,
    )]
    Cost {
        /// Memory, in KiB.
        memory_kib: u32,
        /// How often it is gone through.
        iterations: u32,
        /// How many parts it has.
        lanes: u32,
    },
}

impl SecretHash {
    /// Takes a text as a hash.
    ///
    /// # Errors
    /// If it is none, of another algorithm, or too costly.
    pub fn parse(text: &str) -> Result<SecretHash, InvalidHash> {
        let malformed = |why: &dyn fmt::Display| InvalidHash::Malformed(why.to_string());
        let hash = PasswordHash::new(text).map_err(|why| malformed(&why))?;
        let version = hash.version.unwrap_or(u32::from(Version::V0x13));
        if hash.algorithm != Algorithm::Argon2id.ident() || version != u32::from(Version::V0x13) {
            return Err(InvalidHash::Algorithm(format!("{}, version {version}", hash.algorithm)));
        }
        if hash.salt.is_none() || hash.hash.is_none() {
            return Err(malformed(&"salt or hash is missing"));
        }
        let params = Params::try_from(&hash).map_err(|why| malformed(&why))?;
        check_cost(&params)?;
        Ok(SecretHash(text.to_owned()))
    }

    /// Whether it is the hash of this password. Takes as long as the hash says.
    #[must_use]
    pub fn is_of(&self, secret: &[u8]) -> bool {
        let hash = PasswordHash::new(&self.0).expect("it was checked");
        Argon2::default().verify_password(secret, &hash).is_ok()
    }

    /// Whether this very text is the password, as simulated brokers have it.
    pub(crate) fn is_plain(&self, secret: &[u8]) -> bool {
        self.0.as_bytes() == secret
    }

    /// A password that stands for itself, for a simulated broker.
    #[must_use]
    pub fn plain(secret: &str) -> SecretHash {
        SecretHash(secret.to_owned())
    }
}

impl fmt::Debug for SecretHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretHash(..)")
    }
}

/// Makes the hash of a password, with a salt of its own.
///
/// # Errors
/// If it would be too costly to be used, or cost nothing.
pub fn make_hash(secret: &[u8], cost: HashCost) -> Result<String, InvalidHash> {
    let HashCost { memory_kib, iterations } = cost;
    let malformed = |why: &dyn fmt::Display| InvalidHash::Malformed(why.to_string());
    let params = Params::new(memory_kib, iterations, 1, None).map_err(|why| malformed(&why))?;
    check_cost(&params)?;
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let salt = SaltString::generate(&mut OsRng);
    let hash = argon2.hash_password(secret, &salt);
    Ok(hash.map_err(|why| malformed(&why))?.to_string())
}

fn check_cost(params: &Params) -> Result<(), InvalidHash> {
    let (memory_kib, iterations, lanes) = (params.m_cost(), params.t_cost(), params.p_cost());
    let work = u64::from(memory_kib) * u64::from(iterations);
    let is_bearable = memory_kib <= limits::HASH_MEMORY_KIB_MAX
        && iterations <= limits::HASH_ITERATIONS_MAX
        && lanes <= limits::HASH_LANES_MAX
        && work <= limits::HASH_WORK_KIB_MAX;
    match is_bearable {
        true => Ok(()),
        false => Err(InvalidHash::Cost { memory_kib, iterations, lanes }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHEAP: HashCost = HashCost { memory_kib: 8, iterations: 1 };

    #[test]
    fn s26_a_hash_is_of_its_password_only() {
        let text = make_hash(b"open sesame", CHEAP).expect("it is cheap");
        assert!(text.starts_with("$argon2id$v=19$m=8,t=1,p=1$"), "{text}");
        let hash = SecretHash::parse(&text).expect("it was just made");
        assert!(hash.is_of(b"open sesame"));
        assert!(!hash.is_of(b"open sesame ") && !hash.is_of(b""));
        assert_ne!(make_hash(b"open sesame", CHEAP).expect("it is cheap"), text, "salted");
        assert!(!format!("{hash:?}").contains("argon2"));
    }

    #[test]
    fn what_is_no_hash_or_too_costly_is_refused() {
        let good = make_hash(b"x", CHEAP).expect("it is cheap");
        let other = good.replace("argon2id", "argon2i");
        assert!(matches!(SecretHash::parse(&other), Err(InvalidHash::Algorithm(_))));
        for cost in ["m=9999999,t=1", "m=8,t=4000000", "m=262144,t=32"] {
            let costly = good.replace("m=8,t=1", cost);
            assert!(matches!(SecretHash::parse(&costly), Err(InvalidHash::Cost { .. })), "{cost}");
        }
        for text in [
            "",
            "hush",
            "$argon2id$v=19$m=8,t=1,p=1",
            "$argon2id$v=19$m=0,t=1,p=1$YWJjZGVmZ2g$YWJjZGVmZ2g",
        ] {
            assert!(matches!(SecretHash::parse(text), Err(InvalidHash::Malformed(_))), "{text}");
        }
        let costly = HashCost { memory_kib: u32::MAX, iterations: 1 };
        assert!(make_hash(b"x", costly).is_err());
    }
}
