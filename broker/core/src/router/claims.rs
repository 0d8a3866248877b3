//! Which shard may give a name away (law S16): what the shard knows to which a name's hash points.
//!
//! Before a shard gives a client a name it claims the name at that shard, its *arbiter*, and when the
//! client gives it up it releases the claim there. So two shards that want the same name at the same
//! time find out, whatever they have heard of each other.

use std::collections::BTreeMap;

use coilgun_protocol::model::{ErrorCode, NamespaceId, ShardId};

use super::directory;
use super::state::Router;

/// The names this shard decides about, by namespace.
#[derive(Debug, Default)]
pub(super) struct Claims {
    namespaces: Vec<BTreeMap<Box<[u8]>, ShardId>>,
}

/// The shard that decides who has a name, by the FNV-1a hash of Fowler, Noll and Vo. Not keyed:
/// every shard must come to the same answer.
///
/// # Panics
/// If `shard_count` is 0 or above `SHARDS_MAX`.
#[must_use]
pub fn arbiter_of(namespace: NamespaceId, name: &[u8], shard_count: usize) -> ShardId {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    for byte in namespace.0.to_le_bytes().iter().chain(name) {
        hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    }
    // The low bits of this hash are the good ones only when folded with the high ones.
    let folded = hash ^ (hash >> 32);
    ShardId::new((folded % shard_count as u64) as usize)
}

impl Router {
    /// At the arbiter: gives the name to a shard, which may be this one, until it [releases
    /// it](Router::release_claim).
    ///
    /// # Errors
    /// [`ErrorCode::InvalidName`], or [`ErrorCode::NameTaken`] if a shard has the name, also if it is
    /// the same one.
    pub fn claim_name(
        &mut self,
        namespace: NamespaceId,
        name: &[u8],
        by: ShardId,
    ) -> Result<(), ErrorCode> {
        if !directory::is_valid_name(name) {
            return Err(ErrorCode::InvalidName);
        }
        let place = usize::from(namespace.0);
        if self.claims.namespaces.len() <= place {
            self.claims.namespaces.resize_with(place + 1, BTreeMap::new);
        }
        let claimed = &mut self.claims.namespaces[place];
        if claimed.contains_key(name) {
            return Err(ErrorCode::NameTaken);
        }
        claimed.insert(Box::from(name), by);
        Ok(())
    }

    /// At the arbiter: the shard that has a name.
    #[must_use]
    pub fn claimed_by(&self, namespace: NamespaceId, name: &[u8]) -> Option<ShardId> {
        self.claims.namespaces.get(usize::from(namespace.0))?.get(name).copied()
    }

    /// At the arbiter: lets others have a name that a shard had claimed. Ignores what is not that
    /// shard's.
    pub fn release_claim(&mut self, namespace: NamespaceId, name: &[u8], by: ShardId) {
        let Some(claimed) = self.claims.namespaces.get_mut(usize::from(namespace.0)) else {
            return;
        };
        if claimed.get(name) == Some(&by) {
            claimed.remove(name);
        }
    }

    /// The oldest name that a client of this shard gave up and whose arbiter was not told yet; the
    /// caller tells it, in the order in which the names come. Only one of several shards has any.
    pub fn next_freed_name(&mut self) -> Option<(NamespaceId, Box<[u8]>)> {
        self.freed_names.pop_front()
    }
}

#[cfg(test)]
mod tests {
    use super::super::limits::RouterLimits;
    use super::*;

    #[test]
    fn s16_the_arbiter_gives_a_name_once() {
        let mut router = Router::new([1, 2, 3, 4], RouterLimits::default());
        let [one, two] = [0, 1].map(ShardId::new);
        let namespace = NamespaceId(3);
        assert_eq!(router.claim_name(namespace, b"a.*", one), Err(ErrorCode::InvalidName));
        router.release_claim(namespace, b"a", one);
        assert_eq!(router.claim_name(namespace, b"a", one), Ok(()));
        for shard in [one, two] {
            assert_eq!(router.claim_name(namespace, b"a", shard), Err(ErrorCode::NameTaken));
        }
        assert_eq!(router.claim_name(NamespaceId(2), b"a", two), Ok(()), "elsewhere");
        router.release_claim(namespace, b"a", two);
        assert_eq!(router.claim_name(namespace, b"a", two), Err(ErrorCode::NameTaken));
        router.release_claim(namespace, b"a", one);
        assert_eq!(router.claim_name(namespace, b"a", two), Ok(()));
    }

    #[test]
    fn s16_arbiters_share_the_names() {
        let mut names = [0; 5];
        for number in 0..5_000 {
            let name = format!("app.{number}");
            names[arbiter_of(NamespaceId(1), name.as_bytes(), names.len()).index()] += 1;
        }
        assert!(names.iter().all(|count| (850..1150).contains(count)), "{names:?}");
        assert_eq!(arbiter_of(NamespaceId(1), b"a", 1), ShardId::new(0));
    }
}
