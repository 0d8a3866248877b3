//! Who wants the messages of one subject.

use coilgun_protocol::model::NamespaceId;

use super::epochs::NEVER;
use super::permission::Permits;
use super::plan::{Elsewhere, RouteGroup, Target};
use super::queue_group::QueueGroup;
use super::shares::Share;
use super::slab::Key;

/// Targets for which a route that is forgotten keeps its memory.
const TARGETS_KEPT: usize = 64;

#[cfg(test)]
std::thread_local! {
    /// How many groups were looked at to find others, in this thread.
    pub(super) static LOOKS: core::cell::Cell<usize> = const { core::cell::Cell::new(0) };
}

/// Everything that is known about a subject: what can be resolved once per subject instead of once
/// per message, such as which identities may publish to it (law S32).
#[derive(Debug)]
pub(super) struct Route {
    /// The epochs it was built under; [`NEVER`]: it is empty.
    pub(super) stamp: u64,
    /// The number of this build, from 1; no other route has it. 0: it is empty.
    pub(super) build: u64,
    /// The namespace of the subject.
    pub(super) namespace: NamespaceId,
    /// The bucket of its first token.
    pub(super) bucket: u8,
    /// Whether `plain` can be copied into a plan as it is: there are no groups, nobody counts
    /// credit, and who wants a message once is in it once.
    pub(super) prepared: bool,
    /// Who may publish to it without asking for an answer, and who may send requests.
    pub(super) permits: [Permits; 2],
    /// The subject.
    pub(super) subject: Vec<u8>,
    /// Who is meant by name, then plain subscriptions, oldest first.
    pub(super) plain: Vec<Target>,
    /// The other shards that have more of the same.
    pub(super) elsewhere: Elsewhere,
    /// The queue groups, that with the oldest member first, then those that only other shards have.
    pub(super) groups: Vec<RouteGroup>,
    /// Their members on this shard, group by group, oldest first.
    pub(super) members: Vec<Target>,
    /// Their members on other shards, group by group, by shard.
    pub(super) shares: Vec<Share>,
}

impl Route {
    /// A route of no subject.
    pub(super) fn new() -> Route {
        Route {
            stamp: NEVER,
            build: 0,
            namespace: NamespaceId::DEFAULT,
            bucket: 0,
            prepared: false,
            permits: Default::default(),
            subject: Vec::new(),
            plain: Vec::new(),
            elsewhere: Elsewhere::default(),
            groups: Vec::new(),
            members: Vec::new(),
            shares: Vec::new(),
        }
    }

    /// Whether it is the route of this subject.
    #[inline]
    pub(super) fn is_of(&self, namespace: NamespaceId, subject: &[u8]) -> bool {
        self.stamp != NEVER && self.namespace == namespace && self.subject == subject
    }

    /// How many targets it holds, shares among them.
    pub(super) fn target_count(&self) -> usize {
        self.plain.len() + self.members.len() + self.shares.len()
    }

    /// The place of a queue group, if it matches. Looks at few groups, however many there are: a
    /// message may name as many (law S23).
    pub(super) fn place_of(&self, group: Key<QueueGroup>) -> Option<usize> {
        let key_in_order = |group: &RouteGroup| {
            #[cfg(test)]
            LOOKS.set(LOOKS.get() + 1);
            self.groups[group.in_order as usize].group.number()
        };
        let found = self.groups.binary_search_by_key(&group.number(), key_in_order).ok()?;
        Some(self.groups[found].in_order as usize)
    }

    /// The members of a group on this shard.
    pub(super) fn members_of(&self, group: &RouteGroup) -> &[Target] {
        &self.members[group.first..group.first + group.count]
    }

    /// The members of a group on other shards.
    pub(super) fn shares_of(&self, group: &RouteGroup) -> &[Share] {
        &self.shares[group.first_share..group.first_share + group.share_count]
    }

    /// Becomes a route of no subject; keeps its memory unless that is large.
    pub(super) fn clear(&mut self) {
        self.stamp = NEVER;
        self.build = 0;
        self.permits = Default::default();
        self.subject.clear();
        self.plain.clear();
        self.elsewhere = Elsewhere::default();
        self.groups.clear();
        self.members.clear();
        self.shares.clear();
        for list in [&mut self.plain, &mut self.members] {
            if list.capacity() > TARGETS_KEPT {
                *list = Vec::new();
            }
        }
        if self.groups.capacity() > TARGETS_KEPT {
            self.groups = Vec::new();
        }
        if self.shares.capacity() > TARGETS_KEPT {
            self.shares = Vec::new();
        }
    }

    /// Becomes a copy of `other`, in its own memory.
    pub(super) fn copy_from(&mut self, other: &Route) {
        self.stamp = other.stamp;
        self.build = other.build;
        self.namespace = other.namespace;
        self.bucket = other.bucket;
        self.prepared = other.prepared;
        self.permits = other.permits;
        self.subject.clone_from(&other.subject);
        self.plain.clone_from(&other.plain);
        self.elsewhere = other.elsewhere;
        self.groups.clone_from(&other.groups);
        self.members.clone_from(&other.members);
        self.shares.clone_from(&other.shares);
    }
}
