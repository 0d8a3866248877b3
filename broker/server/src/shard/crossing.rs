//! Messages on their way to other shards (laws S14, S18).
//!
//! ```text
//! plan --> room on the way to every shard? --no--> the publisher waits, nothing is done
//!             | yes
//!             v
//!          local outboxes, and one copy into the parcel to each shard that wants it
//! ```
//!
//! A message that fits no parcel is lent where it lies. The names of the queue groups that a shard was
//! picked for travel with it; where they are too many for one message, it is sent in several, of which
//! the first is for everybody else.

use coilgun_core::router::{GroupNames, GroupPick, Plan, Router};
use coilgun_protocol::buffer::{BlockRange, Chunk, Pool};
use coilgun_protocol::model::{Delivery, NamespaceId, ShardId, ShardSet, Timestamp, limits};

use super::draft::Draft;
use super::publish::Origin;
use super::turn::Shard;
use super::waits::Wait;
use crate::env::Env;
use crate::mesh::{Mesh, MeshPort, Message, Need, Payload, Publication, ReplyTo};

/// The most that the head of a published message takes beside its texts.
const HEAD_BYTES: usize = 128;
/// Bytes of names of queue groups behind which a message ends.
const GROUP_BYTES_MAX: usize = 16 * 1024;

impl<E: Env> Shard<E> {
    /// What the message of the plan has to wait for on its way to other shards, if anything. Nothing
    /// was done yet.
    #[inline]
    pub(super) fn remote_wait(&mut self, draft: &Draft<'_>) -> Option<Wait> {
        if self.plan.shards().is_empty() {
            return None;
        }
        let texts = draft.subject.len() + draft.reply.len() + draft.headers_bytes;
        self.wait_for_shards(texts + limits::CLIENT_NAME_BYTES_MAX, draft.payload_bytes)
    }

    /// Whether what the plan sends to other shards finds room on its way, whoever reads there.
    pub(super) fn has_way(&mut self, draft: &Draft<'_>) -> bool {
        let texts = draft.subject.len() + draft.reply.len() + draft.headers_bytes;
        let texts = texts + limits::CLIENT_NAME_BYTES_MAX;
        self.full_shard(texts, draft.payload_bytes).is_none()
    }

    fn wait_for_shards(&mut self, texts: usize, payload: usize) -> Option<Wait> {
        if let Some(shard) = self.plan.pressed() {
            return Some(Wait::Reader(shard));
        }
        self.full_shard(texts, payload).map(Wait::Ring)
    }

    /// A shard on the way to which there is no room for the message of the plan.
    fn full_shard(&mut self, texts: usize, payload: usize) -> Option<ShardId> {
        let Shard { plan, router, mesh, .. } = self;
        let shards = plan.shards();
        shards.iter().find(|shard| {
            let groups = GroupRuns::of(plan, router, *shard);
            let need = groups.need(texts, payload);
            !mesh.has_room(*shard, need)
        })
    }

    /// In how many messages the message of the plan goes to other shards.
    #[inline]
    pub(super) fn crossing_count(&self) -> u32 {
        let shards = self.plan.shards();
        if self.plan.group_picks().is_empty() {
            return shards.len() as u32;
        }
        shards.iter().map(|shard| GroupRuns::of(&self.plan, &self.router, shard).count).sum()
    }

    /// Sends the message of the plan to every other shard that wants it; there is room.
    #[inline]
    pub(super) fn cross(
        &mut self,
        now: Timestamp,
        origin: Origin,
        from: ReplyTo,
        message: &Delivery<'_>,
    ) {
        let shards = self.plan.shards();
        let Shard { plan, router, mesh, net, group_names, clients, .. } = self;
        let namespace = match origin {
            Origin::Announcement(namespace) => namespace,
            Origin::Client(id) | Origin::Broker(id) => {
                let Some(client) = clients.get_mut(id) else { return };
                client.crossed = client.crossed.union(shards);
                client.namespace
            }
        };
        let message = Delivery { sender: origin.name(router), ..*message };
        let mut crossing = Crossing {
            publication: publication(namespace, from, &message),
            payload: message.payload,
            mesh,
            large: &net.pools().large,
            unsent: 0,
        };
        for shard in shards.iter() {
            crossing.publication.is_plain = plan.plain_shards().contains(shard);
            crossing.publication.plain_went = false;
            group_names.clear();
            for pick in picks(plan, shard) {
                GroupNames::push(group_names, router.group_name(pick));
                if group_names.len() > GROUP_BYTES_MAX {
                    crossing.send(shard, group_names);
                    crossing.publication.plain_went |= crossing.publication.is_plain;
                    crossing.publication.is_plain = false;
                    group_names.clear();
                }
            }
            if crossing.publication.is_plain || !group_names.is_empty() {
                crossing.send(shard, group_names);
            }
        }
        for _ in 0..crossing.unsent {
            self.on_settled(now, from, 0, true);
        }
    }
}

/// A message that is being sent to several shards.
struct Crossing<'a, P> {
    publication: Publication<'a>,
    payload: Chunk<'a>,
    mesh: &'a mut Mesh<P>,
    /// Where a payload is copied to that is large and lies in no block.
    large: &'a Pool,
    /// Messages for which memory was out.
    unsent: u32,
}

impl<P: MeshPort> Crossing<'_, P> {
    fn send(&mut self, to: ShardId, groups: &[u8]) {
        let Publication { subject, reply, headers, sender, .. } = self.publication;
        let texts = subject.len() + reply.len() + headers.len() + sender.len();
        let payload = if is_inline(texts, self.payload.len()) {
            Payload::Inline(self.payload.bytes())
        } else {
            let lent = lendable(self.payload, self.large);
            match lent.and_then(|range| self.mesh.lend(to, range)) {
                Some(payload) => payload,
                // Only what no client sent lies in no block; where memory is out it is not sent.
                None => {
                    self.unsent += 1;
                    return self.mesh.count_unsent();
                }
            }
        };
        let publication = Publication { groups, payload, ..self.publication };
        self.mesh.send(to, &Message::Publication(publication));
    }
}

/// A message as it travels, but for its payload and who it is for.
#[inline]
pub(super) fn publication<'a>(
    namespace: NamespaceId,
    from: ReplyTo,
    message: &Delivery<'a>,
) -> Publication<'a> {
    Publication {
        namespace,
        is_plain: false,
        plain_went: false,
        groups: &[],
        tried: ShardSet::EMPTY,
        from,
        sender: message.sender,
        subject: message.subject,
        reply: message.reply,
        headers: message.headers,
        payload: Payload::Inline(&[]),
        correlation: message.correlation,
        deadline_ms: message.deadline_ms,
        flags: message.flags,
    }
}

/// Whether a payload travels in the parcel.
#[inline]
pub(super) fn is_inline(texts: usize, payload: usize) -> bool {
    payload == 0 || HEAD_BYTES + texts + payload <= limits::BLOCK_BYTES
}

/// The block of a payload; a copy, if it lies in none.
pub(super) fn lendable(payload: Chunk<'_>, large: &Pool) -> Option<BlockRange> {
    if let Some(range) = payload.range() {
        return Some(range);
    }
    let block = large.take().filter(|block| block.capacity() >= payload.len())?;
    // SAFETY: the block was just taken, nothing else refers to it.
    unsafe { block.unwritten(0, payload.len()) }.copy_from_slice(payload.bytes());
    Some(BlockRange::new(block, 0, payload.len()))
}

fn picks(plan: &Plan, shard: ShardId) -> impl Iterator<Item = &GroupPick> {
    plan.group_picks().iter().filter(move |pick| pick.shard == shard)
}

/// The names of the groups that a shard was picked for, cut into messages.
#[derive(Clone, Copy, Debug, Default)]
struct GroupRuns {
    /// How many messages it takes.
    count: u32,
    /// Bytes of the longest run of names.
    longest: usize,
}

impl GroupRuns {
    /// Cuts as [`Shard::cross`] does.
    #[inline]
    fn of(plan: &Plan, router: &Router, shard: ShardId) -> GroupRuns {
        if plan.group_picks().is_empty() {
            return GroupRuns { count: 1, longest: 0 };
        }
        let mut runs = GroupRuns::default();
        let mut len = 0;
        for pick in picks(plan, shard) {
            len += size_of::<u16>() + router.group_name(pick).len();
            runs.longest = runs.longest.max(len);
            if len > GROUP_BYTES_MAX {
                runs.count += 1;
                len = 0;
            }
        }
        let is_plain = runs.count == 0 && plan.plain_shards().contains(shard);
        runs.count += u32::from(len > 0 || is_plain);
        runs
    }

    #[inline]
    fn need(self, texts: usize, payload: usize) -> Need {
        let count = self.count as usize;
        let texts_with_groups = HEAD_BYTES + texts + self.longest;
        if is_inline(texts, payload) {
            Need { count, bytes: texts_with_groups + payload, lent: 0 }
        } else {
            Need { count, bytes: texts_with_groups, lent: payload }
        }
    }
}

const _: () = assert!(
    limits::QUEUE_GROUPS_PER_SHARD_MAX * (limits::QUEUE_GROUP_BYTES_MAX + 2) / GROUP_BYTES_MAX
        < crate::mesh::PARCELS_MAX / 2,
    "a message for all groups of a shard finds room once nothing is under way"
);
const _: () = assert!(
    HEAD_BYTES
        + limits::HEADERS_BYTES_MAX
        + 2 * limits::SUBJECT_BYTES_MAX
        + limits::CLIENT_NAME_BYTES_MAX
        + GROUP_BYTES_MAX
        + limits::QUEUE_GROUP_BYTES_MAX
        + 2
        <= crate::mesh::PARCEL_BYTES,
    "every message without its payload fits a parcel"
);
const _: () = assert!(
    limits::BLOCK_BYTES + GROUP_BYTES_MAX + limits::QUEUE_GROUP_BYTES_MAX + 2
        <= crate::mesh::PARCEL_BYTES,
    "so does every message with its payload, if that travels inside"
);
