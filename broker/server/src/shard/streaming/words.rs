//! What shards say to each other about streams, where that is said seldom.

use coilgun_protocol::model::{
    ClientId, ErrorCode, Follow, FollowEnded, FollowFrom, FollowId, Offset, PartitionId, ShardId,
    Ticket,
};
use serde::{Deserialize, Serialize};

use super::super::turn::Shard;
use crate::env::Env;
use crate::mesh::Message;

/// One of them.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) enum StreamWord {
    /// Follow a partition; to its owner.
    Follow(FollowWord),
    /// What became of that; to the home.
    Followed { client: Who, follow: u64, ticket: u64, code: u16 },
    /// A follower may be sent more.
    Credit { client: Who, follow: u64, records: u32, bytes: u32 },
    /// A follower wants nothing any more; to its owner.
    Unfollow { client: Who, follow: u64, ticket: u64 },
    /// What became of that, and nothing more comes of the follower; to the home.
    Unfollowed { client: Who, follow: u64, ticket: u64, code: u16 },
    /// A follower has ended by itself; to the home.
    Ended { client: Who, follow: u64, code: u16, next: u64, first: u64, end: u64 },
    /// A client is gone, and so are its followers.
    Gone { client: Who },
    /// A client wants a stream to be made or deleted; to the shard that decides.
    Wanted { client: Who, wish: WishWord },
    /// What that shard decided; to the home.
    Decided { client: Who, code: u16 },
    /// A stream was made: its metadata. Confirmed with [`StreamWord::Applied`].
    Made { number: u64, namespace: u16, state: Vec<u8> },
    /// A stream was deleted. Confirmed with [`StreamWord::Applied`].
    Removed { number: u64, stream: u64 },
    /// Everything up to here was said about streams that were there at the start.
    Known,
    /// The decision with this number is in force here.
    Applied { number: u64 },
}

/// A client, as slot and generation.
pub(super) type Who = (u32, u32);

/// A wish to follow.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct FollowWord {
    pub(super) client: Who,
    pub(super) follow: u64,
    pub(super) ticket: u64,
    pub(super) partition: u64,
    pub(super) index: u32,
    /// Nothing: from the end on.
    pub(super) from: Option<u64>,
    pub(super) records: u32,
    pub(super) bytes: u32,
    pub(super) stop_at_end: bool,
}

/// A wish about a stream.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) enum WishWord {
    Create { namespace: u16, name: Vec<u8>, partition_count: u32, co_located: bool },
    Delete { namespace: u16, name: Vec<u8> },
}

/// The client as a word says it.
pub(super) fn who(client: ClientId) -> Who {
    (client.slot, client.generation)
}

/// The client that a word means.
pub(super) fn client((slot, generation): Who) -> ClientId {
    ClientId { slot, generation }
}

/// The error that a word means.
pub(super) fn code(number: u16) -> ErrorCode {
    ErrorCode::from_number(number).expect("shards of one process know the same errors")
}

impl FollowWord {
    /// What a client wants, of this partition.
    pub(super) fn new(id: ClientId, partition: PartitionId, follow: &Follow) -> FollowWord {
        FollowWord {
            client: who(id),
            follow: follow.follow.0,
            ticket: follow.ticket.0,
            partition: partition.0,
            index: follow.partition,
            from: match follow.from {
                FollowFrom::At(offset) => Some(offset.0),
                FollowFrom::End => None,
            },
            records: follow.credit_records,
            bytes: follow.credit_bytes,
            stop_at_end: follow.stop_at_end,
        }
    }

    pub(super) fn ticket(&self) -> Ticket {
        Ticket(self.ticket)
    }
}

impl<E: Env> Shard<E> {
    /// Says something about streams to another shard.
    pub(super) fn say_word(&mut self, to: ShardId, word: &StreamWord) {
        let text = rmp_serde::to_vec(word).expect("words are MessagePack");
        self.mesh.say(to, &Message::StreamWord { text: &text });
    }

    /// Tells a client that a follower of it has ended, wherever it is.
    pub(super) fn end_follower(&mut self, home: ShardId, id: ClientId, ended: FollowEnded) {
        let FollowEnded { follow, code, next_offset, first_offset, end_offset } = ended;
        if home == self.mesh.shard() {
            return self.on_follow_ended(id, ended);
        }
        let word = StreamWord::Ended {
            client: who(id),
            follow: follow.0,
            code: code as u16,
            next: next_offset.0,
            first: first_offset.0,
            end: end_offset.0,
        };
        self.say_word(home, &word);
    }

    /// Takes in what another shard says.
    pub(in super::super) fn on_stream_word(&mut self, from: ShardId, text: &[u8]) {
        let word: StreamWord = rmp_serde::from_slice(text).expect("shards of one process agree");
        match word {
            StreamWord::Follow(it) => self.follow_here(from, &it),
            StreamWord::Followed { client: it, follow, ticket, code: it_code } => {
                self.on_followed(client(it), FollowId(follow), Ticket(ticket), code(it_code));
            }
            StreamWord::Credit { client: it, follow, records, bytes } => {
                self.credit_here(from, client(it), FollowId(follow), records, bytes);
            }
            StreamWord::Unfollow { client: it, follow, ticket } => {
                let code = self.unfollow_here(from, client(it), FollowId(follow)) as u16;
                self.say_word(from, &StreamWord::Unfollowed { client: it, follow, ticket, code });
            }
            StreamWord::Unfollowed { client: it, follow, ticket, code: it_code } => {
                self.on_unfollowed(client(it), FollowId(follow), Ticket(ticket), code(it_code));
            }
            StreamWord::Ended { client: it, follow, code: it_code, next, first, end } => {
                let ended = FollowEnded {
                    follow: FollowId(follow),
                    code: code(it_code),
                    next_offset: Offset(next),
                    first_offset: Offset(first),
                    end_offset: Offset(end),
                };
                self.on_follow_ended(client(it), ended);
            }
            StreamWord::Gone { client: it } => self.forget_followers(from, client(it)),
            StreamWord::Wanted { client: it, wish } => self.decide(from, client(it), wish),
            StreamWord::Decided { client: it, code: it_code } => {
                self.on_decided(client(it), code(it_code));
            }
            StreamWord::Made { number, namespace, state } => {
                self.on_made(from, number, namespace, &state);
            }
            StreamWord::Removed { number, stream } => self.on_removed(from, number, stream),
            StreamWord::Known => self.on_known(),
            StreamWord::Applied { number } => self.on_applied(from, number),
        }
    }
}
