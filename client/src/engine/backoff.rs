//! When and where to connect next.

use core::time::Duration;

use coilgun_protocol::model::Timestamp;

use crate::address::Address;
use crate::engine::calls::after;
use crate::options::Options;
use crate::reconnect::Reconnect;

/// Picks addresses in turn and times at random.
#[derive(Debug)]
pub(super) struct Backoff {
    addresses: Vec<Address>,
    /// The address of the next attempt.
    next: usize,
    reconnect: Option<Reconnect>,
    retry_first_connect: bool,
    /// Attempts that failed in a row.
    failed: u32,
    /// Connections in a row that stood for less than the longest delay.
    short: u32,
    /// When the client was let in last.
    let_in: Timestamp,
    dice: Dice,
}

/// Numbers that only look random, from a seed (splitmix64).
#[derive(Debug)]
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

impl Backoff {
    pub(super) fn new(options: &Options, seed: u64) -> Backoff {
        let mut addresses = vec![options.address.clone()];
        addresses.extend_from_slice(&options.addresses_more);
        Backoff {
            addresses,
            next: 0,
            reconnect: options.reconnect,
            retry_first_connect: options.retry_first_connect,
            failed: 0,
            short: 0,
            let_in: Timestamp(0),
            dice: Dice(seed),
        }
    }

    /// A number that only looks random.
    pub(super) fn roll(&mut self) -> u64 {
        self.dice.roll()
    }

    /// The address of an attempt that begins now.
    pub(super) fn begin_attempt(&mut self) -> Address {
        let address = self.addresses[self.next].clone();
        self.next = (self.next + 1) % self.addresses.len();
        address
    }

    /// The client was let in.
    pub(super) fn on_success(&mut self, now: Timestamp) {
        (self.failed, self.let_in) = (0, now);
    }

    /// An attempt failed, or a connection that stood is lost; says how long to wait for the next
    /// attempt, or that there is none. `was_connected`: the client was let in at least once.
    ///
    /// A broker that lets the client in only to cut it off is not asked again at once for ever: delays
    /// grow with short connections as with attempts that failed.
    pub(super) fn next_delay(
        &mut self,
        now: Timestamp,
        was_connected: bool,
        attempt_failed: bool,
    ) -> Option<Duration> {
        self.failed += u32::from(attempt_failed);
        if !was_connected && !self.retry_first_connect {
            // Every address gets one chance, at once.
            let has_more = (self.failed as usize) < self.addresses.len();
            return has_more.then_some(Duration::ZERO);
        }
        let reconnect = self.reconnect?;
        if reconnect.attempts_max.is_some_and(|max| self.failed >= max) {
            return None;
        }
        if !attempt_failed {
            let stood = Duration::from_nanos(now.0.saturating_sub(self.let_in.0));
            self.short = if stood < reconnect.delay_max { self.short.saturating_add(1) } else { 0 };
        }
        // One connection that was short is an accident.
        let in_vain = self.failed.saturating_add(self.short.saturating_sub(1));
        let doubled = reconnect.delay_first.saturating_mul(1 << in_vain.min(20));
        let bound = doubled.min(reconnect.delay_max).as_nanos();
        let bound = u64::try_from(bound).unwrap_or(u64::MAX);
        Some(Duration::from_nanos(self.dice.roll() % bound.saturating_add(1).max(1)))
    }

    /// The moment of the next attempt.
    pub(super) fn at(now: Timestamp, delay: Duration) -> Timestamp {
        after(now, delay)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses() -> Options {
        let address = |port| Address::Tcp(format!("h:{port}"));
        Options::new(address(1)).with_address(address(2))
    }

    #[test]
    fn addresses_are_tried_in_turn_and_delays_grow_to_their_bound() {
        let mut backoff = Backoff::new(&addresses(), 7);
        let mut longest = Duration::ZERO;
        for attempt in 0..200 {
            let port = attempt % 2 + 1;
            assert_eq!(backoff.begin_attempt().to_string(), format!("h:{port}"));
            let delay = backoff.next_delay(Timestamp(1), true, true).expect("it never gives up");
            let bound = Duration::from_millis(50).saturating_mul(2 << attempt.min(20));
            assert!(delay <= bound.min(Duration::from_secs(5)), "{attempt}: {delay:?}");
            longest = longest.max(delay);
        }
        assert!(longest > Duration::from_secs(4), "the bound is reached: {longest:?}");
    }

    #[test]
    fn a_first_connection_fails_after_one_attempt_per_address() {
        let mut backoff = Backoff::new(&addresses(), 7);
        assert_eq!(backoff.next_delay(Timestamp(1), false, true), Some(Duration::ZERO));
        assert_eq!(backoff.next_delay(Timestamp(1), false, true), None);
    }

    #[test]
    fn attempts_are_counted_in_a_row() {
        let reconnect = Reconnect::default().with_attempts_max(2);
        let mut backoff = Backoff::new(&addresses().with_reconnect(reconnect), 7);
        assert!(backoff.next_delay(Timestamp(1), true, false).is_some());
        assert!(backoff.next_delay(Timestamp(1), true, true).is_some());
        backoff.on_success(Timestamp(1));
        assert!(backoff.next_delay(Timestamp(1), true, true).is_some());
        assert_eq!(backoff.next_delay(Timestamp(1), true, true), None);
    }

    #[test]
    fn a_broker_that_lets_in_and_cuts_off_is_asked_more_and_more_seldom() {
        let mut backoff = Backoff::new(&addresses(), 7);
        let mut now = Timestamp(1);
        let mut cut_off_after = |ms| {
            backoff.on_success(now);
            now = now.plus_ms(ms);
            backoff.next_delay(now, true, false).expect("it never gives up")
        };
        let longest = |delays: [Duration; 50]| delays.into_iter().max().expect("there are some");
        let soon = longest([(); 50].map(|()| cut_off_after(5000)));
        assert!(soon <= Duration::from_millis(50), "each stood for long enough: {soon:?}");
        let late = longest([(); 50].map(|()| cut_off_after(4999)));
        assert!(late > Duration::from_secs(4), "none did: {late:?}");
        assert!(cut_off_after(5000) <= Duration::from_millis(50), "all is well again");
    }
}
