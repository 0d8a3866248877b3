//! What happens to messages for a client that does not read them fast enough (law S19).
//!
//! ```text
//!                       the outbox is full            and still is after backpressure_ms
//! disconnect            the client is cut off
//! drop-newest           the message is dropped
//! drop-oldest           the oldest that wait are
//!                       dropped to make room
//! backpressure          publishers wait               the client is cut off
//!   -drop-newest        publishers wait               as drop-newest, until it has caught up
//!   -drop-oldest        publishers wait               as drop-oldest, until it has caught up
//! ```

use super::limits::BACKPRESSURE_MS_MAX;

/// A declared policy. Its numbers are those of the wire and never change their meaning.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
#[repr(u8)]
pub enum SlowConsumerPolicy {
    /// The client is cut off as soon as its outbox is full.
    Disconnect = 1,
    /// What is published while the outbox is full is dropped.
    DropNewest = 2,
    /// What waits longest in the outbox is dropped, to make room.
    DropOldest = 3,
    /// Publishers wait; when that was in vain the client is cut off.
    #[default]
    Backpressure = 4,
    /// Publishers wait; when that was in vain, as [`SlowConsumerPolicy::DropNewest`].
    BackpressureDropNewest = 5,
    /// Publishers wait; when that was in vain, as [`SlowConsumerPolicy::DropOldest`].
    BackpressureDropOldest = 6,
}

/// What to do about one message for which there is no room.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Remedy {
    /// Its publisher waits, this many milliseconds at most.
    Wait(u16),
    /// The client is cut off.
    Disconnect,
    /// The message is dropped.
    DropNewest,
    /// What waits longest is dropped.
    DropOldest,
}

/// A policy with its patience.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SlowConsumer {
    /// The policy.
    pub policy: SlowConsumerPolicy,
    /// How long publishers wait, in milliseconds; it says nothing where they do not.
    pub backpressure_ms: u16,
}

/// A policy as a client asks for it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct SlowConsumerWish {
    /// The policy; none: whatever holds anyway.
    pub policy: Option<SlowConsumerPolicy>,
    /// How long publishers shall wait, in milliseconds; none: as long as they would anyway.
    pub backpressure_ms: Option<u16>,
}

impl SlowConsumerPolicy {
    /// Every policy there is, by number.
    pub const ALL: [SlowConsumerPolicy; 6] = [
        SlowConsumerPolicy::Disconnect,
        SlowConsumerPolicy::DropNewest,
        SlowConsumerPolicy::DropOldest,
        SlowConsumerPolicy::Backpressure,
        SlowConsumerPolicy::BackpressureDropNewest,
        SlowConsumerPolicy::BackpressureDropOldest,
    ];

    /// The policy with this number, if there is one.
    #[must_use]
    pub fn from_number(number: u8) -> Option<SlowConsumerPolicy> {
        SlowConsumerPolicy::ALL.into_iter().find(|policy| *policy as u8 == number)
    }

    /// The policy with this name, if there is one.
    #[must_use]
    pub fn from_name(name: &str) -> Option<SlowConsumerPolicy> {
        SlowConsumerPolicy::ALL.into_iter().find(|policy| policy.name() == name)
    }

    /// Its name, as configurations and command lines write it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            SlowConsumerPolicy::Disconnect => "disconnect",
            SlowConsumerPolicy::DropNewest => "drop-newest",
            SlowConsumerPolicy::DropOldest => "drop-oldest",
            SlowConsumerPolicy::Backpressure => "backpressure",
            SlowConsumerPolicy::BackpressureDropNewest => "backpressure-drop-newest",
            SlowConsumerPolicy::BackpressureDropOldest => "backpressure-drop-oldest",
        }
    }

    /// Whether messages that wait may be dropped, so that it has to be known where each begins.
    #[must_use]
    pub fn drops_oldest(self) -> bool {
        match self {
            SlowConsumerPolicy::DropOldest | SlowConsumerPolicy::BackpressureDropOldest => true,
            SlowConsumerPolicy::Disconnect
            | SlowConsumerPolicy::DropNewest
            | SlowConsumerPolicy::Backpressure
            | SlowConsumerPolicy::BackpressureDropNewest => false,
        }
    }
}

impl core::fmt::Display for SlowConsumerPolicy {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(self.name())
    }
}

impl Default for SlowConsumer {
    fn default() -> Self {
        let backpressure_ms = BACKPRESSURE_MS_MAX as u16;
        SlowConsumer { policy: SlowConsumerPolicy::default(), backpressure_ms }
    }
}

impl SlowConsumer {
    /// What to do about a message without room. `lapsed`: publishers have waited in vain already,
    /// and the client has not caught up since.
    #[must_use]
    pub fn remedy(self, lapsed: bool) -> Remedy {
        let waits = !lapsed && self.backpressure_ms > 0;
        match self.policy {
            SlowConsumerPolicy::Backpressure
            | SlowConsumerPolicy::BackpressureDropNewest
            | SlowConsumerPolicy::BackpressureDropOldest
                if waits =>
            {
                Remedy::Wait(self.backpressure_ms)
            }
            SlowConsumerPolicy::Disconnect | SlowConsumerPolicy::Backpressure => Remedy::Disconnect,
            SlowConsumerPolicy::DropNewest | SlowConsumerPolicy::BackpressureDropNewest => {
                Remedy::DropNewest
            }
            SlowConsumerPolicy::DropOldest | SlowConsumerPolicy::BackpressureDropOldest => {
                Remedy::DropOldest
            }
        }
    }

    /// What holds for a client that asks for something: its wish, but that nobody waits longer than
    /// here.
    #[must_use]
    pub fn with(self, wish: SlowConsumerWish) -> SlowConsumer {
        SlowConsumer {
            policy: wish.policy.unwrap_or(self.policy),
            backpressure_ms: wish
                .backpressure_ms
                .map_or(self.backpressure_ms, |ms| ms.min(self.backpressure_ms)),
        }
    }
}

const _: () = assert!(BACKPRESSURE_MS_MAX <= u16::MAX as u64, "patience has 16 bits");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_names_read_back() {
        for policy in SlowConsumerPolicy::ALL {
            assert_eq!(SlowConsumerPolicy::from_number(policy as u8), Some(policy));
            assert_eq!(SlowConsumerPolicy::from_name(policy.name()), Some(policy));
        }
        assert_eq!(SlowConsumerPolicy::from_number(0), None);
        assert_eq!(SlowConsumerPolicy::from_name("drop"), None);
    }

    #[test]
    fn s19_every_policy_has_its_remedy_before_and_after_patience_is_over() {
        use SlowConsumerPolicy as Policy;
        let table = [
            (Policy::Disconnect, Remedy::Disconnect, Remedy::Disconnect),
            (Policy::DropNewest, Remedy::DropNewest, Remedy::DropNewest),
            (Policy::DropOldest, Remedy::DropOldest, Remedy::DropOldest),
            (Policy::Backpressure, Remedy::Wait(7), Remedy::Disconnect),
            (Policy::BackpressureDropNewest, Remedy::Wait(7), Remedy::DropNewest),
            (Policy::BackpressureDropOldest, Remedy::Wait(7), Remedy::DropOldest),
        ];
        assert_eq!(table.map(|(policy, ..)| policy), Policy::ALL);
        for (policy, before, after) in table {
            let patient = SlowConsumer { policy, backpressure_ms: 7 };
            assert_eq!((patient.remedy(false), patient.remedy(true)), (before, after), "{policy}");
            let hasty = SlowConsumer { policy, backpressure_ms: 0 };
            assert_eq!(hasty.remedy(false), after, "{policy} without any patience");
        }
    }

    #[test]
    fn a_wish_is_granted_but_for_more_patience() {
        let ours = SlowConsumer { policy: SlowConsumerPolicy::Disconnect, backpressure_ms: 100 };
        let wish = |backpressure_ms| SlowConsumerWish {
            policy: Some(SlowConsumerPolicy::Backpressure),
            backpressure_ms,
        };
        assert_eq!(ours.with(SlowConsumerWish::default()), ours);
        assert_eq!(ours.with(wish(None)).remedy(false), Remedy::Wait(100));
        assert_eq!(ours.with(wish(Some(30))).remedy(false), Remedy::Wait(30));
        assert_eq!(ours.with(wish(Some(9_000))).remedy(false), Remedy::Wait(100));
    }
}
