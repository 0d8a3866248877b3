//! Policies by name, for serde.

use coilgun_protocol::model::SlowConsumerPolicy;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serializer};

pub(super) fn serialize<S: Serializer>(
    policy: &SlowConsumerPolicy,
    to: S,
) -> Result<S::Ok, S::Error> {
    to.serialize_str(policy.name())
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(
    from: D,
) -> Result<SlowConsumerPolicy, D::Error> {
    let name = String::deserialize(from)?;
    SlowConsumerPolicy::from_name(&name).ok_or_else(|| {
        let known = SlowConsumerPolicy::ALL.map(SlowConsumerPolicy::name).join(", ");
        D::Error::custom(format!("there is no policy `{name}`, only {known}"))
    })
}

/// The same, where there may be none.
pub(super) mod optional {
    use super::{Deserializer, Serializer, SlowConsumerPolicy};

    pub(in super::super) fn serialize<S: Serializer>(
        policy: &Option<SlowConsumerPolicy>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        match policy {
            Some(policy) => super::serialize(policy, to),
            None => to.serialize_none(),
        }
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Option<SlowConsumerPolicy>, D::Error> {
        super::deserialize(from).map(Some)
    }
}
