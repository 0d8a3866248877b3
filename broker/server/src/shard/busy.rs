//! How much of its time a shard works, from the clock reading that every turn has anyway (law S27).

use coilgun_protocol::model::Timestamp;

/// How often the share is worked out, in nanoseconds.
const WINDOW_NS: u64 = 10_000_000;

/// Over how much time the share is smoothed, in nanoseconds.
const SMOOTHING_NS: u64 = 16 * WINDOW_NS;

/// Measures the share of time spent in turns that had work.
#[derive(Debug, Default)]
pub(super) struct BusyMeter {
    window_began: Timestamp,
    /// When the latest turn began.
    turn_began: Timestamp,
    /// It had work.
    had_work: bool,
    busy_ns: u64,
    /// The smoothed share, per million.
    share: u64,
}

impl BusyMeter {
    /// A turn began at `now`, and had work or not. Returns the share per mille when it is time to say
    /// it, about every ten milliseconds.
    #[inline]
    pub(super) fn on_turn(&mut self, now: Timestamp, has_work: bool) -> Option<u32> {
        // Whoever has work takes the next turn at once: the time between is the time of the turn.
        if self.had_work {
            self.busy_ns += now.0.saturating_sub(self.turn_began.0);
        }
        self.turn_began = now;
        self.had_work = has_work;
        let elapsed = now.0.saturating_sub(self.window_began.0);
        (elapsed >= WINDOW_NS).then(|| self.end_window(now, elapsed))
    }

    fn end_window(&mut self, now: Timestamp, elapsed_ns: u64) -> u32 {
        let busy_ns = std::mem::take(&mut self.busy_ns).min(elapsed_ns);
        self.window_began = now;
        let sample = (u128::from(busy_ns) * 1_000_000 / u128::from(elapsed_ns)) as u64;
        let weight = elapsed_ns.min(SMOOTHING_NS);
        self.share = (self.share * (SMOOTHING_NS - weight) + sample * weight) / SMOOTHING_NS;
        (self.share / 1_000) as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A shard whose turns take 100 us, of which `busy` in ten have work, for some milliseconds.
    fn run(meter: &mut BusyMeter, from_ms: u64, ms: u64, busy: u64) -> u32 {
        let mut share = 0;
        for turn in 0..ms * 10 {
            let now = Timestamp(from_ms * 1_000_000 + turn * 100_000);
            share = meter.on_turn(now, turn % 10 < busy).unwrap_or(share);
        }
        share
    }

    #[test]
    fn s3_the_busy_share_follows_the_work() {
        let mut meter = BusyMeter::default();
        assert_eq!(run(&mut meter, 10_000, 1, 0), 0, "it has only begun");
        let share = run(&mut meter, 10_001, 2_000, 3);
        assert!((299..=300).contains(&share), "{share}");
        let share = run(&mut meter, 12_001, 2_000, 10);
        assert!((998..=1000).contains(&share), "{share}");
        let share = run(&mut meter, 14_001, 2_000, 0);
        assert!(share <= 1, "{share}");
    }

    #[test]
    fn s3_a_burst_of_some_milliseconds_is_not_a_busy_shard() {
        let mut meter = BusyMeter::default();
        run(&mut meter, 10_000, 1_000, 0);
        let share = run(&mut meter, 11_000, 20, 10);
        assert!(share < 125, "{share}");
    }

    #[test]
    fn s3_time_asleep_is_not_time_at_work() {
        let mut meter = BusyMeter::default();
        run(&mut meter, 10_000, 1_000, 10);
        meter.on_turn(Timestamp(11_000_000_000), false);
        assert_eq!(meter.on_turn(Timestamp(16_000_000_000), true), Some(0), "five seconds later");
    }
}
