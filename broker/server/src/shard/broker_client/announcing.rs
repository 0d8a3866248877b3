//! What `.broker` says of itself: who comes and goes, and that the broker ends.
//!
//! An announcement waits for nobody: whoever has no room for it misses it, as their policy says.

use coilgun_protocol::buffer::Chunk;
use coilgun_protocol::elbus::{BROKER_NAME, NAME};
use coilgun_protocol::model::{
    Delivery, NamespaceId, PublishFlags, SubscriptionId, Ticket, Timestamp,
};
use serde::Serialize;

use super::speaker::{SpeakerQueue, Word};
use crate::env::Env;
use crate::mesh::ReplyTo;
use crate::mutant::{self, Mutant};
use crate::shard::draft::Draft;
use crate::shard::publish::Origin;
use crate::shard::shedding::ATTEMPTS;
use crate::shard::turn::Shard;

/// Where clients that come and go are announced.
const INFO_SUBJECT: &[u8] = b"%2Ebroker.info";
/// Where the end of the broker is announced.
const WARN_SUBJECT: &[u8] = b"%2Ebroker.warn";
/// Words of other threads that are said in one turn.
const WORDS_PER_TURN: usize = 16;

/// One announcement; `t` is in nanoseconds since 1970.
#[derive(Serialize)]
struct Announcement<'a> {
    s: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    d: Option<&'a str>,
    t: u64,
}

/// The text of an announcement.
fn announcement(subject: &str, name: Option<&str>, time_ns: u64) -> Vec<u8> {
    let announcement = Announcement { s: subject, d: name, t: time_ns };
    rmp_serde::to_vec_named(&announcement).expect("texts and numbers are MessagePack")
}

impl<E: Env> Shard<E> {
    /// Announces that a client has its name now, if it is a primary and anybody listens.
    pub(in super::super) fn announce_arrival(
        &mut self,
        now: Timestamp,
        namespace: NamespaceId,
        name: &[u8],
    ) {
        self.announce_client(now, namespace, name, "reg");
    }

    /// Announces those who have gone.
    pub(in super::super) fn announce_departures(&mut self, now: Timestamp) {
        // Ends because every step takes one out, and whoever is cut off for it is announced at the end.
        while let Some((namespace, name)) = self.departed.pop_front() {
            self.announce_client(now, namespace, &name, "unreg");
        }
    }

    fn announce_client(&mut self, now: Timestamp, namespace: NamespaceId, name: &[u8], what: &str) {
        if mutant::is_active(Mutant::Unannounced) || !self.is_wanted(namespace, INFO_SUBJECT) {
            return;
        }
        let mut text = Vec::new();
        NAME.text(name, &mut text);
        let text = String::from_utf8(text).expect("shown names are UTF-8");
        let payload = announcement(what, Some(&text), self.env.wall_clock_ns());
        self.say_as_broker(now, namespace, INFO_SUBJECT, &payload, PublishFlags::default());
    }

    /// Announces that the broker ends, to those who listen on this shard. Every shard does so.
    pub(in super::super) fn announce_shutdown(&mut self, now: Timestamp) {
        let payload = announcement("shutdown", None, self.env.wall_clock_ns());
        for number in 0..self.settings.namespaces.len() {
            let namespace = NamespaceId(u16::try_from(number).expect("there are few namespaces"));
            let delivery = as_broker(WARN_SUBJECT, &payload, PublishFlags::default());
            if self.plan_announcement(now, namespace, &delivery) {
                self.carry_out(now, Origin::Announcement(namespace), || delivery);
            }
        }
    }

    /// Says some of what other threads want said.
    pub(in super::super) fn run_words(&mut self, now: Timestamp) -> usize {
        let mut count = 0;
        while count < WORDS_PER_TURN
            && let Some(Word { subject, payload, flags }) =
                self.words.as_ref().and_then(SpeakerQueue::take)
        {
            let known = PublishFlags::BROADCAST.0 | PublishFlags::REALTIME.0;
            let flags = PublishFlags(flags.0 & known);
            self.say_as_broker(now, NamespaceId::DEFAULT, &subject, &payload, flags);
            count += 1;
        }
        count
    }

    /// Whether anybody would get a message, on any shard.
    fn is_wanted(&mut self, namespace: NamespaceId, subject: &[u8]) -> bool {
        let delivery = as_broker(subject, &[], PublishFlags::default());
        let origin = Origin::Announcement(namespace);
        self.plan(origin, &Draft::of_answer(&delivery)).is_ok()
            && (!self.plan.targets().is_empty() || !self.plan.shards().is_empty())
    }

    /// Publishes a message in the name of `.broker`, and waits for nobody. Where the way to another
    /// shard is full, nobody there hears it.
    fn say_as_broker(
        &mut self,
        now: Timestamp,
        namespace: NamespaceId,
        subject: &[u8],
        payload: &[u8],
        flags: PublishFlags,
    ) {
        let delivery = as_broker(subject, payload, flags);
        if !self.plan_announcement(now, namespace, &delivery) {
            return;
        }
        let origin = Origin::Announcement(namespace);
        let has_way = self.has_way(&Draft::of_answer(&delivery));
        let reached = self.carry_out(now, origin, || delivery);
        self.counters.deliveries += u64::from(reached.receivers);
        if reached.crossing > 0 && has_way {
            self.cross(now, origin, ReplyTo::NOBODY, &delivery);
        }
    }

    /// Plans what is said in the name of `.broker`. Who has no room is left out, or makes room, or is
    /// cut off, as its policy says; nobody is waited for.
    fn plan_announcement(
        &mut self,
        now: Timestamp,
        namespace: NamespaceId,
        delivery: &Delivery<'_>,
    ) -> bool {
        let draft = Draft::of_answer(delivery);
        self.has_cut = false;
        for attempt in 1..=ATTEMPTS {
            if self.plan(Origin::Announcement(namespace), &draft).is_err() {
                return false;
            }
            if self.plan_has_room() || !self.relieve_arrived(now, attempt == ATTEMPTS) {
                break;
            }
        }
        self.press_remote();
        true
    }
}

/// A message in the name of `.broker`.
fn as_broker<'a>(subject: &'a [u8], payload: &'a [u8], flags: PublishFlags) -> Delivery<'a> {
    Delivery {
        subscription: SubscriptionId::NAME,
        subject,
        reply: &[],
        headers: &[],
        payload: Chunk::plain(payload),
        tail: None,
        sender: BROKER_NAME,
        correlation: Ticket::NONE,
        deadline_ms: 0,
        flags,
        missed: 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn golden_announcements() {
        assert_eq!(announcement("reg", Some("a.b"), 7), b"\x83\xa1s\xa3reg\xa1d\xa3a.b\xa1t\x07");
        assert_eq!(announcement("shutdown", None, 1 << 60), {
            b"\x82\xa1s\xa8shutdown\xa1t\xcf\x10\x00\x00\x00\x00\x00\x00\x00"
        });
    }
}
