//! How an endpoint is.

use serde::{Deserialize, Serialize};

/// Whether an endpoint can do its work.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(tag = "health", content = "detail", rename_all = "lowercase")]
pub enum Health {
    /// It can.
    #[default]
    Ok,
    /// It cannot, and this is why.
    Failing(String),
}

/// What an endpoint of ours says in the `data` of its statistics.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct HealthReport {
    /// How it is: `health` is `ok`, or `failing` with the reason in `detail`.
    #[serde(flatten)]
    pub health: Health,
    /// How many requests it has taken in and not answered.
    pub in_flight: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn health_is_a_word_and_a_reason() {
        let ok = HealthReport { health: Health::Ok, in_flight: 2 };
        let failing = HealthReport { health: Health::Failing("no ink".to_owned()), in_flight: 0 };
        let cases = [
            (ok, r#"{"health":"ok","in_flight":2}"#),
            (failing, r#"{"health":"failing","detail":"no ink","in_flight":0}"#),
        ];
        for (report, text) in cases {
            assert_eq!(serde_json::to_string(&report).expect("JSON"), text);
            assert_eq!(serde_json::from_str::<HealthReport>(text).expect("a report"), report);
        }
    }
}
