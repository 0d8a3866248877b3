//! Sessions that prove the doors, and conversations through them, for tests only.
//!
//! What it does: speaks just enough NATS, and a protocol without manners, to show that [`Session`], `Command`, `Event`,
//! `Commands` and `OutBuf` carry protocols that differ from the native one in everything they can:
//! text and binary, one delivery per subscription and one per client, names and no names, answers
//! in order. Conversations run on a real shard in a simulated world and are kept as text in
//! `transcript`. What it never does: it is no gateway, is compiled for tests only, and serves nobody.
//!
//! [`Session`]: coilgun_protocol::session::Session

mod broker;
mod conversations;
mod native;
mod nats;
mod nats_line;
mod nats_subscriptions;
mod notation;
mod player;
mod replies;
mod rude;
mod waiting_for_more;
mod without_manners;

pub(super) use nats::NatsProbe;
pub(super) use rude::Rude;
